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
	lists := filepath.Join(dir, "lists")
	for range 2 {
		if err := Folder(lists); err != nil {
			t.Fatal(err)
		}
	}
	list := filepath.Join(lists, "allow.csv")
	if err := Replace(list, nil); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{f.Path: 0o600, lists: 0o700 | os.ModeDir, list: 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; got != want || info.Mode() != mode {
			t.Errorf("%s belongs to %d, mode %v; want %d, %v", path, got, info.Mode(), want, mode)
		}
	}
	if err := Folder(filepath.Join(list, "lists")); err == nil {
		t.Error("a folder was made in a file")
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
