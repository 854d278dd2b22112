package store

import (
	"cmp"
	"strings"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// batch is what is written at once, or not at all. A writer numbers its batches,
// so that none is written twice.
type batch struct {
	Writer  string    `json:"writer"`
	Seq     int64     `json:"seq"`
	Items   int       `json:"items"` // how many calls and endings it was made of
	Rows    []*row    `json:"rows,omitempty"`
	Endings []*ending `json:"endings,omitempty"` // of calls that earlier batches hold

	last map[string]*row // of each Call-ID
}

// add adds an item. An ending goes into its call's row where the batch has that.
func (b *batch) add(i item, p audit.Privacy) {
	b.Items++
	if i.decision != nil {
		r := newRow(i.decision, p)
		if b.last == nil {
			b.last = map[string]*row{}
		}
		b.last[r.Call] = r
		b.Rows = append(b.Rows, r)
		return
	}
	e := newEnding(&i.ending)
	if r := b.last[e.Call]; r != nil {
		r.end(e)
		return
	}
	b.Endings = append(b.Endings, e)
}

// row is a call as the database has it when it is decided.
type row struct {
	At       int64  `json:"at"`
	Call     string `json:"call"`
	Trunk    string `json:"trunk"`
	Number   string `json:"number"`
	Called   string `json:"called"`
	Category string `json:"category"`
	Action   string `json:"action"`
	Rule     string `json:"rule"`
	Source   string `json:"source"`
	Failed   string `json:"failed"`
	Mode     string `json:"mode"`
	Numbers  string `json:"numbers"`
	Words    string `json:"words"`
	Decision string `json:"decision"`
	Final    int    `json:"final,omitempty"`
	Ring     int64  `json:"ring,omitempty"`
	Answered int64  `json:"answered,omitempty"`
	Ended    int64  `json:"ended,omitempty"`
	EndedBy  string `json:"ended_by,omitempty"`
}

// columns are those of row, in the order of values.
var columns = []string{
	"at", "call", "trunk", "number", "called", "category", "action", "rule", "source", "failed", "mode", "numbers", "words", "decision",
	"final", "ring", "answered", "ended", "ended_by",
}

func (r *row) values(dst []any) []any {
	return append(dst, r.At, r.Call, r.Trunk, r.Number, r.Called, r.Category, r.Action, r.Rule, r.Source, r.Failed, r.Mode,
		r.Numbers, r.Words, r.Decision, r.Final, r.Ring, r.Answered, r.Ended, r.EndedBy)
}

// end adds news of the call, as updateAnswer and updateEnd do: of several final
// answers and of several ends the first counts.
func (r *row) end(e *ending) {
	switch {
	case e.Status == 0 && r.Ended == 0:
		r.Ended, r.EndedBy = e.At, e.By
	case e.Status != 0 && r.Final == 0:
		r.Final, r.Ring, r.EndedBy = e.Status, e.Ring, e.By
		r.Answered, r.Ended = e.times()
	}
}

func newRow(d *screening.Decision, p audit.Privacy) *row {
	return &row{
		At: micros(d.Call.At), Call: clean(d.Call.ID), Trunk: clean(d.Call.Trunk),
		Number: clean(p.Number(d.Number.Digits)), Called: clean(calledNumber(d)),
		Category: clean(string(d.Reputation.Category)), Action: d.Verdict.Action.String(), Rule: clean(d.Verdict.Rule),
		Source: clean(string(cmp.Or(d.Source, screening.SourceNone))), Failed: clean(screening.FailureReason(d.Failed)), Mode: d.Mode.String(),
		Numbers: p.Level, Words: words(d, p), Decision: encodeDecision(d, p),
	}
}

func calledNumber(d *screening.Decision) string { return cmp.Or(d.Called.Digits, d.Call.To) }

// words are what a search for a text looks through.
func words(d *screening.Decision, p audit.Privacy) string {
	rep := &d.Reputation
	var text strings.Builder
	text.Grow(256)
	for _, w := range [...]string{
		p.Number(d.Number.Digits), calledNumber(d), p.Text(audit.Clip(d.Call.Name)), rep.Label, p.Text(audit.Clip(rep.Name)),
		p.Text(audit.Clip(rep.Description)), rep.Place,
		p.Own(d.Verdict.Why, d.Number), p.Own(d.Verdict.Label, d.Number), d.Call.ID,
	} {
		if w != "" {
			text.WriteString(strings.ToLower(clean(w)))
			text.WriteByte('\n')
		}
	}
	return text.String()
}

// ending is news of a call as the database has it.
type ending struct {
	Call   string `json:"call"`
	At     int64  `json:"at"`
	Status int    `json:"status,omitempty"`
	Ring   int64  `json:"ring,omitempty"`
	By     string `json:"by,omitempty"`
}

func newEnding(e *screening.Ending) *ending {
	return &ending{Call: clean(e.Call), At: micros(e.At), Status: e.Status, Ring: e.Ring.Microseconds(), By: string(e.By)}
}

// times returns when the call was answered, or else ended, by a final answer.
func (e *ending) times() (answered, ended int64) {
	if e.Status < 300 {
		return e.At, 0
	}
	return 0, e.At
}

// micros is a time as the database has it, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.UnixMicro(at)
}

func span(micros int64) time.Duration { return time.Duration(micros) * time.Microsecond }
