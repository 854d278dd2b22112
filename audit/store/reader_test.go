package store

import (
	"errors"
	"os"
	"testing"
	"time"
)

// A database that is there before its tables are holds no calls.
func TestReaderOfANewDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		if o.File != "" {
			if err := os.WriteFile(o.File, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := OpenReader(o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if calls := all(t, r, Filter{}); len(calls) != 0 {
			t.Errorf("calls = %+v; want none", calls)
		}
		if _, err := r.Get(t.Context(), 1); !errors.Is(err, ErrNotFound) {
			t.Errorf("Get = %v; want %v", err, ErrNotFound)
		}
		s, err := r.Stats(t.Context(), time.Time{}, time.Now())
		if err != nil || s.Calls != 0 {
			t.Errorf("Stats = %+v, %v; want nothing", s, err)
		}
		q := &query{}
		q.add("SELECT at FROM call")
		if err := r.rows(t.Context(), q, nil); err != nil {
			t.Errorf("a table that is not there: %v", err)
		}
		q.add(" WHERE")
		if err := r.rows(t.Context(), q, nil); err == nil {
			t.Error("a statement that is none succeeded; want an error")
		}
	})
}
