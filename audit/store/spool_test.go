package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func testSpool(t *testing.T, limit int64) *spool {
	t.Helper()
	s, err := openSpool(filepath.Join(t.TempDir(), "spool"), limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

// calls is a batch with a call for each name.
func calls(seq int64, names ...string) *batch {
	b := &batch{Writer: "w", Seq: seq, Items: len(names)}
	for _, name := range names {
		b.Rows = append(b.Rows, &row{Call: name, Number: name, Numbers: "full", Decision: `{"Call":{"ID":"` + name + `"}}`})
	}
	return b
}

func put(t *testing.T, s *spool, batches ...*batch) {
	t.Helper()
	for _, b := range batches {
		if err := s.put(b); err != nil {
			t.Fatal(err)
		}
	}
}

// drained takes everything out of a spool: the calls' names, and "damaged" for what
// cannot be read.
func drained(t *testing.T, s *spool) (names []string) {
	t.Helper()
	for !s.empty() {
		b, err := s.first()
		switch {
		case errors.Is(err, errDamaged):
			names = append(names, "damaged")
		case err != nil:
			t.Fatal(err)
		default:
			for _, r := range b.Rows {
				names = append(names, r.Call)
			}
		}
		if err := s.pop(); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// reopened opens a spool anew, as the next process does.
func reopened(t *testing.T, old *spool) *spool {
	t.Helper()
	if err := old.close(); err != nil {
		t.Fatal(err)
	}
	s, err := openSpool(old.path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

func TestSpoolKeepsOrder(t *testing.T) {
	s := testSpool(t, 1<<20)
	put(t, s, calls(1, "a", "b"), calls(2, "c"))
	if b, err := s.first(); err != nil || b.Seq != 1 || b.Writer != "w" || b.Items != 2 {
		t.Fatalf("first is %+v, %v; want batch 1", b, err)
	}
	if err := s.pop(); err != nil {
		t.Fatal(err)
	}
	put(t, s, calls(3, "d"))
	if got := drained(t, s); !slices.Equal(got, []string{"c", "d"}) {
		t.Errorf("out came %v; want c, d", got)
	}
	if info, err := os.Stat(s.path); err != nil || info.Size() != 0 {
		t.Errorf("an empty spool takes %d bytes, %v", info.Size(), err)
	}
	put(t, s, calls(4, "e"))
	if got := drained(t, s); !slices.Equal(got, []string{"e"}) {
		t.Errorf("out came %v; want e", got)
	}
}

func TestSpoolOutlivesItsProcess(t *testing.T) {
	s := testSpool(t, 1<<20)
	put(t, s, calls(1, "a"), calls(2, "b"))
	for _, tail := range []string{"", `{"writer":"w","seq":3,"rows":[{"call":"` + strings.Repeat("x", 1000)} {
		f, err := os.OpenFile(s.path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(tail); err != nil {
			t.Fatal(err)
		}
		f.Close()
		again := reopened(t, s)
		if info, err := os.Stat(s.path); err != nil || info.Size() != again.size {
			t.Errorf("with %q at the end the file has %d bytes, %v; want %d", tail, info.Size(), err, again.size)
		}
		put(t, again, calls(4, "c"))
		want := []string{"a", "b", "c"}
		if tail != "" {
			want = []string{"c"} // the first round has emptied it
			again = reopened(t, again)
		}
		if got := drained(t, again); !slices.Equal(got, want) {
			t.Errorf("with %q at the end out came %v; want %v", tail, got, want)
		}
		s = again
	}
}

func TestSpoolSkipsWhatIsDamaged(t *testing.T) {
	s := testSpool(t, 1<<20)
	put(t, s, calls(1, "a"), calls(2, "b"), calls(3, "c"))
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Replace(text, []byte(`"seq":2`), []byte(`"seq":x`), 1)
	if err := os.WriteFile(s.path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := drained(t, reopened(t, s)); !slices.Equal(got, []string{"a", "damaged", "c"}) {
		t.Errorf("out came %v; want a, damaged, c", got)
	}
}

func TestSpoolThatSomebodyCut(t *testing.T) {
	s := testSpool(t, 1<<20)
	put(t, s, calls(1, "a"), calls(2, "b"))
	if err := os.Truncate(s.path, 10); err != nil {
		t.Fatal(err)
	}
	if got := drained(t, s); !slices.Equal(got, []string{"damaged"}) {
		t.Errorf("out came %v; want damaged", got)
	}
	put(t, s, calls(3, "c"))
	if got := drained(t, s); !slices.Equal(got, []string{"c"}) {
		t.Errorf("out came %v; want c", got)
	}
}

func TestSpoolIsBounded(t *testing.T) {
	s := testSpool(t, 500)
	var err error
	n := 0
	for ; err == nil; n++ {
		err = s.put(calls(int64(n), fmt.Sprint(n)))
	}
	if !errors.Is(err, errSpoolFull) || n < 2 {
		t.Fatalf("after %d batches: %v; want errSpoolFull after some", n, err)
	}
	if info, err := os.Stat(s.path); err != nil || info.Size() > 500 {
		t.Errorf("spool of %d bytes, %v; want at most 500", info.Size(), err)
	}
	if got := drained(t, s); len(got) != n-1 {
		t.Errorf("out came %d; want %d", len(got), n-1)
	}
}

// Half of a batch that still fitted on the disk is taken off again.
func TestSpoolOnAFullDisk(t *testing.T) {
	path := filepath.Join(tmpfs(t, "size=64k"), "spool")
	s, err := openSpool(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	n := 0
	for ; err == nil; n++ {
		err = s.put(calls(int64(n), strings.Repeat("x", 10_000)))
	}
	info, statErr := os.Stat(path)
	if n < 2 || statErr != nil || info.Size() != s.size {
		t.Errorf("after %d batches, %v: %d bytes on the disk, %v; want %d", n, err, info.Size(), statErr, s.size)
	}
	if got := drained(t, s); len(got) != n-1 {
		t.Errorf("out came %d; want %d", len(got), n-1)
	}
}

func TestSpoolRemove(t *testing.T) {
	s := testSpool(t, 1<<20)
	put(t, s, calls(1, "done"), calls(2, "a", "secret"), calls(3, "secret"), calls(4, "b"))
	if _, err := s.first(); err != nil {
		t.Fatal(err)
	}
	if err := s.pop(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.first(); err != nil { // it has been read already
		t.Fatal(err)
	}
	removed, err := s.remove(func(r *row) bool { return r.Call == "secret" })
	if err != nil || removed != 2 {
		t.Errorf("%d removed, %v; want 2", removed, err)
	}
	if text, err := os.ReadFile(s.path); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("the file holds %s, %v", text, err)
	}
	put(t, s, calls(5, "c"))
	if got := drained(t, s); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("out came %v; want a, b, c", got)
	}
	if removed, err := s.remove(func(*row) bool { return true }); removed != 0 || err != nil {
		t.Errorf("from an empty spool %d removed, %v", removed, err)
	}
}

// Two processes that share a folder by mistake must not write over each other.
func TestSpoolIsOfOneProcess(t *testing.T) {
	s := testSpool(t, 1<<20)
	put(t, s, calls(1, "a"))
	if other, err := openSpool(s.path, 1<<20); !errors.Is(err, errInUse) {
		t.Errorf("the spool opened twice: %v, %v", other, err)
	}
	if got := drained(t, s); len(got) != 1 {
		t.Errorf("the spool holds %v; want what was put into it", got)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	other, err := openSpool(s.path, 1<<20)
	if err != nil {
		t.Fatalf("the spool of a process that has ended: %v", err)
	}
	if err := other.close(); err != nil {
		t.Error(err)
	}
}
