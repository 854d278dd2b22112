package main

import (
	"net/http/httptest"
	"testing"

	"callscreen/screening"
)

// TestUnscreenedCallsAreRecorded: a call that was not looked up, or that nothing became
// of, is in the record like any other, and says why.
func TestUnscreenedCallsAreRecorded(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	const ask = "mode: enforce\nrules: [{id: sales, when: {category: sales}, action: reject}]\n"
	const refuse = "mode: enforce\nrules: [{id: mobiles, when: {class: mobile}, action: reject}]\n"
	for _, tt := range []struct {
		name, policy, more string
		from               []string // who calls; the last call counts
		want               screening.Decision
	}{
		{
			"observed", "mode: observe\nrules: [{id: mobiles, when: {class: mobile}, action: reject}]\n", "",
			[]string{"13041439112"},
			screening.Decision{Source: "none", Verdict: screening.Verdict{Action: screening.Reject, Rule: "mobiles", Why: "mobiles"}},
		},
		{
			"on a list", ask + "allow: {entries: [{number: \"13041439112\"}]}\n", "",
			[]string{"13041439112"},
			screening.Decision{Mode: screening.Enforce, Source: "list", Verdict: screening.Verdict{Rule: "allow-list", Why: "on the allow list"}},
		},
		{
			"never rejected", ask, "",
			[]string{"110"},
			screening.Decision{Mode: screening.Enforce, Source: "list", Verdict: screening.Verdict{Rule: "never-reject"}},
		},
		{
			"lookup failed", ask, "juhe: {url: \"" + gone.URL + "\", key: k}\n",
			[]string{"13041439112"},
			screening.Decision{Mode: screening.Enforce, Source: "none", Failed: reasonOf("upstream"), Verdict: screening.Verdict{Rule: "default", Why: "no rule matched"}},
		},
		{
			"withheld", ask, "",
			[]string{"anonymous"},
			screening.Decision{Mode: screening.Enforce, Source: "none", Verdict: screening.Verdict{Rule: "default", Why: "no rule matched"}},
		},
		{
			"over limits", ask, "juhe: {url: \"" + gone.URL + "\", key: k}\nlimits: {setups_per_second: 1}\n",
			[]string{"13041439112", "13041439113", "13041439114"},
			screening.Decision{Mode: screening.Enforce, Source: "none", Verdict: screening.Verdict{Rule: "fail-open", Why: "over limits"}},
		},
		{
			"tried again", refuse, "",
			[]string{"13041439112", "13041439112"},
			screening.Decision{Mode: screening.Enforce, Source: "retry", Verdict: screening.Verdict{Action: screening.Reject, Rule: "mobiles", Why: "tried again: mobiles"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			o.write("policy.yaml", tt.policy)
			c := o.config(tt.more)
			p, stop := o.run(c)
			for _, from := range tt.from {
				if err := o.carrier.invite(p.addr("main"), from); err != nil {
					t.Fatal(err)
				}
			}
			if !eventually(func() bool { return len(o.stored(c)) == len(tt.from) }) {
				t.Fatalf("%d calls are recorded; want %d", len(o.stored(c)), len(tt.from))
			}
			got := o.stored(c)[len(tt.from)-1].Decision
			stop()
			v, want := got.Verdict, tt.want.Verdict
			if v.Action != want.Action || v.Rule != want.Rule || want.Why != "" && v.Why != want.Why || got.Source != tt.want.Source ||
				screening.FailureReason(got.Failed) != screening.FailureReason(tt.want.Failed) {
				t.Errorf("recorded %v by %s (%s), source %q, failed %v; want %v by %s (%s), source %q, failed %v", v.Action, v.Rule, v.Why, got.Source,
					got.Failed, want.Action, want.Rule, want.Why, tt.want.Source, tt.want.Failed)
			}
			if got.Mode != tt.want.Mode {
				t.Errorf("mode %v; want %v", got.Mode, tt.want.Mode)
			}
		})
	}
}

// reasonOf is a failure of a lookup.
type reasonOf string

func (r reasonOf) Error() string  { return string(r) }
func (r reasonOf) Reason() string { return string(r) }
