package audit

import (
	"bytes"
	"fmt"
	"io"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

const (
	version    = 1
	timeLayout = "2006-01-02T15:04:05.000-07:00"
	maxText    = 512 // bytes kept of any one text that strangers wrote
)

// What a line tells: the field "event".
const (
	eventDecision = "decision" // a call was decided
	eventAnswer   = "answer"   // its final answer passed
	eventEnd      = "end"      // its BYE passed
	eventErased   = "erased"   // a number was erased
	eventCall     = "call"     // all of it, in an export
)

// Encoder writes records as JSON lines, with the fields of docs/record.md.
type Encoder struct {
	out     io.Writer
	pending lines
	encoder
}

// NewEncoder returns an Encoder that writes whole lines to w, and numbers as p says.
func NewEncoder(w io.Writer, p Privacy) (*Encoder, error) {
	e := &Encoder{out: w}
	e.init(p, &e.pending)
	return e, p.Validate()
}

// Encode writes one record as one line. Numbers that the record does not hold
// whole stay as it holds them.
func (e *Encoder) Encode(r *Record) error {
	e.record(r)
	return e.flush()
}

// Decision writes one decision as one line.
func (e *Encoder) Decision(d *screening.Decision) error {
	e.decision(d)
	return e.flush()
}

func (e *Encoder) flush() error {
	_, err := e.out.Write(e.pending)
	e.pending = e.pending[:0]
	return err
}

// encoder makes lines.
type encoder struct {
	privacy Privacy
	log     zerolog.Logger
}

// init has the lines written to w, one by one.
func (e *encoder) init(p Privacy, w io.Writer) {
	*e = encoder{p, zerolog.New(escaped{w})}
}

// begin starts a line.
func (e *encoder) begin(event string, at time.Time) *zerolog.Event {
	return stamp(e.log.Log().Int("v", version).Str("event", event), "time", at)
}

// stamp adds a time.
func stamp(e *zerolog.Event, key string, at time.Time) *zerolog.Event {
	var buf [len(timeLayout)]byte
	return e.Bytes(key, at.AppendFormat(buf[:0], timeLayout))
}

// decision writes the line of a decision.
func (e *encoder) decision(d *screening.Decision) {
	line := e.begin(eventDecision, d.Call.At)
	decided(line, d, e.privacy)
	line.Send()
}

// record writes the line of a whole record.
func (e *encoder) record(r *Record) {
	p := e.privacy
	if r.Numbers != Full {
		p.Level = Full // there is nothing left to hide
	}
	line := e.begin(eventCall, r.Decision.Call.At).Int64("id", r.ID)
	decided(line, &r.Decision, p)
	if r.Final != 0 {
		line.Int("final", r.Final).Float64("ring", seconds(r.Ring))
	}
	if !r.Answered.IsZero() {
		stamp(line, "answered", r.Answered)
	}
	if !r.Ended.IsZero() {
		stamp(line, "ended", r.Ended).Float64("talk", seconds(r.Talk())).Str("ended_by", string(r.EndedBy))
	}
	line.Send()
}

// ended writes the line of news of a call.
func (e *encoder) ended(n *screening.Ending) {
	if n.Status == 0 {
		e.begin(eventEnd, n.At).Str("call", Clip(n.Call)).Str("ended_by", string(n.By)).Send()
		return
	}
	line := e.begin(eventAnswer, n.At).Str("call", Clip(n.Call)).Int("final", n.Status).Float64("ring", seconds(n.Ring))
	text(line, "ended_by", string(n.By))
	line.Send()
}

// erasure writes the line that says that a number was erased.
func (e *encoder) erasure(at time.Time, hash string) {
	e.begin(eventErased, at).Str("hash", hash).Send()
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// decided adds everything that a decision says.
func decided(e *zerolog.Event, d *screening.Decision, p Privacy) {
	call(e, d, p)
	reputation(e, d)
	verdict(e, d, p)
	if d.Failed != nil {
		e.Str("failed", Clip(screening.FailureReason(d.Failed)))
	}
	e.Float64("took", float64(d.Took.Microseconds())/1000).Str("policy", d.Policy).Stringer("mode", d.Mode)
}

// call adds who called whom.
func call(e *zerolog.Event, d *screening.Decision, p Privacy) {
	e.Str("call", Clip(d.Call.ID)).Str("trunk", d.Call.Trunk)
	e.Str("from", Clip(p.Number(d.Number.Digits))).Str("class", string(d.Number.Class))
	text(e, "name", p.Text(Clip(d.Call.Name)))
	e.Str("header", Clip(d.Call.Header)).Bool("withheld", d.Call.Withheld).Str("to", Clip(calledNumber(d)))
}

// reputation adds what was known of the caller, and from where.
func reputation(e *zerolog.Event, d *screening.Decision) {
	text(e, "category", string(d.Reputation.Category))
	text(e, "label", d.Reputation.Label)
	if d.Reputation.Marks != 0 {
		e.Int("marks", d.Reputation.Marks)
	}
	text(e, "place", d.Reputation.Place)
	e.Str("source", string(d.Source))
	if d.Source == screening.SourceCache || d.Source == screening.SourceStale {
		e.Int64("age", int64(d.Age/time.Second))
	}
}

// verdict adds what was decided, by which rule and why.
func verdict(e *zerolog.Event, d *screening.Decision, p Privacy) {
	v := d.Verdict
	e.Stringer("verdict", v.Action).Str("rule", v.Rule).Str("why", Clip(p.Own(v.Why, d.Number)))
	if v.Status != 0 {
		e.Int("status", v.Status)
	}
	text(e, "target", v.Target)
	text(e, "display", p.Own(v.Label, d.Number))
	if d.Shadow.Rule != "" {
		e.Stringer("shadow", d.Shadow.Action).Str("shadow_rule", d.Shadow.Rule)
	}
}

// text adds s, unless there is none.
func text(e *zerolog.Event, key, s string) {
	if s != "" {
		e.Str(key, Clip(s))
	}
}

// Clip cuts a stranger's text to what records keep of it: 512 bytes, between two
// characters.
func Clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// lines are whole JSON lines, each ended by a newline.
type lines []byte

func (p lines) count() int { return bytes.Count(p, []byte("\n")) }

// whole returns the length of the first lines that have n bytes or more together.
func (p lines) whole(n int) int {
	if len(p) <= n {
		return len(p)
	}
	return n + bytes.IndexByte(p[n:], '\n') + 1
}

// Write appends a line.
func (p *lines) Write(line []byte) (int, error) {
	*p = append(*p, line...)
	return len(line), nil
}

// escaped takes lines that zerolog has made. zerolog escapes what JSON asks
// for; a terminal also acts on C1 controls, and a reader is fooled by
// characters that turn or hide text, so those are escaped too.
type escaped struct{ io.Writer }

// Write hands on one line.
func (w escaped) Write(line []byte) (int, error) {
	if i := indexInvisible(line); i >= 0 {
		line = appendVisible(nil, line, i)
	}
	return w.Writer.Write(line)
}

// appendVisible appends a line in which the first invisible character is at i.
func appendVisible(p, line []byte, i int) []byte {
	for ; i >= 0; i = indexInvisible(line) {
		r, size := utf8.DecodeRune(line[i:])
		p = append(p, line[:i]...)
		for _, u := range utf16.AppendRune(nil, r) {
			p = fmt.Appendf(p, `\u%04x`, u)
		}
		line = line[i+size:]
	}
	return append(p, line...)
}

// indexInvisible is bytes.IndexFunc, quick for what lines mostly hold: ASCII.
func indexInvisible(line []byte) int {
	for i := 0; i < len(line); {
		if line[i] < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(line[i:])
		if invisible(r) {
			return i
		}
		i += size
	}
	return -1
}

func invisible(r rune) bool {
	if r >= 0x3000 && r < 0xd800 { // Chinese has none
		return false
	}
	return r > 0x7e && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
