package main

import (
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
	v := &d.Verdict
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
	e.Dur("took", d.Took).Msg(outcome(&d))
}

// Ended keeps how a call went on.
func (r decisions) Ended(e screening.Ending) { r.record.Ended(e) }

// What becomes of a call by each action, and what would in observe mode.
var (
	enforced = [...]string{
		screening.Allow: "call allowed", screening.Tag: "call tagged", screening.Divert: "call diverted", screening.Reject: "call refused",
	}
	observed = [...]string{
		screening.Allow: "call allowed", screening.Tag: "call would be tagged", screening.Divert: "call would be diverted",
		screening.Reject: "call would be refused",
	}
)

func outcome(d *screening.Decision) string {
	if d.Mode == screening.Enforce {
		return enforced[d.Verdict.Action]
	}
	return observed[d.Verdict.Action]
}
