package screening

// Policy is the compiled rules of a policy file, made by [ParsePolicy]. It does
// not change and may be used by any number of goroutines at once.
type Policy struct {
	mode     Mode
	revision string
	rules    []rule
	fallback rule // when no rule matches
}

// rule is one rule of a policy: the action it takes when all of when holds.
type rule struct {
	id       string
	why      string
	whyBare  string // why, for a tag whose label came out empty
	when     []term
	action   Action
	template *Template // Tag
	status   int       // Reject
	reason   string    // Reject
	target   string    // Divert
}

// Mode says whether the policy's verdicts are acted on.
func (p *Policy) Mode() Mode { return p.mode }

// Revision returns the first 12 hexadecimal digits of the SHA-256 of the file
// that the policy was read from.
func (p *Policy) Revision() string { return p.revision }

// NeedsLookup reports whether the verdict on f may depend on the caller's
// reputation, which f does not hold yet. It is false where a directory cannot
// know the number, where a rule that asks for no reputation decides first, and
// where every rule that asks for one is ruled out by what is known of the call.
func (p *Policy) NeedsLookup(f Facts) bool {
	if f.Number.NeverReject() || !f.Number.Screenable() {
		return false
	}
	for i := range p.rules {
		switch allOf(p.rules[i].when, &f, false) {
		case maybe:
			return true
		case yes:
			return p.rules[i].asksReputation()
		}
	}
	return p.fallback.asksReputation()
}

// Decide returns the verdict of the first rule that matches f. It reads no
// clock and does no I/O, and always has an answer.
func (p *Policy) Decide(f Facts) Verdict {
	if f.Number.NeverReject() {
		return Verdict{Rule: RuleNeverReject, Why: "this number always rings"}
	}
	for i := range p.rules {
		if allOf(p.rules[i].when, &f, true) == yes {
			return p.rules[i].verdict(f.Reputation)
		}
	}
	return p.fallback.verdict(f.Reputation)
}

func (r *rule) verdict(rep Reputation) Verdict {
	v := Verdict{Action: r.action, Rule: r.id, Why: r.why, Status: r.status, Reason: r.reason, Target: r.target}
	if r.action != Tag {
		return v
	}
	if v.Label = r.template.Execute(rep); v.Label == "" {
		v.Action, v.Why = Allow, r.whyBare
	}
	return v
}

// asksReputation reports whether the rule's action, not its conditions, takes
// something from the reputation.
func (r *rule) asksReputation() bool {
	return r.action == Tag && r.template.asksReputation()
}

func (t *Template) asksReputation() bool {
	for _, p := range t.parts {
		if p.name != "" {
			return true
		}
	}
	return false
}
