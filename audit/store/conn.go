package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	busyWait    = 250 * time.Millisecond // longest wait for another process that writes to a file
	writeWithin = 3 * time.Second        // longest a batch may take
	atOnce      = 32                     // calls that one statement inserts where there are that many
)

// conn writes batches. Its statements are those of one connection.
type conn struct {
	db       *sql.DB
	turn     *sql.Stmt // counts the batch, unless it is counted already
	rows     *sql.Stmt // atOnce calls
	row      *sql.Stmt // one call
	answer   *sql.Stmt
	end      *sql.Stmt
	hour     *sql.Stmt
	prepared []*sql.Stmt
	postgres bool // else it is SQLite
}

const (
	insertTurn = `INSERT INTO writers (id, seq, at) VALUES ($1, $2, $3)
		ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, at = excluded.at WHERE writers.seq < excluded.seq`
	updateAnswer = `UPDATE calls SET final = $2, ring = $3, answered = $4, ended = $5, ended_by = $6
		WHERE id = (SELECT id FROM calls WHERE call = $1 ORDER BY id DESC LIMIT 1) AND final = 0`
	updateEnd = `UPDATE calls SET ended = $2, ended_by = $3
		WHERE id = (SELECT id FROM calls WHERE call = $1 ORDER BY id DESC LIMIT 1) AND ended = 0`
	addHour = `INSERT INTO hours (hour, trunk, category, action, rule, source, failed, mode, calls, last)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (hour, trunk, category, action, rule, source, failed, mode) DO UPDATE
		SET calls = hours.calls + excluded.calls, last = CASE WHEN excluded.last > hours.last THEN excluded.last ELSE hours.last END`
)

// insertRows inserts n calls, with an argument for each of their columns.
func insertRows(n int, verb string, placeholder func(i int) string) string {
	var s strings.Builder
	s.WriteString(verb + " INTO calls (" + strings.Join(columns, ", ") + ") VALUES ")
	for i := range n * len(columns) {
		switch {
		case i == 0:
			s.WriteByte('(')
		case i%len(columns) == 0:
			s.WriteString("), (")
		default:
			s.WriteByte(',')
		}
		s.WriteString(placeholder(i + 1))
	}
	s.WriteByte(')')
	return s.String()
}

// newConn prepares what a writer says to PostgreSQL, or else to SQLite. It owns db,
// also on an error.
func newConn(ctx context.Context, db *sql.DB, postgres bool) (*conn, error) {
	// Of many rows SQLite keeps a journal, unless the transaction is lost with them, and
	// arguments with names it has to look for.
	verb, placeholder := "INSERT OR ROLLBACK", func(int) string { return "?" }
	if postgres {
		verb, placeholder = "INSERT", func(i int) string { return "$" + strconv.Itoa(i) }
	}
	c := &conn{db: db, postgres: postgres}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&c.turn, insertTurn},
		{&c.rows, insertRows(atOnce, verb, placeholder)},
		{&c.row, insertRows(1, "INSERT", placeholder)},
		{&c.answer, updateAnswer},
		{&c.end, updateEnd},
		{&c.hour, addHour},
	} {
		stmt, err := db.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("store: preparing: %w", err), c.close())
		}
		*p.to = stmt
		c.prepared = append(c.prepared, stmt)
	}
	return c, nil
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.db.Close())...)
}

// apply writes a batch, all of it or nothing. A batch that is written already is not
// written again. What the database refuses for what it is, and would refuse for
// ever, is left out: lost says how much, and why.
func (c *conn) apply(b *batch) (lost int, why, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	t := transaction{ctx: ctx, conn: c}
	if err = t.run(b); rejects(err) {
		t = transaction{ctx: ctx, conn: c, careful: true}
		err = t.run(b)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("store: writing: %w", err)
	}
	return t.lost, t.why, nil
}

// transaction writes one batch.
type transaction struct {
	*conn
	ctx     context.Context
	tx      *sql.Tx
	careful bool // item by item, without those that are refused
	lost    int
	why     error
}

