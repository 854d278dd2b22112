package audit

import (
	"bytes"
	"fmt"
	"regexp"
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
		e.Str("failed", clip(screening.FailureReason(d.Failed)))
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
	e.Stringer("verdict", v.Action).Str("rule", v.Rule).Str("why", clip(l.hide(d.Number, v.Why)))
	if v.Status != 0 {
		e.Int("status", v.Status)
	}
	text(e, "target", v.Target)
	text(e, "display", l.hide(d.Number, v.Label))
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

// veil masks what may be a number in a display name: callers' systems put the
// number there, spelled as they please.
func (l *Log) veil(name string) string {
	if !l.mask {
		return name
	}
	return number.ReplaceAllStringFunc(name, func(spelled string) string {
		return screening.Number{Digits: strings.Map(digit, spelled)}.Masked()
	})
}

// number is six digits or more, ASCII or full-width, separated or not.
var number = regexp.MustCompile(`[0-9０-９](?:[ .-]?[0-9０-９]){5,}`)

// digit maps a full-width digit to its ASCII one, and drops what is no digit.
func digit(r rune) rune {
	switch {
	case r >= '0' && r <= '9':
		return r
	case r >= '０' && r <= '９':
		return r - '０' + '0'
	}
	return -1
}

// hide masks the caller's number in a text of ours.
func (l *Log) hide(n screening.Number, s string) string {
	if !l.mask || n.Digits == "" {
		return s
	}
	return strings.ReplaceAll(s, n.Digits, n.Masked())
}
