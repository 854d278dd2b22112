package screening

import (
	"slices"
	"strings"
	"time"
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

// term is one key of a condition with its compiled values. Which fields are used
// follows from the key. What most keys need fits into a line of the cache.
type term struct {
	key   key
	want  bool     // lookup_failed; calls: those to the same number
	words []string // any of these
	spans []span   // any of these
	*rest
}

// rest is what few keys need.
type rest struct {
	traits  traits   // of a key that is judged by them: those that a call may have
	small   []string // words in small letters, any of these in any letters
	numbers numberSet
	lists   []*List       // any of these
	within  time.Duration // calls we_called
	inner   []condition   // any all not
	values  []string      // as written, for people
}

// newTerm returns a term with nothing compiled yet of the values under its key.
func newTerm(k key, values ...string) term {
	g, _ := groupOf(k)
	return term{key: k, rest: &rest{values: values, traits: ^g.all()}}
}

// span is what a comparison lets through, both ends included.
type span struct{ low, high int }

func (s span) holds(n int) bool { return s.low <= n && n <= s.high }

// view is Facts with what several terms ask of them worked out once.
type view struct {
	policy *Policy
	facts  *Facts
	known  bool // the reputation in facts is what a lookup brought, not yet to come
	hidden bool // numbers in facts are masked or hashed
	now    int64
	traits traits
	moment moment        // once timed
	place  placeOfCaller // once placed
	timed  bool
	placed bool
}

func (p *Policy) view(f *Facts, known bool) view {
	v := view{policy: p, facts: f, known: known, now: f.Call.At.Unix()}
	v.traits = v.traitsOf(f)
	return v
}

// clock returns the time of the call in the policy's zone.
func (v *view) clock() *moment {
	if !v.timed {
		v.moment, v.timed = v.policy.calendar.moment(v.facts.Call.At.In(v.policy.zone)), true
	}
	return &v.moment
}

// holds tells whether a condition holds; without terms it does.
func (v *view) holds(c *condition) truth {
	if v.traits&^c.traits != 0 {
		return no
	}
	is := yes
	if !v.known && ^c.traits&categoryGroup.all() != 0 {
		is = maybe
	}
	for i := range c.terms {
		t := &c.terms[i]
		switch {
		case v.hidden && v.hides(t):
			is = maybe
		case t.key < keyCategory:
			if !v.called(t) {
				return no
			}
		case t.key < keyAll && v.known:
			if !v.reputed(t) {
				return no
			}
		case t.key < keyAll:
			is = maybe
		default:
			if is = min(is, v.nested(t)); is == no {
				return no
			}
		}
	}
	return is
}

func (v *view) anyOf(conditions []condition) truth {
	best := no
	for i := range conditions {
		if best = max(best, v.holds(&conditions[i])); best == yes {
			break
		}
	}
	return best
}

// nested tells whether a term that holds conditions holds.
func (v *view) nested(t *term) truth {
	switch t.key {
	case keyAny:
		return v.anyOf(t.inner)
	case keyNot:
		return yes - v.anyOf(t.inner)
	}
	all := yes
	for i := range t.inner {
		all = min(all, v.holds(&t.inner[i]))
	}
	return all
}

// called tells whether a term about the call itself holds.
func (v *view) called(t *term) bool {
	f := v.facts
	switch t.key {
	case keyLength:
		return t.inSpan(len(strings.TrimPrefix(f.Number.Digits, "+")))
	case keyCountry:
		return slices.Contains(t.words, f.Number.Country)
	case keyTrunk:
		return slices.Contains(t.words, f.Call.Trunk)
	case keyNumber:
		return t.holds(f.Number.Digits)
	case keyCalled:
		return t.holds(calledDigits(f))
	case keyDivertedBy:
		return t.holds(f.Diverter.Digits)
	case keyList:
		return t.listed(f.Number.Digits, v.now)
	case keyCalledList:
		return t.listed(calledDigits(f), v.now)
	case keyDisplayName:
		return t.isPartOf(f.Call.Name)
	case keyUserAgent:
		return t.isPartOf(f.Call.UserAgent)
	case keyCalls:
		return t.inSpan(callsWithin(f.Past.Calls, t.within, t.want))
	case keyWeCalled:
		return f.Past.Dialed > 0 && f.Past.Dialed <= t.within
	}
	return v.timely(t)
}

// timely tells whether a term about the time or the date of the call holds.
func (v *view) timely(t *term) bool {
	m := v.clock()
	if t.key == keyTime {
		return t.inSpan(m.minute)
	}
	return t.inSpan(m.day) || t.inSpan(m.day%yearDay)
}

// reputed tells whether a term about the lookup holds.
func (v *view) reputed(t *term) bool {
	r := &v.facts.Reputation
	switch t.key {
	case keyMarks:
		return t.inSpan(r.Marks)
	case keyLabel:
		return slices.Contains(t.words, r.Label)
	case keyPlace:
		return t.isPartOf(r.Place)
	case keyName:
		return t.isPartOf(r.Name)
	case keyDescription:
		return t.isPartOf(r.Description)
	case keyCatnames:
		return shareOne(t.words, r.Kinds)
	case keyItagIDs:
		return shareOne(t.words, r.FinancialTags)
	case keyAge:
		return v.facts.answered() && t.inSpan(int(v.facts.Age/time.Second))
	case keyFailed:
		return t.failed(v.facts.Failed)
	}
	return v.atPlace(t)
}

// atPlace tells whether a term about a part of the place holds.
func (v *view) atPlace(t *term) bool {
	if !v.placed {
		v.place, v.placed = placeParts(v.facts.Reputation.Place), true
	}
	part := v.place.city
	switch t.key {
	case keyProvince:
		part = v.place.province
	case keyCarrier:
		part = v.place.carrier
	}
	return part != "" && slices.Contains(t.words, part)
}

// failed tells whether a lookup ended as the term says: in any failure, in none,
// or in one of those it names.
func (t *term) failed(err error) bool {
	if len(t.words) == 0 {
		return (err != nil) == t.want
	}
	return err != nil && slices.Contains(t.words, FailureReason(err))
}

func (t *term) inSpan(n int) bool {
	for _, s := range t.spans {
		if s.holds(n) {
			return true
		}
	}
	return false
}

func (t *term) holds(digits string) bool {
	_, ok := t.numbers.find(digits, 0)
	return ok
}

func (t *term) listed(digits string, now int64) bool {
	for _, l := range t.lists {
		if _, ok := l.set.find(digits, now); ok {
			return true
		}
	}
	return false
}

// callsWithin counts the calls of a caller in the time before this one, and this
// one; same: only those to the number that it called.
func callsWithin(past []PastCall, within time.Duration, same bool) int {
	n := 1
	for _, c := range past {
		if c.Ago <= within && (c.Same || !same) {
			n++
		}
	}
	return n
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

// isPartOf reports whether a word of the term stands in text.
func (t *term) isPartOf(text string) bool {
	for _, w := range t.words {
		if strings.Contains(text, w) {
			return true
		}
	}
	for _, w := range t.small {
		for i := 0; i+len(w) <= len(text); i++ {
			if beginsFold(text[i:], w) {
				return true
			}
		}
	}
	return false
}

// beginsFold reports whether text begins with a word in small letters, capital
// ones of ASCII counting as these.
func beginsFold(text, word string) bool {
	for i := range len(word) {
		if smallLetter(text[i]) != word[i] {
			return false
		}
	}
	return true
}

func smallLetter(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func shareOne(words, have []string) bool {
	for _, h := range have {
		if slices.Contains(words, h) {
			return true
		}
	}
	return false
}
