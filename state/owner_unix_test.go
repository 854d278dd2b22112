//go:build unix

package state

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFilesBelongToTheOwnerOfTheFolder, whoever saves them, if he may give them away.
func TestFilesBelongToTheOwnerOfTheFolder(t *testing.T) {
	dir, want := t.TempDir(), uint32(os.Geteuid())
	if want == 0 {
		want = 54321
		if err := os.Chown(dir, int(want), int(want)); err != nil {
			t.Fatal(err)
		}
	}
	f := &File{Path: filepath.Join(dir, "cache"), Kind: "cache 1"}
	if err := f.Save(func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Uid; got != want || info.Mode() != 0o600 {
		t.Errorf("the file belongs to %d, mode %v; want %d, 0600", got, info.Mode(), want)
	}
}

func TestForeign(t *testing.T) {
	dir := t.TempDir()
	if Foreign(dir) || Foreign(filepath.Join(dir, "none")) {
		t.Error("an own folder, or one that is not there, is another user's")
	}
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chown(dir, 54321, 54321); err != nil {
		t.Fatal(err)
	}
	if !Foreign(dir) {
		t.Error("another user's folder is none")
	}
}
