package audit

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestJumpedClocks(t *testing.T) {
	for _, tt := range []struct {
		wall, passed time.Duration
		want         bool
	}{
		{24 * time.Hour, 24 * time.Hour, false},
		{24*time.Hour + time.Minute, 24 * time.Hour, false},
		{365 * 24 * time.Hour, 24 * time.Hour, true},
		{-time.Hour, 24 * time.Hour, true},
		{22 * time.Hour, 24 * time.Hour, true},
	} {
		if got := jumped(tt.wall, tt.passed); got != tt.want {
			t.Errorf("%v on the wall in %v: jumped %v; want %v", tt.wall, tt.passed, got, tt.want)
		}
	}
}

// Only what was set aside goes, and only what is old of it.
func TestPruneFiles(t *testing.T) {
	dir := t.TempDir()
	old := map[string]bool{
		"record-2026-08-20T00-00-00.000-time.jsonl":    true,
		"record-2026-08-20T10-11-12.013-size.jsonl":    true,
		"record-2026-08-20T10-11-12.013-size_1.jsonl":  true,
		"record-2026-11-20T00-00-00.000-time.jsonl":    false,
		"record-2026-08-20T00-00-00.000-time.jsonl.gz": false,
		"record-2026-08-20T00-00-00.000.jsonl":         false,
		"record-2026-08-40T00-00-00.000-time.jsonl":    false,
		"records-2026-08-20T00-00-00.000-time.jsonl":   false,
		"record-of-2020.jsonl":                         false,
		"record.jsonl":                                 false,
	}
	for name := range old {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := (files{path: filepath.Join(dir, "record.jsonl")}).prune(time.Date(2026, 8, 27, 0, 0, 0, 0, time.Local)); err != nil {
		t.Fatal(err)
	}
	for name, gone := range old {
		if _, err := os.Stat(filepath.Join(dir, name)); os.IsNotExist(err) != gone {
			t.Errorf("%s: %v; want it deleted: %v", name, err, gone)
		}
	}
	if err := (files{path: filepath.Join(dir, "no", "record.jsonl")}).prune(time.Now()); err == nil {
		t.Error("a folder that is not there is no error")
	}
}
