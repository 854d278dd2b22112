package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
)

// TestLogDoesNotWait: nobody reads, and neither a line nor the end waits for
// long.
func TestLogDoesNotWait(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close() // ends what is still being written
	log, stop := newLog(w)
	for range 20_000 { // more than pipe and queue hold
		log.Info().Msg(strings.Repeat("x", 100))
	}
	stop()
}

func TestLogLines(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	log, stop := newLog(w)
	log.Debug().Msg("not this")
	log.Info().Str("call", "1@x").Msg("call allowed")
	log.Warn().Msg("second")
	stop()
	w.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	var first map[string]string
	if err := json.Unmarshal(lines[0], &first); err != nil || len(lines) != 2 {
		t.Fatalf("log = %s, %v; want two lines of JSON", text, err)
	}
	if first["time"] == "" || first["level"] != "info" || first["call"] != "1@x" || first["message"] != "call allowed" {
		t.Errorf("first line = %v; want time, level, call and message", first)
	}
}
