package state

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A file is replaced whole, for its owner alone, and where that cannot be it stays.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "allow.csv")
	for _, text := range []string{"one\n", "", strings.Repeat("x", 1<<20)} {
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); string(got) != text || err != nil {
			t.Errorf("the file holds %.20q, %v; want %.20q", got, err, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if err := Replace(filepath.Join(dir, "none", "allow.csv"), nil); err == nil {
		t.Error("a file was made in no folder")
	}
	inTheWay := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(inTheWay, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(inTheWay, nil); err == nil {
		t.Error("a folder was replaced")
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*"+tempSuffix)); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Who wants a folder's lock waits for it.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { // ends with the lock
		unlock, err := Lock(dir)
		if err == nil {
			err = unlock()
		}
		second <- err
	}()
	select {
	case err := <-second:
		t.Fatalf("the lock was taken twice: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Errorf("after the first gave it back: %v", err)
	}
	if _, err := Lock(filepath.Join(dir, "none")); err == nil {
		t.Error("no folder was locked")
	}
}
