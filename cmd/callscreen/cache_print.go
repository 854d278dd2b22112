package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"callscreen/screening"
)

// printed is what a command prints for people.
type printed interface{ print(io.Writer) error }

// cacheStats is [screening.CacheStats] as commands print it.
type cacheStats struct {
	Entries    int               `json:"entries"` // numbers with an answer, fresh or not
	Size       int               `json:"size"`    // that there may be
	Answers    map[string]uint64 `json:"answers"` // calls with an answer, by where it came from
	Unscreened map[string]uint64 `json:"unscreened"`
	Queries    uint64            `json:"queries"` // that directories were asked
	Failures   uint64            `json:"failures"`
	Evictions  uint64            `json:"evictions"`
}

func newCacheStats(s screening.CacheStats) cacheStats {
	all := cacheStats{s.Entries, s.Size, map[string]uint64{}, map[string]uint64{}, s.Queries, s.Failures, s.Evictions}
	for source, n := range s.Hits {
		all.Answers[string(source)] = n
	}
	maps.Copy(all.Unscreened, s.Unscreened)
	return all
}

func (s cacheStats) print(w io.Writer) error {
	t := newTable(w)
	t.row("entries", fmt.Sprintf("%d of %d", s.Entries, s.Size))
	t.row("answers", counts(s.Answers))
	t.row("unscreened", counts(s.Unscreened))
	t.row("queries", fmt.Sprintf("%d, %d of them without an answer", s.Queries, s.Failures))
	t.row("evictions", fmt.Sprint(s.Evictions))
	return t.Flush()
}

// counts writes how many there are of each.
func counts(of map[string]uint64) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		all = append(all, fmt.Sprintf("%s %d", name, of[name]))
	}
	return strings.Join(all, ", ")
}

// cacheEntry is [screening.CacheEntry] as commands print it.
type cacheEntry struct {
	Number  string `json:"number"`
	Country string `json:"country"`
	Class   string `json:"class"`
	Known   bool   `json:"known"`
	knowledge
	At      time.Time `json:"at"`      // when a directory said so
	Expires time.Time `json:"expires"` // when it is past its time; it may serve longer
	Fresh   bool      `json:"fresh"`
}

func newCacheEntry(n screening.Number, e screening.CacheEntry) cacheEntry {
	return cacheEntry{
		n.Digits, n.Country, string(n.Class), e.Known(), knowledgeOf(e.Reputation),
		e.At.Round(time.Second), e.Expires.Round(time.Second), time.Now().Before(e.Expires),
	}
}

func (e cacheEntry) print(w io.Writer) error {
	t := newTable(w)
	t.row("number", e.Number)
	t.row("country", e.Country)
	t.row("class", class(screening.Number{Class: screening.Class(e.Class)}))
	e.knowledge.rows(t)
	if !e.Known {
		t.row("known", "nothing")
	}
	t.row("directory", e.Directory)
	t.row("at", e.At.Format(time.DateTime))
	if e.Fresh {
		t.row("fresh until", e.Expires.Format(time.DateTime))
	} else {
		t.row("past its time since", e.Expires.Format(time.DateTime))
	}
	return t.Flush()
}

// forgotten is how many answers were dropped.
type forgotten struct {
	Forgotten int `json:"forgotten"`
}

func (f forgotten) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d forgotten\n", f.Forgotten)
	return err
}
