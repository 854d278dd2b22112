package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
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
	maxRun     = 6   // digits in a row that a masked text may show; more could be a number
)

// lines are whole JSON lines, each ended by a newline.
type lines []byte

func (p lines) count() int { return bytes.Count(p, []byte("\n")) }

// Write appends one line that zerolog has made. zerolog escapes what JSON asks
// for; a terminal also acts on C1 controls, and a reader is fooled by
// characters that turn or hide text, so those are escaped too.
func (p *lines) Write(line []byte) (int, error) {
	n := len(line)
	for {
		i := indexInvisible(line)
		if i < 0 {
			*p = append(*p, line...)
			return n, nil
		}
		r, size := utf8.DecodeRune(line[i:])
		*p = append(*p, line[:i]...)
		for _, u := range utf16.AppendRune(nil, r) {
			*p = fmt.Appendf(*p, `\u%04x`, u)
		}
		line = line[i+size:]
	}
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

// line appends d to the pending lines.
func (l *Log) line(d screening.Decision) {
	var at [len(timeLayout)]byte
	e := l.enc.Log().Int("v", version).Bytes("time", d.Call.At.AppendFormat(at[:0], timeLayout))
	l.call(e, d)
	reputation(e, d)
	l.verdict(e, d)
	if d.Failed != nil {
		e.Str("failed", clip(reason(d.Failed)))
	}
	e.Float64("took", float64(d.Took.Microseconds())/1000).Str("policy", d.Policy).Stringer("mode", d.Mode).Send()
}

// call adds who called whom.
func (l *Log) call(e *zerolog.Event, d screening.Decision) {
	from := d.Number.Digits
	if l.mask {
		from = d.Number.Masked()
	}
	e.Str("call", clip(d.Call.ID)).Str("trunk", d.Call.Trunk).Str("from", clip(from)).Str("class", string(d.Number.Class))
	text(e, "name", l.veil(d.Call.Name))
	e.Str("header", clip(d.Call.Header)).Bool("withheld", d.Call.Withheld)
	if d.Called.Digits != "" {
		e.Str("to", clip(d.Called.Digits))
	} else {
		e.Str("to", clip(d.Call.To))
	}
}

// reputation adds what was known of the caller, and from where.
func reputation(e *zerolog.Event, d screening.Decision) {
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
func (l *Log) verdict(e *zerolog.Event, d screening.Decision) {
	v := d.Verdict
	e.Stringer("verdict", v.Action).Str("rule", v.Rule).Str("why", clip(l.veil(v.Why)))
	if v.Status != 0 {
		e.Int("status", v.Status)
	}
	text(e, "target", v.Target)
	text(e, "display", l.veil(v.Label))
}

// text adds s, unless there is none.
func text(e *zerolog.Event, key, s string) {
	if s != "" {
		e.Str(key, clip(s))
	}
}

// clip cuts s to maxText bytes, between two characters.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > maxText-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// veil hides what may be a number in a text, when numbers are masked: of more
// than maxRun digits in a row only the last four stay.
func (l *Log) veil(s string) string {
	if !l.mask || len(s) <= maxRun {
		return s
	}
	return maskRuns(s)
}

func maskRuns(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := digits(s)
		if n > maxRun {
			b.WriteString(strings.Repeat("*", n-4))
			b.WriteString(s[n-4 : n])
		} else {
			n = max(n, 1)
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}

// digits returns how many ASCII digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// reason names the class of a lookup's failure. No error text is recorded: it
// may hold the key, a URL or a stranger's bytes.
func reason(err error) string {
	var r interface{ Reason() string }
	switch {
	case errors.As(err, &r):
		return r.Reason()
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "error"
}
