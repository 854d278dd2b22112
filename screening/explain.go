package screening

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Explanation is how a [Policy] comes to its verdict on a call.
type Explanation struct {
	Steps       []Step  `json:"steps"` // in the order of deciding, all of them
	Verdict     Verdict `json:"verdict"`
	Shadow      Verdict `json:"shadow"`       // see Decision; zero, with no Rule, where it is the same
	NeedsLookup bool    `json:"needs_lookup"` // the answer of a directory could make a difference
}

// Step is one thing that a policy looks at: the numbers that always ring, a list, a
// rule, the default.
type Step struct {
	Rule   string `json:"rule"` // the id, or one of the Rule constants
	Action Action `json:"action"`
	Result Result `json:"result"`
	// Term is, of a rule that failed or is open, the first key that does not hold
	// or that waits for the lookup, with its values: "marks: >=50",
	// "not[0].class: mobile"; of a list the entry that matches.
	Term string `json:"term,omitempty"`
	// Got is what the call has for it, empty for nothing. It may hold what
	// strangers wrote.
	Got string `json:"got,omitempty"`
}

// Result says what came of a [Step].
type Result string

// The results of a step.
const (
	Decides Result = "decides" // it is the one that counts
	Matched Result = "matched" // it would decide if nothing above did
	Shadows Result = "shadow"  // it matches and is in shadow
	Failed  Result = "failed"  // it does not match
	Open    Result = "open"    // it depends on a lookup that was not made
	Expired Result = "expired" // it has ended
)

// Explain returns every step on the way to the verdict on f. known says that the
// reputation in f is what a lookup brought; else the steps that depend on one are
// open, and the verdict is what a directory that knows nothing would lead to.
func (p *Policy) Explain(f Facts, known bool) Explanation {
	v := p.view(&f, known)
	x := Explanation{Verdict: p.Decide(f)}
	x.Shadow, _ = p.Shadow(f)
	unasked := f
	unasked.Reputation, unasked.Source, unasked.Age, unasked.Failed = Reputation{}, SourceNone, 0, nil
	x.NeedsLookup = p.NeedsLookup(unasked)

	x.add(numberStep(&f))
	x.add(listStep(RuleAllowList, Allow, p.allow, &f))
	x.add(listStep(RuleBlockList, p.blocked.action, p.block, &f))
	for i := range p.rules {
		x.add(v.ruleStep(&p.rules[i]))
	}
	x.add(Step{Rule: RuleDefault, Action: p.fallback.action, Result: Matched})
	return x
}

// add adds a step; the one that the verdict names decides.
func (x *Explanation) add(s Step) {
	if s.Rule == x.Verdict.Rule {
		if s.Result != Matched {
			s.Term, s.Got = "", ""
		}
		s.Result = Decides
	}
	x.Steps = append(x.Steps, s)
}

func numberStep(f *Facts) Step {
	s := Step{Rule: RuleNeverReject, Result: Matched}
	if !f.Number.NeverReject() {
		s.Result, s.Term, s.Got = Failed, "number: one that always rings", f.Number.Digits
	}
	return s
}

func listStep(name string, a Action, lists []*List, f *Facts) Step {
	if e, ok := onList(lists, f); ok {
		return Step{Rule: name, Action: a, Result: Matched, Term: strings.TrimSuffix(e.Number+": "+e.Note, ": ")}
	}
	return Step{Rule: name, Action: a, Result: Failed, Term: "number: on the list", Got: f.Number.Digits}
}

func (v *view) ruleStep(r *rule) Step {
	s := Step{Rule: r.id, Action: r.action, Result: Matched}
	is := v.holds(&r.when)
	switch {
	case r.until != 0 && v.now >= r.until:
		s.Result = Expired
	case is == yes && r.shadow:
		s.Result = Shadows
	case is == maybe:
		s.Result = Open
		s.Term, s.Got = v.culprit(&r.when, is)
	case is == no:
		s.Result = Failed
		s.Term, s.Got = v.culprit(&r.when, is)
	}
	return s
}

