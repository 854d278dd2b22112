package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/screening"
)

func TestPrune(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		const n = 2 * pruneMost
		for i := range n + 5 {
			d := example(0)
			d.Call.ID, d.Call.At = fmt.Sprint(i), noon.Add(time.Duration(i)*time.Millisecond)
			s.Record(d)
		}
		late := example(120)
		record(t, s, late)
		written(t, s, n+6)
		deleted, err := s.Prune(t.Context(), noon.Add(n*time.Millisecond))
		if err != nil || deleted != n {
			t.Errorf("Prune deleted %d, %v; want %d", deleted, err, n)
		}
		if got := all(t, s, Filter{}); len(got) != 6 || got[0].Decision.Call.ID != fmt.Sprint(n) {
			t.Errorf("%d calls are left; want 6", len(got))
		}
		if deleted, err = s.Prune(t.Context(), late.Call.At.Truncate(time.Hour)); err != nil || deleted != 5 {
			t.Errorf("Prune deleted %d, %v; want 5", deleted, err)
		}
		hours, err := s.Hours(t.Context(), time.Unix(0, 0), late.Call.At.Add(time.Hour))
		if err != nil || len(hours) != 1 || hours[0].Calls != 1 {
			t.Errorf("hours are %+v, %v; want that of the call that is left", hours, err)
		}
	})
}

// Old calls go by themselves.
func TestRetention(t *testing.T) {
	file := filepath.Join(t.TempDir(), "record.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(Options{File: file, Retention: 90 * 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for _, days := range []int{1, 80} {
			d := example(days)
			d.Call.At = time.Now()
			s.Record(d)
			time.Sleep(time.Duration(days) * 24 * time.Hour)
		}
		left := func() int { return len(all(t, s, Filter{})) }
		if got := left(); got != 2 { // 81 days
			t.Errorf("after 81 days %d calls; want 2", got)
		}
		time.Sleep(10 * 24 * time.Hour)
		if got := left(); got != 1 { // 91 days
			t.Errorf("after 91 days %d calls; want 1", got)
		}
		time.Sleep(2 * 24 * time.Hour)
		if got := left(); got != 0 { // the second is 92 days old
			t.Errorf("after 93 days %d calls; want none", got)
		}
	})
}

// crowd are calls of which some hold the number to be erased, in whatever place.
func crowd(number string) (calls []screening.Decision, holding int) {
	const others = 200
	for i := range others {
		d := example(i)
		d.Call.ID, d.Number.Digits = fmt.Sprintf("other-%d", i), fmt.Sprintf("189%08d", i)
		d.Call.From = "sip:" + d.Number.Digits + "@203.0.113.10"
		calls = append(calls, d)
	}
	own, named, called, named2 := example(300), calls[0], calls[0], calls[0]
	own.Number.Digits, own.Call.From = number, "tel:+86"+number
	named.Call.ID, named.Call.Name = "n", "call me at "+number
	called.Call.ID, called.Called.Digits = "c", number
	named2.Call.ID = number + "-17@pbx"
	return append(calls, own, named, called, named2), 4
}

// After an erasure no byte of the number is anywhere in the folder, and everybody
// else's calls are there.
func TestErase(t *testing.T) {
	const number = "13987654321"
	onEach(t, func(t *testing.T, o Options) {
		o.Key = key
		dir := filepath.Dir(o.File + o.Spool)
		lines, err := audit.Open(audit.Options{File: filepath.Join(dir, "record.jsonl"), Numbers: audit.Full})
		if err != nil {
			t.Fatal(err)
		}
		s := open(t, o)
		calls, holding := crowd(number)
		for _, d := range calls {
			lines.Record(d)
		}
		record(t, s, calls...)
		if o.File != "" && len(holders(t, dir, number)) == 0 {
			t.Fatal("the number is in no file before it is erased: the test shows nothing")
		}
		n := screening.Number{Country: "86", Digits: number, Class: screening.ClassMobile}
		erased, err := s.Erase(t.Context(), n)
		if err != nil || erased.Calls != int64(holding) {
			t.Errorf("Erase = %+v, %v; want %d calls", erased, err, holding)
		}
		if removed, err := lines.Erase(n, erased.Hash); err != nil || removed != holding {
			t.Errorf("%d lines erased, %v; want %d", removed, err, holding)
		}
		if err := lines.Close(); err != nil {
			t.Fatal(err)
		}
		if found := holders(t, dir, number); len(found) > 0 {
			t.Errorf("the number is still in %v", found)
		}
		if got := len(all(t, s, Filter{})); got != len(calls)-holding {
			t.Errorf("%d calls are left; want %d", got, len(calls)-holding)
		}
		left, err := s.Erasures(t.Context())
		if err != nil || len(left) != 1 || left[0].Hash != audit.Digest(key, number) || left[0].Calls != int64(holding) {
			t.Errorf("what is left is %+v, %v; want one line with the hash", left, err)
		}
		if e, err := s.Erased(t.Context(), number); err != nil || e != left[0] {
			t.Errorf("Erased = %+v, %v; want %+v", e, err, left[0])
		}
		if e, err := s.Erased(t.Context(), "13987654322"); err != nil || e != (Erasure{}) {
			t.Errorf("Erased of another number = %+v, %v; want nothing", e, err)
		}
		record(t, s, example(400)) // and it goes on
	})
}

