package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"callscreen/screening"
)

func (e *explained) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i, c := range cells {
			cells[i] = printable(c)
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(cells, "\t"), "\t")) // Flush tells of errors
	}
	f := &e.facts
	row("number", cmp.Or(f.Number.Digits, "none"))
	row("class", class(f.Number))
	if f.Call.Name != "" {
		row("name", f.Call.Name)
	}
	if f.Call.To != "" {
		row("called", cmp.Or(f.Called.Digits, f.Call.To))
	}
	row("trunk", f.Call.Trunk)
	row("time", e.at())
	row("lookup", e.lookup())
	row("before", e.before())
	row("policy", describePolicy(e.policy))
	fmt.Fprintln(t)
	for _, s := range e.Steps {
		got := ""
		if s.Got != "" {
			got = "got " + s.Got
		}
		row(s.Rule, s.Action.String(), string(s.Result), s.Term, got)
	}
	fmt.Fprintln(t)
	row("verdict", what(e.Verdict))
	if e.Shadow.Rule != "" {
		row("shadow", what(e.Shadow))
	}
	for i, line := range e.onTheWire() {
		row([]string{"wire", ""}[min(i, 1)], line)
	}
	return t.Flush()
}

// at returns the time of the call on the policy's clock.
func (e *explained) at() string {
	return e.facts.Call.At.In(e.policy.Zone()).Format("Mon 2006-01-02 15:04:05 -0700")
}

// onTheWire says what the verdict does to the messages of the call.
func (e *explained) onTheWire() []string {
	switch {
	case len(e.wire) > 0:
		return e.wire
	case len(e.enforced) > 0:
		return append([]string{"nothing changes: the policy observes; in mode: enforce it would be"}, e.enforced...)
	}
	return []string{"nothing changes"}
}

// before says what is remembered of the caller.
func (e *explained) before() string {
	var all []string
	if calls := e.facts.Past.Calls; len(calls) > 0 {
		all = append(all, fmt.Sprintf("%s in 7 days, the last %s ago", count(len(calls), "call"), roughly(calls[0].Ago)))
	}
	if d := e.facts.Past.Dialed; d > 0 {
		all = append(all, fmt.Sprintf("we called %s ago", roughly(d)))
	}
	return cmp.Or(strings.Join(all, "; "), "never called")
}

// roughly writes a time for people.
func roughly(d time.Duration) string {
	if d < 48*time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// lookup says what is known of the caller.
func (e *explained) lookup() string {
	r := &e.facts.Reputation
	switch {
	case e.facts.Failed != nil:
		return "failed: " + screening.FailureReason(e.facts.Failed)
	case !e.known && e.NeedsLookup:
		return "not made, and the verdict may depend on it"
	case !e.known:
		return "not needed"
	case !r.Known():
		return "nothing known" + e.source()
	}
	var all []string
	for _, text := range []string{string(r.Category), r.Label, r.Name, r.Place} {
		if text != "" {
			all = append(all, text)
		}
	}
	return strings.Join(append(all, count(r.Marks, "mark")), ", ") + e.source()
}

// source says where that is from, where it was not asked for now.
func (e *explained) source() string {
	switch e.facts.Source {
	case screening.SourceCache, screening.SourceStale:
		return fmt.Sprintf(" (remembered, %s old)", roughly(e.facts.Age))
	case screening.SourceList:
		return " (from the office's own list)"
	}
	return ""
}

// what says what a verdict does, by which rule and why.
func what(v screening.Verdict) string {
	return fmt.Sprintf("%v%s, by %s: %s", v.Action, doing(v), v.Rule, v.Why)
}

// doing says how a verdict does it.
func doing(v screening.Verdict) string {
	switch v.Action {
	case screening.Tag:
		return " as " + v.Label
	case screening.Reject:
		return fmt.Sprintf(" with %d %s", v.Status, v.Reason)
	case screening.Divert:
		return " to " + v.Target
	}
	return ""
}

func (e *explained) printJSON(w io.Writer) error {
	f := &e.facts
	out := struct {
		Number   string             `json:"number"`
		Country  string             `json:"country"`
		Class    string             `json:"class"`
		Name     string             `json:"name,omitempty"`
		Called   string             `json:"called,omitempty"`
		Trunk    string             `json:"trunk"`
		At       time.Time          `json:"at"`
		Known    bool               `json:"known"` // a lookup brought the rest, or failed
		Category screening.Category `json:"category,omitempty"`
		Label    string             `json:"label,omitempty"`
		Marks    int                `json:"marks,omitempty"`
		Merchant string             `json:"merchant,omitempty"`
		Place    string             `json:"place,omitempty"`
		Source   screening.Source   `json:"source"`
		Age      float64            `json:"age,omitempty"` // seconds
		Failed   string             `json:"failed,omitempty"`
		Calls    int                `json:"calls"`               // earlier ones, in a week
		Last     float64            `json:"last_call,omitempty"` // seconds ago
		Dialed   float64            `json:"we_called,omitempty"` // seconds ago
		Policy   string             `json:"policy"`
		Mode     string             `json:"mode"`
		screening.Explanation
		Wire     []string `json:"wire"`     // lines of SIP that are new to the PBX or, of a refusal, what the caller gets
		Enforced []string `json:"enforced"` // the same if the policy did not observe
	}{
		f.Number.Digits, f.Number.Country, string(f.Number.Class), f.Call.Name, f.Called.Digits, f.Call.Trunk, f.Call.At.In(e.policy.Zone()),
		e.known, f.Reputation.Category, f.Reputation.Label, f.Reputation.Marks, f.Reputation.Name, f.Reputation.Place,
		cmp.Or(f.Source, screening.SourceNone), f.Age.Seconds(), screening.FailureReason(f.Failed), len(f.Past.Calls), lastCall(f.Past), f.Past.Dialed.Seconds(),
		e.policy.Revision(), e.policy.Mode().String(), e.Explanation, append([]string{}, e.wire...), append([]string{}, e.enforced...),
	}
	return printJSON(w, out)
}

// lastCall returns how many seconds ago a caller last called; 0: never.
func lastCall(p screening.Past) float64 {
	if len(p.Calls) == 0 {
		return 0
	}
	return p.Calls[0].Ago.Seconds()
}
