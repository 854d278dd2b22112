package screening

import (
	"slices"
	"strings"
)

// truth is what can be said of a condition before the reputation is known.
// The conjunction of two is their minimum, the disjunction their maximum.
type truth uint8

const (
	no truth = iota
	maybe
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// term is one key of a condition with its compiled value. Which fields are used
// follows from the key.
type term struct {
	key     string
	words   []string  // category label class trunk place: any of these
	numbers numberSet // number called
	spans   []span    // marks length: any of these
	want    bool      // withheld lookup_failed
	inner   [][]term  // any all not
}

// span is what a comparison lets through, both ends included.
type span struct{ low, high int }

func (s span) holds(n int) bool { return s.low <= n && n <= s.high }

// allOf tells whether every term holds; without terms it does. known says that
// the reputation in f is what a lookup brought, and not yet to come.
func allOf(terms []term, f *Facts, known bool) truth {
	all := yes
	for i := range terms {
		if all = min(all, terms[i].holds(f, known)); all == no {
			break
		}
	}
	return all
}

func anyOf(conditions [][]term, f *Facts, known bool) truth {
	best := no
	for _, c := range conditions {
		if best = max(best, allOf(c, f, known)); best == yes {
			break
		}
	}
	return best
}

func (t *term) holds(f *Facts, known bool) truth {
	switch t.key {
	case "any":
		return anyOf(t.inner, f, known)
	case "all":
		all := yes
		for _, c := range t.inner {
			all = min(all, allOf(c, f, known))
		}
		return all
	case "not":
		return yes - anyOf(t.inner, f, known)
	case "category", "label", "marks", "place", "lookup_failed":
		if !known {
			return maybe
		}
		return truthOf(t.reputed(f))
	}
	return truthOf(t.called(f))
}

// reputed tells whether a term about the lookup holds.
func (t *term) reputed(f *Facts) bool {
	switch t.key {
	case "category":
		return slices.Contains(t.words, string(f.Reputation.Category))
	case "label":
		return slices.Contains(t.words, f.Reputation.Label)
	case "marks":
		return t.inSpan(f.Reputation.Marks)
	case "lookup_failed":
		return (f.Failed != nil) == t.want
	}
	for _, w := range t.words {
		if strings.Contains(f.Reputation.Place, w) {
			return true
		}
	}
	return false
}

// called tells whether a term about the call itself holds.
func (t *term) called(f *Facts) bool {
	switch t.key {
	case "number":
		return t.numbers.holds(f.Number.Digits)
	case "called":
		return t.numbers.holds(calledDigits(f))
	case "length":
		return t.inSpan(len(strings.TrimPrefix(f.Number.Digits, "+")))
	case "class":
		return slices.Contains(t.words, string(f.Number.Class))
	case "trunk":
		return slices.Contains(t.words, f.Call.Trunk)
	}
	return (f.Call.Withheld || f.Number.Class == ClassAnonymous) == t.want
}

func (t *term) inSpan(n int) bool {
	return slices.ContainsFunc(t.spans, func(s span) bool { return s.holds(n) })
}

// calledDigits returns the called number in normal form, or the digits as they
// came where they are no number that anyone knows.
func calledDigits(f *Facts) string {
	if f.Called.Digits != "" {
		return f.Called.Digits
	}
	user, _ := userPart(f.Call.To)
	s, _ := compact(user)
	return s.text
}
