package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"callscreen/audit"
)

// ErrNotFound reports that the record has no such call.
var ErrNotFound = errors.New("store: no such call")

// Reader answers questions about the record. Its methods may be called from many
// goroutines. A question that ends with its context holds up nobody.
type Reader struct {
	db      *sql.DB
	file    string // SQLite's; empty: PostgreSQL
	privacy audit.Privacy
}

// OpenReader returns a Reader of a database that exists, under the Options' File or
// URL, Numbers and Key. The error is [fs.ErrNotExist] when there is no such file.
func OpenReader(o Options) (*Reader, error) {
	if o.Spool == "" {
		o.Spool = os.DevNull // it is not read
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(o.File); o.File != "" && err != nil {
		return nil, fmt.Errorf("store: opening database: %w", err)
	}
	db, err := database{file: o.File, url: o.URL}.open(reading)
	if err != nil {
		return nil, err
	}
	return &Reader{db, o.File, o.privacy()}, nil
}

// Close ends the Reader.
func (r *Reader) Close() error { return r.db.Close() }

// Page says which part of the calls is wanted.
type Page struct {
	After  Cursor // the last call of the page before; zero: from the start
	Limit  int    // how many calls at most; default 50, at most 1000
	Oldest bool   // the oldest first; default: the newest
}

// Search returns a page of the calls that f means, in the order of their times, and
// where the next page starts; zero when there is none.
func (r *Reader) Search(ctx context.Context, f Filter, p Page) (calls []audit.Record, next Cursor, err error) {
	if some, err := r.narrow(ctx, &f); err != nil || !some {
		return nil, Cursor{}, err
	}
	q := searching(&f, &p, r.privacy)
	calls, last, err := r.records(ctx, q)
	if err != nil || len(calls) < p.Limit {
		return calls, Cursor{}, err
	}
	return calls, last, nil
}

// narrow cuts the time of f to the hours in which there were calls of its kind, and
// reports whether there were any: two columns that have many calls each may have few
// in common, or none.
func (r *Reader) narrow(ctx context.Context, f *Filter) (some bool, err error) {
	q := &query{}
	q.add("SELECT min(hour), max(hour) FROM hours WHERE 1 = 1")
	asked := 0
	for _, c := range f.kind() {
		if c.value != "" {
			q.add(" AND ", c.column, " = ", q.arg(clean(c.value)))
			asked++
		}
	}
	if asked < 2 {
		return true, nil
	}
	var first, last sql.NullInt64
	if err := r.rows(ctx, q, func(rows *sql.Rows) error { return rows.Scan(&first, &last) }); err != nil || !first.Valid {
		return false, err
	}
	if from := hourStart(first.Int64); f.Since.Before(from) {
		f.Since = from
	}
	if to := hourStart(last.Int64 + 1); f.Until.IsZero() || f.Until.After(to) {
		f.Until = to
	}
	return true, nil
}

// Each calls do for every call that f means, the oldest first, until do returns an
// error. Calls that come meanwhile may be among them.
func (r *Reader) Each(ctx context.Context, f Filter, do func(*audit.Record) error) error {
	page := Page{Limit: 1000, Oldest: true}
	for {
		calls, next, err := r.Search(ctx, f, page)
		if err != nil {
			return err
		}
		for i := range calls {
			if err := do(&calls[i]); err != nil {
				return err
			}
		}
		if page.After = next; next == (Cursor{}) {
			return nil
		}
	}
}

// Behind returns the calls that f means and that were written behind the call with an
// id, at most 1000 of them in that order: who follows the record misses none.
func (r *Reader) Behind(ctx context.Context, f Filter, id int64) ([]audit.Record, error) {
	q := &query{}
	q.add(selectRecords)
	q.where(&f, r.privacy)
	q.add(" AND id > ", q.arg(id), " ORDER BY id LIMIT 1000")
	calls, _, err := r.records(ctx, q)
	return calls, err
}

// LastID returns the id of the call that was written last; 0 when there is none.
func (r *Reader) LastID(ctx context.Context) (id int64, err error) {
	q := &query{}
	q.add("SELECT coalesce(max(id), 0) FROM calls")
	err = r.rows(ctx, q, func(rows *sql.Rows) error { return rows.Scan(&id) })
	return id, err
}

// Get returns the call with an id, or ErrNotFound.
func (r *Reader) Get(ctx context.Context, id int64) (audit.Record, error) {
	q := &query{}
	q.add(selectRecords, " WHERE id = ", q.arg(id))
	calls, _, err := r.records(ctx, q)
	if err == nil && len(calls) == 0 {
		err = fmt.Errorf("%w: %d", ErrNotFound, id)
	}
	if err != nil {
		return audit.Record{}, err
	}
	return calls[0], nil
}

const selectRecords = "SELECT id, at, numbers, decision, final, ring, answered, ended, ended_by FROM calls"

func searching(f *Filter, p *Page, privacy audit.Privacy) *query {
	switch {
	case p.Limit <= 0:
		p.Limit = 50
	case p.Limit > 1000:
		p.Limit = 1000
	}
	than, order := "<", "DESC"
	if p.Oldest {
		than, order = ">", "ASC"
	}
	q := &query{}
	q.add(selectRecords)
	q.where(f, privacy)
	if p.After != (Cursor{}) {
		q.add(" AND (at, id) ", than, " (", q.arg(p.After.at), ", ", q.arg(p.After.id), ")")
	}
	q.add(" ORDER BY at ", order, ", id ", order, " LIMIT ", q.arg(p.Limit))
	return q
}

// records returns the calls of a query, and the place of the last.
func (r *Reader) records(ctx context.Context, q *query) (calls []audit.Record, last Cursor, err error) {
	err = r.rows(ctx, q, func(rows *sql.Rows) error {
		var (
			c                         audit.Record
			decision                  string
			ring, answered, ended, at int64
		)
		if err := rows.Scan(&c.ID, &at, &c.Numbers, &decision, &c.Final, &ring, &answered, &ended, &c.EndedBy); err != nil {
			return err
		}
		d, err := decodeDecision(decision)
		if err != nil {
			return err
		}
		c.Decision = d
		c.Ring, c.Answered, c.Ended = span(ring), fromMicros(answered), fromMicros(ended)
		calls, last = append(calls, c), Cursor{at, c.ID}
		return nil
	})
	return calls, last, err
}

// rows calls do for every row of a query: none of a database that no Store has made
// its tables in yet.
func (r *Reader) rows(ctx context.Context, q *query, do func(*sql.Rows) error) error {
	rows, err := r.db.QueryContext(ctx, q.text.String(), q.args...)
	if missing(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return fmt.Errorf("store: reading: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("store: reading: %w", err)
	}
	return nil
}
