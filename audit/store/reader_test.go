package store

import (
	"errors"
	"os"
	"slices"
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
		if id, err := r.LastID(t.Context()); err != nil || id != 0 {
			t.Errorf("LastID = %d, %v; want 0", id, err)
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

func TestFollowing(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := varied(t, o)
		last, err := s.LastID(t.Context())
		if err != nil || last != int64(len(variety())) {
			t.Fatalf("LastID = %d, %v; want %d", last, err, len(variety()))
		}
		for _, tt := range []struct {
			f    Filter
			id   int64
			want []int64
		}{
			{Filter{}, last, nil},
			{Filter{}, 5, []int64{6, 7, 8}}, // 7 came when the clock was set back
			{Filter{Category: "sales"}, 0, []int64{2, 3}},
			{Filter{Category: "sales"}, 2, []int64{3}},
		} {
			calls, err := s.Behind(t.Context(), tt.f, tt.id)
			if err != nil || !slices.Equal(ids(calls), tt.want) {
				t.Errorf("Behind(%+v, %d) = %v, %v; want %v", tt.f, tt.id, ids(calls), err, tt.want)
			}
		}
	})
}
