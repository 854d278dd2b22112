package store

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"callscreen/audit"
)

// Filter says which calls are meant. Fields that are zero say nothing; all others
// must hold.
type Filter struct {
	Number   string    // the caller, in normal form; found however the record writes it
	Called   string    // the called number, in normal form or as the carrier wrote it
	Call     string    // Call-ID
	Trunk    string    // name of the trunk
	Category string    // screening.Category
	Action   string    // "allow", "tag", "divert" or "reject"
	Rule     string    // id of the rule
	Source   string    // screening.Source
	Failed   string    // reason of a failed lookup
	Mode     string    // "observe" or "enforce"
	Final    int       // SIP status of the final answer
	Since    time.Time // not before
	Until    time.Time // before
	Text     string    // part of a number, name, label, place, reason or Call-ID, in whatever case
}

// equals is a column and what must be in it; empty: anything.
type equals struct{ column, value string }

// kind are the columns that the table hours counts calls by.
func (f *Filter) kind() []equals {
	return []equals{
		{"trunk", f.Trunk},
		{"category", f.Category},
		{"action", f.Action},
		{"rule", f.Rule},
		{"source", f.Source},
		{"failed", f.Failed},
		{"mode", f.Mode},
	}
}

// query is a statement that grows with its arguments.
type query struct {
	text strings.Builder
	args []any
}

func (q *query) add(parts ...string) {
	for _, p := range parts {
		q.text.WriteString(p)
	}
}

// arg returns the placeholder of a new argument.
func (q *query) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

// where adds the condition that f is.
func (q *query) where(f *Filter, p audit.Privacy) {
	word := " WHERE "
	and := func(parts ...string) {
		q.add(word)
		q.add(parts...)
		word = " AND "
	}
	if f.Number != "" {
		and("number IN (", strings.Join(q.spellings(f.Number, p), ", "), ")")
	}
	for _, c := range append(f.kind(), equals{"called", f.Called}, equals{"call", f.Call}) {
		if c.value != "" {
			and(c.column, " = ", q.arg(clean(c.value)))
		}
	}
	if f.Final != 0 {
		and("final = ", q.arg(f.Final))
	}
	if !f.Since.IsZero() {
		and("at >= ", q.arg(micros(f.Since)))
	}
	if !f.Until.IsZero() {
		and("at < ", q.arg(micros(f.Until)))
	}
	if f.Text != "" {
		and("words LIKE ", q.arg("%"+literal.Replace(strings.ToLower(clean(f.Text)))+"%"), ` ESCAPE '\'`)
	}
	if word == " WHERE " {
		and("1 = 1")
	}
}

// literal keeps a text from being a pattern.
var literal = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// spellings are the ways in which the record may write a number: the level may have
// been another one when the call came.
func (q *query) spellings(number string, p audit.Privacy) []string {
	all := []string{q.arg(clean(number)), q.arg(clean(audit.Privacy{Level: audit.Mask}.Number(number)))}
	if len(p.Key) > 0 {
		all = append(all, q.arg(audit.Privacy{Level: audit.Hash, Key: p.Key}.Number(number)))
	}
	return all
}

// Cursor is a place in the record. The zero value is before all calls.
type Cursor struct {
	at, id int64
}

// errCursor says that a text is no cursor.
var errCursor = errors.New("store: no cursor")

// ParseCursor reads what Cursor.String wrote.
func ParseCursor(s string) (Cursor, error) {
	var c Cursor
	if s == "" {
		return c, nil
	}
	at, id, _ := strings.Cut(s, "-")
	var err error
	if c.at, err = strconv.ParseInt(at, 36, 64); err == nil {
		c.id, err = strconv.ParseInt(id, 36, 64)
	}
	if err != nil || c.at < 0 || c.id <= 0 {
		return Cursor{}, fmt.Errorf("%w: %q", errCursor, s)
	}
	return c, nil
}

// String returns c for a URL or a command line; empty for the zero value.
func (c Cursor) String() string {
	if c == (Cursor{}) {
		return ""
	}
	return strconv.FormatInt(c.at, 36) + "-" + strconv.FormatInt(c.id, 36)
}
