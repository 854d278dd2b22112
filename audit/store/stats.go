package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// Columns are what calls can be grouped by.
var Columns = []string{"number", "called", "trunk", "category", "action", "rule", "source", "failed", "mode", "final"}

// ErrColumn reports that calls cannot be grouped by a column.
var ErrColumn = errors.New("store: no such column")

// Group is how many calls have something in common.
type Group struct {
	Key   string // what they have in common
	Calls int
	Last  time.Time // when the last of them came
}

// Group returns the calls that f means by one of Columns, the largest groups first,
// at most limit of them.
func (r *Reader) Group(ctx context.Context, f Filter, column string, limit int) ([]Group, error) {
	if !slices.Contains(Columns, column) {
		return nil, fmt.Errorf("%w: %q", ErrColumn, column)
	}
	return r.groups(ctx, grouping(&f, column, limit, r.privacy))
}

func grouping(f *Filter, column string, limit int, p audit.Privacy) *query {
	q := &query{}
	q.add("SELECT CAST(", column, " AS TEXT), count(*), max(at) FROM calls")
	q.where(f, p)
	q.add(" GROUP BY ", column, " ORDER BY count(*) DESC, ", column, " LIMIT ", q.arg(limit))
	return q
}

// Hour is how many calls of a kind came in an hour.
type Hour struct {
	Start    time.Time
	Trunk    string
	Category string
	Action   string
	Rule     string
	Source   string
	Failed   string
	Mode     string
	Calls    int
	Last     time.Time // when the last of them came
}

// Hours returns the calls of the hours that begin not before since and before until,
// the oldest hours first. It costs little, however many the calls.
func (r *Reader) Hours(ctx context.Context, since, until time.Time) ([]Hour, error) {
	q := &query{}
	q.add("SELECT hour, trunk, category, action, rule, source, failed, mode, calls, last FROM hours WHERE hour >= ", q.arg(hourOf(since)),
		" AND hour < ", q.arg(hourOf(until.Add(time.Hour-1))), " ORDER BY hour")
	var hours []Hour
	err := r.rows(ctx, q, func(rows *sql.Rows) error {
		var h Hour
		var hour, last int64
		err := rows.Scan(&hour, &h.Trunk, &h.Category, &h.Action, &h.Rule, &h.Source, &h.Failed, &h.Mode, &h.Calls, &last)
		h.Start, h.Last = hourStart(hour), fromMicros(last)
		hours = append(hours, h)
		return err
	})
	return hours, err
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

func hourStart(hour int64) time.Time { return time.Unix(hour*3600, 0) }

// Stats is what happened in a time.
type Stats struct {
	Calls      int
	Acted      int            // in enforce, with another verdict than allow
	Actions    map[string]int // verdicts, whatever the mode
	Categories map[string]int // of callers that are known
	Trunks     map[string]int
	Failed     map[string]int // lookups that brought no answer, by reason
	Paid       int            // queries that were made
	Saved      int            // queries that the cache saved
	Rules      []Group        // with their hits, the most hit first
	Callers    []Group        // the numbers that called most, at most 10
}

// Stats returns what happened in the hours that begin not before since and before
// until.
func (r *Reader) Stats(ctx context.Context, since, until time.Time) (*Stats, error) {
	hours, err := r.Hours(ctx, since, until)
	if err != nil {
		return nil, err
	}
	s := summarize(hours)
	s.Callers, err = r.groups(ctx, r.calling(since, until))
	return s, err
}

// calling asks who called most. Only of the few that did it asks when they did last.
func (r *Reader) calling(since, until time.Time) *query {
	q := &query{}
	from, to := q.arg(micros(since)), q.arg(micros(until))
	hint, at := r.by("calls_number")
	q.add("SELECT number, calls, (SELECT max(at) FROM calls WHERE calls.number = most.number AND at < ", to, ") FROM (",
		"SELECT number, count(*) AS calls FROM calls", hint, " WHERE ", at, " >= ", from, " AND ", at, " < ", to,
		" AND number <> '' GROUP BY number ORDER BY count(*) DESC, number LIMIT 10) AS most ORDER BY calls DESC, number")
	return q
}

// by has SQLite go through an index that holds all that is asked for, in the order to count
// it in; it would rather take the index on the times and look up every call, or look for
// the times of each number by themselves, which is what at, the name of that column, keeps it from.
func (r *Reader) by(index string) (hint, at string) {
	if r.file == "" {
		return "", "at"
	}
	return " INDEXED BY " + index, "+at"
}

func (r *Reader) groups(ctx context.Context, q *query) ([]Group, error) {
	var groups []Group
	err := r.rows(ctx, q, func(rows *sql.Rows) error {
		var g Group
		var last int64
		err := rows.Scan(&g.Key, &g.Calls, &last)
		g.Last = fromMicros(last)
		groups = append(groups, g)
		return err
	})
	return groups, err
}

func summarize(hours []Hour) *Stats {
	s := &Stats{Actions: map[string]int{}, Categories: map[string]int{}, Trunks: map[string]int{}, Failed: map[string]int{}}
	rules := map[string]*Group{}
	for i := range hours {
		h := &hours[i]
		s.Calls += h.Calls
		s.Actions[h.Action] += h.Calls
		s.Trunks[h.Trunk] += h.Calls
		if h.Category != "" {
			s.Categories[h.Category] += h.Calls
		}
		if h.Failed != "" {
			s.Failed[h.Failed] += h.Calls
		}
		if h.Mode == screening.Enforce.String() && h.Action != screening.Allow.String() {
			s.Acted += h.Calls
		}
		switch screening.Source(h.Source) {
		case screening.SourceQuery:
			s.Paid += h.Calls
		case screening.SourceCache, screening.SourceStale:
			s.Saved += h.Calls
		}
		rule := rules[h.Rule]
		if rule == nil {
			rule = &Group{Key: h.Rule}
			rules[h.Rule] = rule
		}
		rule.Calls += h.Calls
		if rule.Last.Before(h.Last) {
			rule.Last = h.Last
		}
	}
	for _, rule := range rules {
		s.Rules = append(s.Rules, *rule)
	}
	slices.SortFunc(s.Rules, func(a, b Group) int { return cmp.Or(b.Calls-a.Calls, cmp.Compare(a.Key, b.Key)) })
	return s
}
