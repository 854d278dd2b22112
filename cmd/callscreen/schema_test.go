package main

import (
	"bytes"
	"testing"
)

// The schema that editors find beside the examples is the one that is printed.
func TestSchema(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := execute([]string{"schema"}, &stdout, &stderr); code != 0 || stderr.Len() != 0 {
		t.Fatalf("exit code %d, stderr %q", code, stderr.String())
	}
	if stdout.String() != readFile(t, "../../configs/policy.schema.json") {
		t.Error("schema prints another one than configs/policy.schema.json")
	}
	if code := execute([]string{"schema", "more"}, &stdout, &stderr); code != exitUsage {
		t.Errorf("exit code with an argument = %d, want %d", code, exitUsage)
	}
}
