package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/audit/queue"
)

func TestReopenGoesOnInANewFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	l := open(t, Options{File: path})
	l.Record(decision("before"))
	waitFor(t, path, 1)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatalf("Reopen() = %v", err)
	}
	l.Record(decision("after"))
	shut(t, l)
	for file, call := range map[string]string{path + ".1": "before", path: "after"} {
		if got := read(t, file, 1)[0]["call"]; got != call {
			t.Errorf("%s holds call %v; want %s", filepath.Base(file), got, call)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("record has mode %v, %v; want at most 0640", info.Mode(), err)
	}
}

func TestReopenKeepsTheOldFileWhenThereIsNoNewOne(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "record.jsonl")
	l := open(t, Options{File: path})
	l.Record(decision("before"))
	waitFor(t, path, 1)
	moved := dir + ".old"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("Reopen() = nil though the folder is gone; want an error")
	}
	l.Record(decision("still"))
	shut(t, l)
	read(t, filepath.Join(moved, "record.jsonl"), 2)
}

func TestOpenMendsATornEnd(t *testing.T) {
	whole := `{"v":1,"call":"whole"}`
	for _, tt := range []struct{ name, before, kept string }{
		{"a whole file", whole + "\n", whole + "\n"},
		{"a line without its newline", whole, whole + "\n"},
		{"half a line", whole + "\n" + `{"v":1,"call":"ha`, whole + "\n"},
		{"half a line that is all there is", `{"v":`, ""},
		{"somebody else's file", "# not ours", "# not ours\n"},
		{"an empty file", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.jsonl")
			if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
				t.Fatal(err)
			}
			shut(t, open(t, Options{File: path}))
			if got, err := os.ReadFile(path); string(got) != tt.kept || err != nil {
				t.Errorf("mending %q left %q, %v; want %q", tt.before, got, err, tt.kept)
			}
		})
	}
}

func TestFullDiskCountsEveryLine(t *testing.T) {
	l := open(t, Options{File: "/dev/full"})
	for range 10 {
		l.Record(decision("lost"))
	}
	shut(t, l)
	if got := l.Dropped(); got != 10 {
		t.Errorf("Dropped() = %d; want 10", got)
	}
}

// Also when the file was begun by setting another aside, and it goes on being set
// aside afterwards.
func TestCutTakesTheHalfLineOffTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record.jsonl")
	f, err := files{path: path, megabytes: 1}.open()
	if err != nil {
		t.Fatal(err)
	}
	filler := bytes.Repeat([]byte(`{"v":1,"call":"`+strings.Repeat("x", 1000)+"\"}\n"), 1000)
	for range 2 { // the second sets the first aside
		if _, err := f.Write(filler); err != nil {
			t.Fatal(err)
		}
	}
	l := &Log{queue: queue.New(9), file: f, out: writeFunc(func(p []byte) (int, error) {
		n, _ := f.Write(p[:len(p)-5])
		return n, syscall.ENOSPC
	})}
	l.init(Privacy{}, adder{l})
	l.Record(decision("kept"))
	l.Record(decision("half"))
	l.flush()
	if l.torn || l.Dropped() != 1 {
		t.Errorf("torn %v, dropped %d; want false, 1", l.torn, l.Dropped())
	}
	l.out = f
	l.Record(decision("after"))
	l.flush()
	got := read(t, path, 1002)[1000:]
	if got[0]["call"] != "kept" || got[1]["call"] != "after" {
		t.Errorf("file holds %v; want kept, after", got)
	}
	if _, err := f.Write(filler); err != nil {
		t.Fatal(err)
	}
	if found, err := filepath.Glob(filepath.Join(dir, "*-size*")); err != nil || len(found) != 2 {
		t.Errorf("set aside are %v, %v; want two files", found, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// A file that is full is set aside whole, and every line is in one of the two.
func TestLargeFileIsSetAside(t *testing.T) {
	dir := t.TempDir()
	l := open(t, Options{File: filepath.Join(dir, "record.jsonl"), Megabytes: 1, Queue: 1 << 15})
	d := example()
	d.Call.Name = strings.Repeat("n", maxText)
	const n = 2000
	for range n {
		l.Record(d)
	}
	shut(t, l)
	found, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(found) != 2 || !strings.Contains(found[0], "-size.jsonl") {
		t.Fatalf("files are %v, %v; want one set aside for its size, and one in use", found, err)
	}
	total := 0
	for _, path := range found {
		p, err := os.ReadFile(path)
		if err != nil || len(p) > 1<<20 {
			t.Errorf("%s has %d bytes, %v; want at most a megabyte", path, len(p), err)
		}
		lines := bytes.Count(p, []byte("\n"))
		written(t, p, lines)
		total += lines
	}
	if total != n || l.Dropped() != 0 {
		t.Errorf("%d lines, %d dropped; want %d, 0", total, l.Dropped(), n)
	}
}

// At midnight the day's lines are set aside, busy or not, and old files go.
func TestDayIsSetAsideAtMidnight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		old := filepath.Join(dir, "record-1999-12-20T00-00-00.000-time.jsonl")
		if err := os.WriteFile(old, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, Options{File: filepath.Join(dir, "record.jsonl"), Keep: 7 * 24 * time.Hour})
		l.Record(decision("one day")) // the bubble's time starts in the year 2000
		time.Sleep(36 * time.Hour)
		l.Record(decision("another"))
		shut(t, l)
		if got := read(t, filepath.Join(dir, "record.jsonl"), 1)[0]["call"]; got != "another" {
			t.Errorf("the file in use holds %v; want another", got)
		}
		found, err := filepath.Glob(filepath.Join(dir, "record-*.jsonl"))
		if err != nil || len(found) == 0 || found[0] == old {
			t.Fatalf("set aside are %v, %v; want those of the last two days", found, err)
		}
		if got := read(t, found[0], 1)[0]["call"]; got != "one day" {
			t.Errorf("%s holds %v; want one day", found[0], got)
		}
	})
}
