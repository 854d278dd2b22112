package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// Erasure is what is left of a number that was erased.
type Erasure struct {
	At    time.Time
	Hash  string // audit.Digest of the number under the Options' Key: it answers "was this number erased?"
	Calls int64  // calls that were deleted
}

// ErrNotCompacted reports that the calls are erased, and overwritten where the file
// was SQLite's, but that their room could not be given back.
var ErrNotCompacted = errors.New("store: calls erased, database not compacted")

// Erase deletes every call that n made or was called by, or that holds n anywhere
// else, from the database and the spool, and makes the database forget what it
// deleted. Where callers are masked those who share n's mask go with it. What the
// database does not take meanwhile waits in the spool. An Options' Key is needed.
//
// Logs and backups of a PostgreSQL server are out of its reach.
func (s *Store) Erase(ctx context.Context, n screening.Number) (Erasure, error) {
	if len(s.privacy.Key) == 0 {
		return Erasure{}, errors.New("store: a key is needed to erase a number")
	}
	if n.Digits == "" {
		return Erasure{}, errors.New("store: nothing to erase")
	}
	e := Erasure{At: time.Now(), Hash: audit.Digest(s.privacy.Key, n.Digits)}
	spooled, err := s.eraseSpool(ctx, n)
	if err != nil {
		return Erasure{}, err
	}
	db, err := s.database.open(mending)
	if err != nil {
		return Erasure{}, err
	}
	defer db.Close()
	if e.Calls, err = s.eraseCalls(ctx, db, n, e); err != nil {
		return Erasure{}, fmt.Errorf("store: erasing: %w", s.database.redact(err))
	}
	e.Calls += int64(spooled)
	if err := s.database.compact(ctx, db); err != nil {
		return e, fmt.Errorf("%w: %w", ErrNotCompacted, s.database.redact(err))
	}
	return e, nil
}

// eraseSpool writes what is queued, and takes n out of the spool, all of it between
// two batches. It returns how many calls it took out.
func (s *Store) eraseSpool(ctx context.Context, n screening.Number) (int, error) {
	type result struct {
		removed int
		err     error
	}
	done := make(chan result, 1)
	op := func(w *writer) {
		w.flush(ctx)
		removed, err := w.spool.remove(func(r *row) bool { return s.holds(r, n) })
		s.health.spooled.Store(w.spool.left())
		done <- result{removed, err}
	}
	select {
	case s.ops <- op:
	case <-s.ended:
		return 0, errClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case r := <-done:
		return r.removed, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// holds reports whether a call in the spool holds n.
func (s *Store) holds(r *row, n screening.Number) bool {
	if r.Called == n.Digits || r.Number == n.Digits || r.Number != "" && r.Numbers != audit.Full &&
		r.Number == (audit.Privacy{Level: r.Numbers, Key: s.privacy.Key}).Number(n.Digits) {
		return true
	}
	digits := audit.Core(n)
	return digits != "" && (strings.Contains(r.Decision, digits) || strings.Contains(r.Call, digits))
}

// eraseCalls deletes the calls that hold n, and notes that it did.
func (s *Store) eraseCalls(ctx context.Context, db *sql.DB, n screening.Number, e Erasure) (int64, error) {
	q := &query{}
	q.add("DELETE FROM calls WHERE number IN (", strings.Join(q.spellings(n.Digits, s.privacy), ", "), ") OR called = ", q.arg(n.Digits))
	if digits := audit.Core(n); digits != "" {
		q.add(" OR decision LIKE ", q.arg("%"+digits+"%"), " OR call LIKE ", q.arg("%"+digits+"%"))
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // does nothing behind a Commit
	deleted, err := affected(tx.ExecContext(ctx, q.text.String(), q.args...))
	if err != nil {
		return 0, err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO erasures (at, hash, calls) VALUES ($1, $2, $3)", micros(e.At), e.Hash, deleted); err != nil {
		return 0, err
	}
	return deleted, tx.Commit()
}

// Erasures returns what is left of the numbers that were erased, the last first.
func (r *Reader) Erasures(ctx context.Context) ([]Erasure, error) {
	return r.erasures(ctx, &query{})
}

// Erased returns what is left of a number, in normal form, that was erased; zero
// where it was not, or where that cannot be told without the Options' Key.
func (r *Reader) Erased(ctx context.Context, number string) (Erasure, error) {
	if number == "" || len(r.privacy.Key) == 0 {
		return Erasure{}, nil
	}
	q := &query{}
	q.add(" WHERE hash = ", q.arg(audit.Digest(r.privacy.Key, number)))
	all, err := r.erasures(ctx, q)
	if err != nil || len(all) == 0 {
		return Erasure{}, err
	}
	return all[0], nil
}

func (r *Reader) erasures(ctx context.Context, where *query) ([]Erasure, error) {
	q := &query{args: where.args}
	q.add("SELECT at, hash, calls FROM erasures", where.text.String(), " ORDER BY id DESC")
	var all []Erasure
	err := r.rows(ctx, q, func(rows *sql.Rows) error {
		var e Erasure
		var at int64
		err := rows.Scan(&at, &e.Hash, &e.Calls)
		e.At = fromMicros(at)
		all = append(all, e)
		return err
	})
	return all, err
}

// compact makes the database forget what was deleted from calls: SQLite's log is
// emptied and its file written anew, without the remains in half-filled pages.
func (d database) compact(ctx context.Context, db *sql.DB) error {
	if d.file == "" {
		_, err := db.ExecContext(ctx, "VACUUM (FULL) calls")
		return err
	}
	if err := checkpoint(ctx, db); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "VACUUM"); err != nil {
		return err
	}
	return checkpoint(ctx, db)
}

// checkpoint moves SQLite's log into the file and empties it, as soon as nobody
// reads what is in it.
func checkpoint(ctx context.Context, db *sql.DB) error {
	var busy, frames, moved int
	if err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return errors.New("log is in use")
	}
	return nil
}
