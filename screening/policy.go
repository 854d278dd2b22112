package screening

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Policy is the compiled rules of a policy file, made by [ParsePolicy] or
// [LoadPolicy]. It does not change and may be used by any number of goroutines at
// once.
//
// What decides a call, in this order: the built-in numbers that always ring, the
// allow list, the block list, the rules from top to bottom, the default. A rule,
// or the block list, that says even_if_never_reject goes before the built-in
// numbers.
type Policy struct {
	mode     Mode
	revision string
	zone     *time.Location
	calendar calendar
	allow    []*List
	block    []*List
	blocked  rule // for a number on the block list
	rules    []rule
	fallback rule // when no rule matches
	files    []string
	remarks  []remark
	labels   []*Template // those that callers can imitate

	asksDay   bool // some rule asks for the weekday, days off or workdays
	overrides bool // something goes before the numbers that always ring
	shadows   bool // some rule is in shadow
}

// rule is one rule of a policy: the action it takes when all of when holds.
type rule struct {
	when     condition
	until    int64 // Unix second that ends it, 0 for never
	shadow   bool  // decides nothing, see Policy.Shadow
	override bool  // goes before the numbers that always ring
	id       string
	why      string
	whyBare  string // why, for a tag whose label came out empty
	outcome
}

// outcome is what becomes of a call, in the words of an action.
type outcome struct {
	action   Action
	template *Template // Tag
	ascii    *Template // Tag; may be nil
	status   int       // Reject
	reason   string    // Reject
	cause    string    // Reject
	target   string    // Divert
	ring     string
	headers  string
}

// Mode says whether the policy's verdicts are acted on.
func (p *Policy) Mode() Mode { return p.mode }

// Revision names the policy: the first 12 hexadecimal digits of the SHA-256 of
// the file that it was read from and the files that this one names, and a + and
// 6 digits of the lists that [Policy.With] added.
func (p *Policy) Revision() string { return p.revision }

// Zone returns the zone of the policy's times and dates.
func (p *Policy) Zone() *time.Location { return p.zone }

// Files returns the names of the lists and calendars that the policy was read
// from, as it names them.
func (p *Policy) Files() []string { return slices.Clone(p.files) }

// With returns the policy with two more lists, before those of its file; either
// may be nil. They are what an office adds while it runs.
func (p *Policy) With(allow, block *List) *Policy {
	q := *p
	if len(allow.Entries())+len(block.Entries()) == 0 {
		return &q
	}
	sum := sha256.Sum256(slices.Concat(FormatList(allow.Entries()), FormatList(block.Entries())))
	q.revision += "+" + hex.EncodeToString(sum[:3])
	q.allow = slices.Concat([]*List{allow}, p.allow)
	q.block = slices.Concat([]*List{block}, p.block)
	return &q
}

// NeedsLookup reports whether the verdict on f, or that of [Policy.Shadow], may
// depend on the caller's reputation, which f does not hold yet. It is false where
// a directory cannot know the number, where a list or a rule that asks for no
// reputation decides first, and where every rule that asks for one is ruled out
// by what is known of the call.
func (p *Policy) NeedsLookup(f Facts) bool { return p.needsLookup(&f) }

func (p *Policy) needsLookup(f *Facts) bool {
	forced := f.Number.NeverReject()
	if forced && !p.overrides || !f.Number.Screenable() {
		return false
	}
	if _, ok := onList(p.allow, f); ok {
		return false
	}
	if _, ok := onList(p.block, f); ok {
		return false
	}
	v := p.view(f, false)
	return p.open(&v, forced, false) || p.shadows && p.open(&v, forced, true)
}

// open reports whether more than one verdict is possible, or one that takes
// something from the reputation. All rules that a number rings in spite of come
// to the same verdict.
func (p *Policy) open(v *view, forced, trial bool) bool {
	var first *rule
	for i := 0; i <= len(p.rules); i++ {
		r, is := &p.fallback, yes
		if i < len(p.rules) {
			r = &p.rules[i]
			is = v.matches(r, trial)
		}
		same := first == nil || forced && !first.override && !r.override
		switch {
		case is == no:
			continue
		case !same, r.asksReputation() && (r.override || !forced):
			return true
		case is == yes:
			return false
		}
		first = r
	}
	return false
}

