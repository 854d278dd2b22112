package screening

import (
	"slices"
	"strings"
)

// Doubt says what keeps a verdict on recorded facts from being certain.
type Doubt string

// The doubts.
const (
	NoDoubt       Doubt = ""
	NoLookup      Doubt = "lookup"  // the caller was not looked up then, and the policy asks for it
	HiddenNumbers Doubt = "numbers" // numbers are masked or hashed in the record, and the policy asks for them
)

// Judge is [Policy.Decide] for facts of a record ([Decision.Facts]), which may not hold
// all that this policy asks for: the verdict then is that on what they do hold. hidden
// says that the record masks or hashes numbers.
func (p *Policy) Judge(f Facts, hidden bool) (Verdict, Doubt) {
	looked := f.lookedUp()
	if !looked {
		f.Source = SourceNone // a list decided, and said nothing of the caller
	}
	v := p.Decide(f)
	switch {
	case hidden && p.asksHidden(&f):
		return v, HiddenNumbers
	case !looked && !f.Call.Withheld && p.NeedsLookup(f):
		return v, NoLookup
	}
	return v, NoDoubt
}

// lookedUp reports whether somebody told the reputation, or failed to.
func (f *Facts) lookedUp() bool {
	switch f.Source {
	case SourceQuery, SourceCache, SourceStale:
		return true
	case SourceRetry: // of a call that was, if that shows
		return f.answered() || f.Failed != nil
	}
	return f.Failed != nil || f.Reputation.Known()
}

// asksHidden reports whether the verdict may depend on digits that f has not.
func (p *Policy) asksHidden(f *Facts) bool {
	filled := func(l *List) bool { return len(l.Entries()) > 0 }
	if isHidden(f.Number.Digits) && (slices.ContainsFunc(p.allow, filled) || slices.ContainsFunc(p.block, filled)) {
		return true
	}
	v := p.view(f, true)
	v.hidden = true
	for i := range p.rules {
		switch v.matches(&p.rules[i], false) {
		case maybe:
			return true
		case yes:
			return false
		}
	}
	return false
}

// hides reports whether a term asks for digits that the facts have not. Texts that
// strangers wrote are masked too, where they hold numbers.
func (v *view) hides(t *term) bool {
	f := v.facts
	switch t.key {
	case keyNumber, keyList, keyLength:
		return isHidden(f.Number.Digits)
	case keyDivertedBy:
		return isHidden(f.Diverter.Digits)
	case keyDisplayName:
		return isHidden(f.Call.Name)
	case keyUserAgent:
		return isHidden(f.Call.UserAgent)
	}
	return false
}

// isHidden reports whether a text of a record with hidden numbers may hold one.
func isHidden(text string) bool { return strings.ContainsAny(text, "*#") }

// Rules returns the ids of the rules, from top to bottom.
func (p *Policy) Rules() []string {
	ids := make([]string, len(p.rules))
	for i := range p.rules {
		ids[i] = p.rules[i].id
	}
	return ids
}