// holders returns the files below dir that hold a text.
func holders(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, []byte(text)) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Numbers that the record hides are found all the same; who shares a mask goes too.
func TestEraseHiddenNumbers(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		o.Key = key
		twin := example(1)
		twin.Number.Digits, twin.Call.From = "13041449112", "sip:13041449112@203.0.113.10" // 130****9112, too
		for level, want := range map[string]int64{audit.Mask: 2, audit.Hash: 1} {
			o.Numbers = level
			s, err := Open(o)
			if err != nil {
				t.Fatal(err)
			}
			await(t, s, "a connection", func(s State) bool { return s.Up })
			record(t, s, example(0), twin)
			erased, err := s.Erase(t.Context(), example(0).Number)
			if err != nil || erased.Calls != want {
				t.Errorf("%s: Erase = %+v, %v; want %d calls", level, erased, err, want)
			}
			if _, err := s.Erase(t.Context(), twin.Number); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// What still waits to be written is erased too.
func TestEraseWhatIsQueued(t *testing.T) {
	s := open(t, Options{File: filepath.Join(t.TempDir(), "record.db"), Key: key})
	for range 10 {
		held, let := make(chan struct{}), make(chan struct{})
		s.ops <- func(*writer) {
			close(held)
			<-let
		}
		<-held
		s.Record(example(0))
		time.AfterFunc(time.Millisecond, func() { close(let) })
		erased, err := s.Erase(t.Context(), example(0).Number)
		if left := len(all(t, s, Filter{})); err != nil || erased.Calls != 1 || left != 0 {
			t.Fatalf("Erase = %+v, %v, %d calls left; want one erased", erased, err, left)
		}
	}
}

// A short number is erased where it is the caller's or the called one, and not
// where other digits hold it by chance.
func TestEraseAShortNumber(t *testing.T) {
	s := open(t, Options{File: filepath.Join(t.TempDir(), "record.db"), Key: key})
	other := example(1)
	other.Called.Digits, other.Call.To, other.Call.ID = "5002", "5002", "40014001"
	record(t, s, example(0), other)
	erased, err := s.Erase(t.Context(), screening.Number{Digits: "4001", Class: screening.ClassExtension})
	if err != nil || erased.Calls != 1 {
		t.Errorf("Erase = %+v, %v; want one call", erased, err)
	}
	if got := ids(all(t, s, Filter{})); !slices.Equal(got, []int64{2}) {
		t.Errorf("left are %v; want the other call", got)
	}
}

// While the database is away the number is erased from the spool, and Erase says
// that it could do no more.
func TestEraseFromTheSpool(t *testing.T) {
	const number = "13987654321"
	dir := t.TempDir()
	o := Options{URL: "postgres://nobody@/none?host=" + dir, Spool: filepath.Join(dir, "spool"), Key: key}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	calls, holding := crowd(number)
	for _, d := range calls {
		s.Record(d)
	}
	await(t, s, "spooled calls", func(st State) bool { return st.Queued == 0 && st.Spooled > 0 })
	n := screening.Number{Digits: number, Class: screening.ClassMobile}
	if e, err := s.Erase(t.Context(), n); err == nil {
		t.Errorf("Erase = %+v without a database; want an error", e)
	}
	if found := holders(t, dir, number); len(found) > 0 {
		t.Errorf("the number is still in %v", found)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	o.URL, o.File = "", filepath.Join(dir, "record.db")
	s = open(t, o)
	written(t, s, uint64(len(calls)-holding))
	if got := len(all(t, s, Filter{})); got != len(calls)-holding {
		t.Errorf("%d calls came out of the spool; want %d", got, len(calls)-holding)
	}
}

func TestEraseNeedsAKeyAndANumber(t *testing.T) {
	s := open(t, Options{File: filepath.Join(t.TempDir(), "record.db")})
	if _, err := s.Erase(t.Context(), example(0).Number); err == nil {
		t.Error("Erase without a key succeeded; want an error")
	}
	s = open(t, Options{File: filepath.Join(t.TempDir(), "record.db"), Key: key})
	if _, err := s.Erase(t.Context(), screening.Number{}); err == nil {
		t.Error("Erase of nothing succeeded; want an error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Erase(ctx, example(0).Number); !errors.Is(err, context.Canceled) {
		t.Errorf("Erase = %v; want %v", err, context.Canceled)
	}
}

// A question that lasts keeps the log in use: Erase says what it could not do.
func TestEraseBesideAReader(t *testing.T) {
	var told bytes.Buffer
	s := open(t, Options{File: filepath.Join(t.TempDir(), "record.db"), Key: key, Logger: zerolog.New(&told)})
	record(t, s, example(0))
	rows, err := s.db.QueryContext(t.Context(), "SELECT id FROM calls UNION ALL SELECT 2 UNION ALL SELECT 3")
	if err != nil || !rows.Next() {
		t.Fatal("no rows", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err = s.Erase(ctx, example(0).Number); !errors.Is(err, ErrNotCompacted) {
		t.Errorf("Erase = %v; want ErrNotCompacted", err)
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
	if _, err = s.Erase(t.Context(), example(0).Number); err != nil {
		t.Errorf("Erase = %v behind the reader; want no error", err)
	}
}
