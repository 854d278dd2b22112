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
// follows from the key.
type term struct {
	key     key
	want    bool          // of a key that is true or false; calls: those to the same number
	bits    uint32        // of a key with few words: any of these
	within  time.Duration // calls we_called
	words   []string      // any of these
	spans   []span        // any of these
	numbers *numberSet
	lists   []*List  // any of these
	inner   [][]term // any all not
	values  []string // as written, for people
}

// span is what a comparison lets through, both ends included.
type span struct{ low, high int }

func (s span) holds(n int) bool { return s.low <= n && n <= s.high }

// view is Facts with what several terms ask of them worked out once.
type view struct {
	facts    *Facts
	known    bool // the reputation in facts is what a lookup brought, not yet to come
	now      int64
	class    uint32
	category uint32
	moment   moment
}

func (p *Policy) view(f *Facts, known bool) view {
	v := view{facts: f, known: known, now: f.Call.At.Unix()}
	v.class = bitOf(classes, string(f.Number.Class))
	v.category = bitOf(categories, string(f.Reputation.Category))
	if p.asksTime {
		v.moment = p.calendar.moment(f.Call.At.In(p.zone))
	}
	return v
}

// bitOf returns the bit of a word among known, and 0 for another.
func bitOf(known []string, word string) uint32 {
	if i := slices.Index(known, word); i >= 0 {
		return 1 << i
	}
	return 0
}

// allOf tells whether every term holds; without terms it does.
func (v *view) allOf(terms []term) truth {
	all := yes
	for i := range terms {
		if all = min(all, v.holds(&terms[i])); all == no {
			break
		}
	}
	return all
}

func (v *view) anyOf(conditions [][]term) truth {
	best := no
	for _, c := range conditions {
		if best = max(best, v.allOf(c)); best == yes {
			break
		}
	}
	return best
}

func (v *view) holds(t *term) truth {
	switch {
	case t.key < keyAll:
	case t.key == keyAny:
		return v.anyOf(t.inner)
	case t.key == keyNot:
		return yes - v.anyOf(t.inner)
	default:
		all := yes
		for _, c := range t.inner {
			all = min(all, v.allOf(c))
		}
		return all
	}
	if t.key.reputed() {
		if !v.known {
			return maybe
		}
		return truthOf(v.reputed(t))
	}
	return truthOf(v.called(t))
}

// called tells whether a term about the call itself holds.
func (v *view) called(t *term) bool {
	f := v.facts
	switch t.key {
	case keyClass:
		return t.bits&v.class != 0
	case keyLength:
		return t.inSpan(len(strings.TrimPrefix(f.Number.Digits, "+")))
	case keyCountry:
		return slices.Contains(t.words, f.Number.Country)
	case keyTrunk:
		return slices.Contains(t.words, f.Call.Trunk)
	case keyWithheld:
		return (f.Call.Withheld || f.Number.Class == ClassAnonymous) == t.want
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
	case keyDiverted:
		return (f.Call.DivertedBy != "") == t.want
	case keyMismatch:
		return f.Mismatch == t.want
	case keyVerstat:
		return t.bits&verstatBits(f.Call.Verstat) != 0
	case keyDisplayName:
		return containsAny(f.Call.Name, t.words)
	case keyUserAgent:
		return containsAny(f.Call.UserAgent, t.words)
	case keyCalls:
		return t.inSpan(callsWithin(f.Past.Calls, t.within, t.want))
	case keyWeCalled:
		return f.Past.Dialed > 0 && f.Past.Dialed <= t.within
	}
	return v.timely(t)
}

// timely tells whether a term about the time of the call holds.
func (v *view) timely(t *term) bool {
	switch t.key {
	case keyTime:
		return t.inSpan(v.moment.minute)
	case keyWeekday:
		return t.bits&v.moment.weekday != 0
	case keyDate:
		return t.inSpan(v.moment.day) || t.inSpan(v.moment.day%yearDay)
	case keyHoliday:
		return v.moment.holiday == t.want
	}
	return v.moment.workday == t.want
}

// reputed tells whether a term about the lookup holds.
func (v *view) reputed(t *term) bool {
	r := &v.facts.Reputation
	switch t.key {
	case keyCategory:
		return t.bits&v.category != 0
	case keyMarks:
		return t.inSpan(r.Marks)
	case keyLabel:
		return slices.Contains(t.words, r.Label)
	case keyPlace:
		return containsAny(r.Place, t.words)
	case keyName:
		return containsAny(r.Name, t.words)
	case keyDescription:
		return containsAny(r.Description, t.words)
	case keyCatnames:
		return shareOne(t.words, r.Kinds)
	case keyItagIDs:
		return shareOne(t.words, r.FinancialTags)
	case keyAge:
		answered := v.facts.Source != "" && v.facts.Source != SourceNone
		return answered && t.inSpan(int(v.facts.Age/time.Second))
	case keyFailed:
		return t.failed(v.facts.Failed)
	}
	return t.atPlace(placeParts(r.Place))
}

// atPlace tells whether a term about a part of the place holds.
func (t *term) atPlace(p placeOfCaller) bool {
	part := p.city
	switch t.key {
	case keyProvince:
		part = p.province
	case keyCarrier:
		part = p.carrier
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

// containsAny reports whether one of words stands in text, small and capital
// letters of ASCII being the same.
func containsAny(text string, words []string) bool {
	for _, w := range words {
		for i := 0; i+len(w) <= len(text); i++ {
			if strings.EqualFold(text[i:i+len(w)], w) {
				return true
			}
		}
	}
	return false
}

func shareOne(words, have []string) bool {
	for _, h := range have {
		if slices.Contains(words, h) {
			return true
		}
	}
	return false
}