func (t *transaction) run(b *batch) (err error) {
	if t.tx, err = t.db.BeginTx(t.ctx, nil); err != nil {
		return err
	}
	defer t.tx.Rollback() // does nothing behind a Commit
	mine, err := t.takeTurn(b)
	if err != nil || !mine {
		return err
	}
	for _, step := range []func(*batch) error{t.endings, t.calls, t.hours} {
		if err := step(b); err != nil {
			return err
		}
	}
	return t.tx.Commit()
}

// takeTurn counts the batch, and reports whether it was not counted before.
func (t *transaction) takeTurn(b *batch) (bool, error) {
	done, err := t.exec(t.turn, b.Writer, b.Seq, time.Now().UnixMicro())
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

// exec runs a statement until ctx ends. SQLite's ends soon by itself, since BEGIN has
// taken the lock, and a goroutine to interrupt it would cost as much again.
func (t *transaction) exec(stmt *sql.Stmt, args ...any) (sql.Result, error) {
	ctx := t.ctx
	if !t.postgres {
		ctx = context.WithoutCancel(ctx)
	}
	return t.tx.StmtContext(ctx, stmt).ExecContext(ctx, args...)
}

// endings go first: none is of a call in the same batch.
func (t *transaction) endings(b *batch) error {
	for _, e := range b.Endings {
		if err := t.item(t.ending(e)); err != nil {
			return err
		}
	}
	return nil
}

func (t *transaction) ending(e *ending) (*sql.Stmt, []any) {
	if e.Status == 0 {
		return t.end, []any{e.Call, e.At, e.By}
	}
	answered, ended := e.times()
	return t.answer, []any{e.Call, e.Status, e.Ring, answered, ended, e.By}
}

func (t *transaction) calls(b *batch) error {
	rest, args := b.Rows, make([]any, 0, atOnce*len(columns))
	for len(rest) >= atOnce && !t.careful {
		args = args[:0]
		for _, r := range rest[:atOnce] {
			args = r.values(args)
		}
		if _, err := t.exec(t.rows, args...); err != nil {
			return err
		}
		rest = rest[atOnce:]
	}
	for _, r := range rest {
		if err := t.item(t.row, r.values(nil)); err != nil {
			return err
		}
	}
	return nil
}

// item writes one call or ending.
func (t *transaction) item(stmt *sql.Stmt, args []any) error {
	if !t.careful {
		_, err := t.exec(stmt, args...)
		return err
	}
	if _, err := t.tx.ExecContext(t.ctx, "SAVEPOINT item"); err != nil {
		return err
	}
	_, err := t.exec(stmt, args...)
	if rejects(err) {
		t.lost, t.why = t.lost+1, err
		_, err = t.tx.ExecContext(t.ctx, "ROLLBACK TO SAVEPOINT item")
	}
	return err
}

// kind is a row of the table hours.
type kind struct {
	hour                                                int64
	trunk, category, action, rule, source, failed, mode string
}

// hours counts the calls. The order is always the same, so that two writers do not
// wait for each other.
func (t *transaction) hours(b *batch) error {
	const hour = int64(time.Hour / time.Microsecond)
	type count struct{ calls, last int64 }
	counts := map[kind]count{}
	for _, r := range b.Rows {
		k := kind{r.At / hour, r.Trunk, r.Category, r.Action, r.Rule, r.Source, r.Failed, r.Mode}
		c := counts[k]
		counts[k] = count{c.calls + 1, max(c.last, r.At)}
	}
	for _, k := range slices.SortedFunc(maps.Keys(counts), compareKinds) {
		c := counts[k]
		err := t.item(t.hour, []any{k.hour, k.trunk, k.category, k.action, k.rule, k.source, k.failed, k.mode, c.calls, c.last})
		if err != nil {
			return err
		}
	}
	return nil
}

func compareKinds(a, b kind) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.trunk, b.trunk), cmp.Compare(a.category, b.category),
		cmp.Compare(a.action, b.action), cmp.Compare(a.rule, b.rule), cmp.Compare(a.source, b.source),
		cmp.Compare(a.failed, b.failed), cmp.Compare(a.mode, b.mode))
}