// Decide returns the verdict of the first rule that matches f. It reads no
// clock and does no I/O, and always has an answer.
func (p *Policy) Decide(f Facts) Verdict { return p.verdict(&f) }

func (p *Policy) verdict(f *Facts) Verdict {
	if f.Number.NeverReject() && !p.overrides {
		return neverReject
	}
	verdict, _ := p.decide(f, false)
	return verdict
}

// Shadow returns what [Policy.Decide] would return if rules in shadow were rules
// like others, and whether that is another verdict.
func (p *Policy) Shadow(f Facts) (Verdict, bool) { return p.shadow(&f) }

func (p *Policy) shadow(f *Facts) (Verdict, bool) {
	if !p.shadows || f.Number.NeverReject() && !p.overrides {
		return Verdict{}, false
	}
	verdict, by := p.decide(f, true)
	if by == nil || !by.shadow {
		return Verdict{}, false
	}
	if now, _ := p.decide(f, false); now.Rule == verdict.Rule {
		return Verdict{}, false // either way the number rings
	}
	return verdict, true
}

// neverReject is the verdict on numbers that always ring.
var neverReject = Verdict{Rule: RuleNeverReject, Why: "this number always rings"}

// decide returns the verdict and the first rule that matches, which is nil where a
// list decides.
func (p *Policy) decide(f *Facts, trial bool) (Verdict, *rule) {
	forced := f.Number.NeverReject()
	if e, ok := onList(p.allow, f); ok {
		if forced {
			return neverReject, nil
		}
		return Verdict{Rule: RuleAllowList, Why: cmp.Or(e.Note, "on the allow list")}, nil
	}
	if e, ok := onList(p.block, f); ok {
		if forced && !p.blocked.override {
			return neverReject, nil
		}
		verdict := p.blocked.verdict(&f.Reputation)
		verdict.Why = cmp.Or(e.Note, verdict.Why)
		return verdict, nil
	}
	v := p.view(f, true)
	r := p.first(&v, trial)
	if forced && !r.override {
		return neverReject, r
	}
	return r.verdict(&f.Reputation), r
}

// first returns the first rule that matches.
func (p *Policy) first(v *view, trial bool) *rule {
	for i := range p.rules {
		if r := &p.rules[i]; v.matches(r, trial) == yes {
			return r
		}
	}
	return &p.fallback
}

// matches tells whether a rule matches; trial counts those in shadow too.
func (v *view) matches(r *rule, trial bool) truth {
	if r.shadow && !trial || r.until != 0 && v.now >= r.until {
		return no
	}
	return v.holds(&r.when)
}

// onList returns the entry that the caller has on the first of lists with one.
func onList(lists []*List, f *Facts) (*Entry, bool) {
	for _, l := range lists {
		if l == nil {
			continue
		}
		if i, ok := l.set.find(f.Number.Digits, f.Call.At.Unix()); ok {
			return &l.entries[i], true
		}
	}
	return nil, false
}

func (r *rule) verdict(rep *Reputation) Verdict {
	v := Verdict{
		Action: r.action, Rule: r.id, Why: r.why, Status: r.status, Reason: r.reason, Cause: r.cause,
		Target: r.target, Ring: r.ring, Headers: r.headers,
	}
	if r.action != Tag {
		return v
	}
	if r.ascii != nil {
		v.ASCII = r.ascii.Execute(*rep)
	}
	if v.Label = r.template.Execute(*rep); v.Label == "" {
		v.Action, v.Why, v.ASCII = Allow, r.whyBare, ""
	}
	return v
}

// asksReputation reports whether the rule's action, not its conditions, takes
// something from the reputation.
func (r *rule) asksReputation() bool {
	return r.action == Tag && (r.template.asksReputation() || r.ascii.asksReputation())
}

func (t *Template) asksReputation() bool {
	return t != nil && slices.ContainsFunc(t.parts, func(p part) bool { return p.name != "" })
}
