package main

import (
	"fmt"
	"time"
)

// callResult is what came of a call: what its parties saw, and what was recorded.
type callResult struct {
	recordLine
	said   string        // what Juhe said of the caller, or why it said nothing
	status int           // the answer to INVITE that the carrier got; 0: none
	first  time.Duration // until the first answer other than 100
	shown  string        // what the phone showed; empty when it never rang
	bye    int           // the answer to BYE; 0: none
	err    error         // what went wrong on the way
}

// saidOfCaller says why Juhe said nothing, where it did not.
func (d recordLine) saidOfCaller(heard string) string {
	switch {
	case d.Failed != "":
		return "no answer (" + d.Failed + ")"
	case d.Source == "none" || d.Source == "list":
		return notAsked
	}
	return heard
}

// passed reports whether the call reached the phone and was answered.
func (r callResult) passed() bool { return r.status == 200 }

// problems compares r with what must come of m, whose first answer may take no
// longer than onTime. It returns a line for each difference.
func (m member) problems(r callResult, onTime time.Duration) (found []string) {
	differ := func(what string, got, want any) {
		if got != want {
			found = append(found, fmt.Sprintf("%s: %s is %q, want %q", m.caller, what, fmt.Sprint(got), fmt.Sprint(want)))
		}
	}
	if r.err != nil {
		return []string{fmt.Sprintf("%s: %v", m.caller, r.err)}
	}
	differ("Juhe's answer", r.said, m.want.said)
	differ("verdict", r.Verdict, m.want.verdict)
	differ("rule", r.Rule, m.want.rule)
	differ("source", r.Source, m.want.source)
	differ("failed", r.Failed, m.want.failed)
	differ("mode", r.Mode, "enforce")
	differ("answer to INVITE", r.status, m.want.status)
	differ("phone", r.shown, m.want.shown)
	if m.want.status == 200 {
		differ("answer to BYE", r.bye, 200)
	}
	if r.first > onTime {
		found = append(found, fmt.Sprintf("%s: first answer after %v, want %v at the most", m.caller, r.first, onTime))
	}
	return found
}

// tally counts what came of the calls.
type tally struct {
	calls, allowed, tagged, refused int
	queries, cached                 int
	wanted                          int // queries that these calls need
}

func (t *tally) add(m member, r callResult) {
	t.calls++
	switch {
	case r.passed() && r.Verdict == "tag":
		t.tagged++
	case r.passed():
		t.allowed++
	case r.status != 0:
		t.refused++
	}
	if r.Source == "cache" {
		t.cached++
	}
	if m.want.source == "query" || m.want.failed != "" {
		t.wanted++
	}
}

func (t tally) problems() []string {
	if t.queries == t.wanted {
		return nil
	}
	return []string{fmt.Sprintf("Juhe was asked %d times, want %d", t.queries, t.wanted)}
}
