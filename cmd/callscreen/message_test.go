package main

import (
	"fmt"
	"syscall"
	"testing"

	"callscreen/screening/strictyaml"
)

// What may not be read or opened is told with what to do about it.
func TestMessage(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("state: %w", syscall.EACCES), "callscreen: state: permission denied: run callscreen as who owns it, or as root"},
		{fmt.Errorf("state: %w", syscall.ENOENT), "callscreen: state: no such file or directory"},
		{strictyaml.Errors{{File: "f", Line: 1, Column: 2, Text: "wrong"}}, "f:1:2: wrong"},
	} {
		if got := message(tt.err); got != tt.want {
			t.Errorf("message = %q, want %q", got, tt.want)
		}
	}
}