// culprit returns the first term of a condition that is no better than the
// condition is, and what the call has for it.
func (v *view) culprit(c *condition, is truth) (text, got string) {
	for i := range c.all {
		t := &c.all[i]
		alone := conditionOf(c.all[i : i+1])
		switch {
		case v.holds(&alone) != is:
		case t.key < keyAll && is == maybe:
			return t.String(), ""
		case t.key < keyAll:
			return t.String(), v.got(t)
		default:
			return v.innerCulprit(t, is)
		}
	}
	return "", ""
}

// innerCulprit does the same for a term that holds conditions.
func (v *view) innerCulprit(t *term, is truth) (text, got string) {
	for i := range t.inner {
		c := &t.inner[i]
		inner := v.holds(c)
		switch {
		case t.key == keyNot && yes-inner != is:
			continue
		case t.key == keyNot && is == no:
			return fmt.Sprintf("not[%d].%s", i, textOf(c)), "it holds"
		case t.key == keyAny && len(t.inner) > 1 && is == no:
			return "any", fmt.Sprintf("none of %d holds", len(t.inner))
		case t.key != keyNot && inner != is:
			continue
		}
		text, got = v.culprit(c, inner)
		return fmt.Sprintf("%v[%d].%s", t.key, i, text), got
	}
	return t.key.String(), ""
}

// textOf writes a condition.
func textOf(c *condition) string {
	all := make([]string, len(c.all))
	for i := range c.all {
		all[i] = c.all[i].String()
	}
	return strings.Join(all, ", ")
}

// String writes the term as it is in the policy, but for long lists.
func (t *term) String() string {
	const most = 5
	if t.key >= keyAll {
		return fmt.Sprintf("%v of %d", t.key, len(t.inner))
	}
	shown, more := t.values, ""
	if n := len(shown) - most; n > 0 {
		shown, more = shown[:most], fmt.Sprintf(" and %d more", n)
	}
	return t.key.String() + ": " + strings.Join(shown, ", ") + more
}

// got returns what the call has for a term that is no nested one.
func (v *view) got(t *term) string {
	f := v.facts
	switch t.key {
	case keyClass:
		return cmp.Or(string(f.Number.Class), classInvalid)
	case keyLength:
		return strconv.Itoa(len(strings.TrimPrefix(f.Number.Digits, "+")))
	case keyCountry:
		return f.Number.Country
	case keyTrunk:
		return f.Call.Trunk
	case keyNumber, keyList:
		return f.Number.Digits
	case keyCalled, keyCalledList:
		return calledDigits(f)
	case keyDivertedBy:
		return f.Diverter.Digits
	case keyVerstat:
		return f.Call.Verstat
	case keyDisplayName:
		return f.Call.Name
	case keyUserAgent:
		return f.Call.UserAgent
	case keyCalls:
		return strconv.Itoa(callsWithin(f.Past.Calls, t.within, t.want))
	case keyWeCalled:
		return ago(f.Past.Dialed)
	case keyWithheld, keyDiverted, keyMismatch, keyHoliday, keyWorkday:
		g, _ := groupOf(t.key)
		return strconv.FormatBool(v.traits&g.is(true) != 0)
	case keyTime, keyWeekday, keyDate:
		return strings.ToLower(f.Call.At.In(v.policy.zone).Format(map[key]string{keyTime: "15:04", keyWeekday: "Mon", keyDate: "2006-01-02"}[t.key]))
	}
	return v.gotAnswer(t)
}

func ago(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return days(d.Round(time.Second)) + " ago"
}

// gotAnswer returns what the lookup brought for a term.
func (v *view) gotAnswer(t *term) string {
	r := &v.facts.Reputation
	place := placeParts(r.Place)
	switch t.key {
	case keyCategory:
		return string(r.Category)
	case keyMarks:
		return strconv.Itoa(r.Marks)
	case keyLabel:
		return r.Label
	case keyProvince:
		return place.province
	case keyCity:
		return place.city
	case keyCarrier:
		return place.carrier
	case keyPlace:
		return r.Place
	case keyName:
		return r.Name
	case keyDescription:
		return r.Description
	case keyCatnames:
		return strings.Join(r.Kinds, ", ")
	case keyItagIDs:
		return strings.Join(r.FinancialTags, ", ")
	case keyAge:
		if !v.facts.answered() {
			return ""
		}
		return days(v.facts.Age.Round(time.Second))
	}
	return cmp.Or(FailureReason(v.facts.Failed), "false")
}
