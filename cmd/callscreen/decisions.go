package main

import (
	"strings"
	"unicode"

	"github.com/rs/zerolog"

	"callscreen/screening"
	"callscreen/sipagent"
)

// decisions hands every decision to the record and tells the log of it.
type decisions struct {
	record sipagent.Recorder
	log    zerolog.Logger
}

// Record keeps d. It does not block as long as the log does not.
func (r decisions) Record(d screening.Decision) {
	r.record.Record(d)
	v := d.Verdict
	e := r.log.Info().Str("call", printable(d.Call.ID)).Str("trunk", d.Call.Trunk).Object("from", d.Number).Str("rule", v.Rule)
	if v.Status != 0 {
		e.Int("status", v.Status)
	}
	if v.Label != "" {
		e.Str("label", v.Label)
	}
	if d.Failed != nil {
		e.Err(d.Failed)
	}
	e.Dur("took", d.Took).Msg(outcome(d))
}

// outcome says what became of a call, or what would have.
func outcome(d screening.Decision) string {
	if d.Verdict.Action == screening.Allow {
		return "call allowed"
	}
	past := map[screening.Action]string{screening.Tag: "tagged", screening.Divert: "diverted", screening.Reject: "refused"}
	if d.Mode == screening.Observe {
		return "call would be " + past[d.Verdict.Action]
	}
	return "call " + past[d.Verdict.Action]
}

// printable returns a stranger's text with nothing in it that a terminal obeys,
// and not more of it than anyone reads.
func printable(s string) string {
	const most = 128
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
