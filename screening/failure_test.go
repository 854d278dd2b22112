package screening

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// reasoned is an error that names its own reason, as those of directories do.
type reasoned string

func (r reasoned) Error() string  { return "directory: " + string(r) }
func (r reasoned) Reason() string { return string(r) }
func (r reasoned) Unwrap() error  { return context.DeadlineExceeded }

func TestFailureReason(t *testing.T) {
	tests := map[string]error{
		"":         nil,
		"timeout":  fmt.Errorf("waiting: %w", context.DeadlineExceeded),
		"canceled": fmt.Errorf("waiting: %w", context.Canceled),
		"panic":    fmt.Errorf("%w: boom", ErrPanic),
		"quota":    fmt.Errorf("asking: %w", reasoned("quota")),
		"failed":   errors.New("something else"),
	}
	for want, err := range tests {
		if got := FailureReason(err); got != want {
			t.Errorf("FailureReason(%v) = %q, want %q", err, got, want)
		}
	}
}
