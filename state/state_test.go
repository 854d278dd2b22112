package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func writes(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

// load returns what f holds, and whether it was read at all.
func load(f *File) (text string, read bool, err error) {
	err = f.Load(func(r io.Reader) error {
		read = true
		all, err := io.ReadAll(r)
		text = string(all)
		return err
	})
	return text, read, err
}

func fileOf(t *testing.T) *File {
	t.Helper()
	return &File{Path: filepath.Join(t.TempDir(), "cache"), Kind: "cache 1"}
}

func save(t *testing.T, f *File, text string) {
	t.Helper()
	if err := f.Save(writes(text)); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, f *File) string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(f.Path))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func TestFileKeepsWhatWasSavedLast(t *testing.T) {
	f := fileOf(t)
	if _, read, err := load(f); read || err != nil {
		t.Errorf("no file: read %v, %v", read, err)
	}
	for _, text := range []string{"", "one\n", "two\nlines", "\nsha256 00\n", strings.Repeat("x", 1<<20)} {
		save(t, f, text)
		if got, read, err := load(f); got != text || !read || err != nil {
			t.Errorf("Load = %.40q, %v, %v; want %.40q", got, read, err, text)
		}
	}
	if info, err := os.Stat(f.Path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode = %v, %v; want 0600: it holds numbers", info.Mode(), err)
	}
	if got := names(t, f); got != "cache" {
		t.Errorf("the folder holds %s", got)
	}
}

// TestDamage cuts, flips and lengthens a file everywhere: it never loads in part.
func TestDamage(t *testing.T) {
	f := fileOf(t)
	save(t, f, "one\ntwo\nthree\n")
	whole, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	var damaged [][]byte
	for i := range whole {
		flipped := bytes.Clone(whole)
		flipped[i] ^= 1
		damaged = append(damaged, flipped, whole[:i], append(bytes.Clone(whole[:i]), make([]byte, len(whole)-i)...))
	}
	damaged = append(damaged, append(bytes.Clone(whole), '\n'), []byte("callscreen cache 2\n"), make([]byte, 1<<16))
	for _, content := range damaged {
		if err := os.WriteFile(f.Path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, read, err := load(f)
		if read || !errors.Is(err, ErrSetAside) || !strings.Contains(err.Error(), f.Path+".bad") {
			t.Fatalf("Load of %q: read %v, %v; want it set aside", content, read, err)
		}
		if aside, err := os.ReadFile(f.Path + ".bad"); err != nil || !bytes.Equal(aside, content) {
			t.Fatalf("set aside %q, %v; want %q", aside, err, content)
		}
		if _, read, err := load(f); read || err != nil {
			t.Fatalf("Load after it: %v, %v; want none", read, err)
		}
	}
}

func TestOtherKindsAndRefusedContentAreSetAside(t *testing.T) {
	f := fileOf(t)
	save(t, f, "text")
	other := File{Path: f.Path, Kind: "cache 2"}
	if _, read, err := load(&other); read || !errors.Is(err, ErrSetAside) {
		t.Errorf("another kind: read %v, %v", read, err)
	}
	save(t, f, "text")
	refusal := errors.New("cannot read this")
	err := f.Load(func(io.Reader) error { return refusal })
	if !errors.Is(err, refusal) || !errors.Is(err, ErrSetAside) || names(t, f) != "cache.bad" {
		t.Errorf("refused content: %v, %s", err, names(t, f))
	}
	if err := os.Mkdir(f.Path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, read, err := load(f); read || err == nil {
		t.Errorf("a folder: read %v, %v", read, err)
	}
}

func TestFailedSaveChangesNothing(t *testing.T) {
	f := fileOf(t)
	save(t, f, "old")
	half := errors.New("half way")
	err := f.Save(func(w io.Writer) error {
		io.WriteString(w, strings.Repeat("new", 1<<20))
		return half
	})
	if got, _, _ := load(f); !errors.Is(err, half) || got != "old" || names(t, f) != "cache" {
		t.Errorf("Save = %v; then %.40q in %s", err, got, names(t, f))
	}
	gone := File{Path: filepath.Join(f.Path, "no", "folder"), Kind: "cache 1"}
	if err := gone.Save(writes("x")); err == nil {
		t.Error("saved without a folder")
	}
}

func TestSweepsWhatCrashesLeft(t *testing.T) {
	f := &File{Path: filepath.Join(t.TempDir(), "ca[c]he"), Kind: "cache 1"}
	old, young := f.Path+".1.tmp", f.Path+".2.tmp"
	for _, name := range []string{old, young} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	save(t, f, "x")
	if got := names(t, f); got != "ca[c]he ca[c]he.2.tmp" {
		t.Errorf("the folder holds %s", got)
	}
}

func TestSavesAtOnce(t *testing.T) {
	f := fileOf(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := f.Save(writes(strings.Repeat(fmt.Sprintln(i), 10_000))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	got, _, err := load(f)
	line, _, _ := strings.Cut(got, "\n")
	if err != nil || got != strings.Repeat(line+"\n", 10_000) {
		t.Errorf("Load = %.40q of %d bytes, %v", got, len(got), err)
	}
}

// pad is a log that others write while it is read.
type pad struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pad) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pad) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f := &File{Path: filepath.Join(dir, "cache"), Kind: "cache 1"}
		var log pad
		saves := 0
		var full atomic.Bool
		write := func(w io.Writer) error {
			saves++
			fmt.Fprint(w, saves)
			if full.Load() {
				return errors.New("disk full")
			}
			return nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		kept := make(chan error, 1)
		go func() { kept <- f.Keep(ctx, time.Minute, write, zerolog.New(&log)) }() // ends with cancel
		at := func(want string, lines int) {
			t.Helper()
			synctest.Wait()
			if got, _, err := load(f); got != want || err != nil || strings.Count(log.String(), "not saved") != lines {
				t.Errorf("kept %q, %v, log %s; want %q and %d lines", got, err, log.String(), want, lines)
			}
		}
		time.Sleep(time.Minute - 1)
		at("", 0)
		time.Sleep(time.Minute)
		at("1", 0)
		full.Store(true)
		time.Sleep(3 * time.Minute)
		at("1", 1)
		full.Store(false)
		time.Sleep(time.Minute)
		at("5", 1)
		cancel()
		if err := <-kept; err != nil {
			t.Error(err)
		}
		at("6", 1)
	})
}
