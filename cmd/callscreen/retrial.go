package main

import (
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// retrial is what became of past calls and what a policy would make of them.
type retrial struct {
	Since    time.Time      `json:"since"`
	Policy   policyTold     `json:"policy"`
	Calls    int            `json:"calls"`
	Verdicts []verdictCount `json:"verdicts"`
	Rules    []ruleCount    `json:"rules"`      // those of the policy in their order, then those that it does not have
	Changes  []change       `json:"changes"`    // calls of which something else would become
	Doubts   map[doubt]int  `json:"doubts"`     // calls of which the record does not hold all that the policy asks for
	Spared   int            `json:"unscreened"` // calls that were let through unscreened, and would be again

	policy *screening.Policy
	rules  map[string]int // places in Rules
}

// doubt is a screening.Doubt that is one.
type doubt = screening.Doubt

type verdictCount struct {
	Action screening.Action `json:"action"`
	Before int              `json:"before"`
	After  int              `json:"after"`
}

type ruleCount struct {
	Rule   string `json:"rule"`
	Before int    `json:"before"`
	After  int    `json:"after"`
	Shadow int    `json:"shadow,omitempty"` // calls that it would decide if it were not in shadow
}

// change is a call of which something else would become.
type change struct {
	ID     int64             `json:"id"`
	At     time.Time         `json:"at"`
	Call   string            `json:"call"`
	From   string            `json:"from"`
	To     string            `json:"to"`
	Known  string            `json:"known,omitempty"`
	Before screening.Verdict `json:"before"`
	After  screening.Verdict `json:"after"`
	Doubt  doubt             `json:"doubt,omitempty"` // why that is not certain
}

func newRetrial(p *screening.Policy, since time.Time) *retrial {
	t := &retrial{
		Since: since, Policy: (&standing{policy: p}).told(), Changes: []change{}, Doubts: map[doubt]int{}, policy: p, rules: map[string]int{},
	}
	for _, a := range []screening.Action{screening.Allow, screening.Tag, screening.Divert, screening.Reject} {
		t.Verdicts = append(t.Verdicts, verdictCount{Action: a})
	}
	before := []string{screening.RuleNeverReject, screening.RuleAllowList, screening.RuleBlockList}
	for _, id := range append(append(before, p.Rules()...), screening.RuleDefault) {
		t.rule(id)
	}
	return t
}

// rule returns the count of a rule, and begins one where there is none.
func (t *retrial) rule(id string) *ruleCount {
	i, ok := t.rules[id]
	if !ok {
		i = len(t.Rules)
		t.rules[id] = i
		t.Rules = append(t.Rules, ruleCount{Rule: id})
	}
	return &t.Rules[i]
}

// add judges a call again.
func (t *retrial) add(r *audit.Record) {
	d := &r.Decision
	before, after, unsure := d.Verdict, d.Verdict, screening.NoDoubt
	if before.Rule == screening.RuleFailOpen || before.Rule == screening.RuleFull {
		t.Spared++
	} else {
		facts := d.Facts()
		after, unsure = t.policy.Judge(facts, r.Numbers != audit.Full)
		if shadow, ok := t.policy.Shadow(facts); ok {
			t.rule(shadow.Rule).Shadow++
		}
	}
	t.Calls++
	t.Verdicts[before.Action].Before++
	t.Verdicts[after.Action].After++
	t.rule(before.Rule).Before++
	t.rule(after.Rule).After++
	if unsure != screening.NoDoubt {
		t.Doubts[unsure]++
	}
	if effect(before) != effect(after) {
		t.Changes = append(t.Changes, change{r.ID, d.Call.At, d.Call.ID, callerOf(d), r.To(), known(&d.Reputation), before, after, unsure})
	}
}

// effect is a verdict without what nobody but the record sees.
func effect(v screening.Verdict) screening.Verdict {
	v.Rule, v.Why = "", ""
	return v
}
