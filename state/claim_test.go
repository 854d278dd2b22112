//go:build unix

package state

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestClaim(t *testing.T) {
	dir := t.TempDir()
	must := func(release func() error, err error) func() {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return func() {
			t.Helper()
			if err := release(); err != nil {
				t.Error(err)
			}
		}
	}
	refused := func(_ func() error, err error) {
		t.Helper()
		if !errors.Is(err, ErrInUse) {
			t.Errorf("%v; want ErrInUse", err)
		}
	}
	process, successor := must(Use(dir)), must(Use(dir))
	refused(Claim(dir))
	process()
	refused(Claim(dir))
	successor()
	command := must(Claim(dir))
	refused(Claim(dir))
	refused(Use(dir))
	command()
	must(Use(dir))()
	if _, err := Claim(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v; want that there is none", err)
	}
}
