package store

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"callscreen/audit"
)

func read(t *testing.T, o Options) []audit.Record {
	t.Helper()
	r, err := OpenReader(o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return all(t, r, Filter{})
}

// A database that was busy a moment ago is tried once more before the end.
func TestBusyBeforeTheEnd(t *testing.T) {
	o := Options{File: filepath.Join(t.TempDir(), "record.db")}
	s := open(t, o)
	other, err := s.database.open(mending)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil) // takes the lock at once
	if err != nil {
		t.Fatal(err)
	}
	s.Record(example(0))
	await(t, s, "call in the spool", spooling)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := read(t, o); len(got) != 1 {
		t.Errorf("%d calls in the database; want the one", len(got))
	}
}

// A database that does not answer holds up the end no longer than Close may take, and
// what it did not get waits in the spool.
func TestEndWithoutAnAnswer(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0") // never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	spool := filepath.Join(t.TempDir(), "spool")
	s, err := Open(Options{URL: "postgres://nobody@" + hole.Addr().String() + "/none?sslmode=disable", Spool: spool})
	if err != nil {
		t.Fatal(err)
	}
	s.Record(example(0))
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(spool); err != nil || !strings.Contains(string(text), example(0).Call.ID) {
		t.Errorf("spool is %s, %v; want the call in it", text, err)
	}
}

// Who asks while a database is being made gets an answer.
func TestReadingWhatIsBeingMade(t *testing.T) {
	for range 20 {
		o := Options{File: filepath.Join(t.TempDir(), "record.db")}
		var asking sync.WaitGroup
		done := make(chan struct{})
		for range 4 {
			asking.Go(func() { // ends by done
				for !isClosed(done) {
					if err := ask(o); err != nil && !errors.Is(err, fs.ErrNotExist) {
						t.Error(err)
						return
					}
				}
			})
		}
		open(t, o)
		close(done)
		asking.Wait()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ask opens a reader for one question.
func ask(o Options) error {
	r, err := OpenReader(o)
	if err != nil {
		return err
	}
	_, _, err = r.Search(context.Background(), Filter{}, Page{})
	return errors.Join(err, r.Close())
}
