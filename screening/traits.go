package screening

import "slices"

// traits are a bit for everything that a call is one of a few of: its class, its
// weekday, whether its number is withheld. A call has one bit of every group, and
// a condition those that a call may have, so that all of them are judged in one
// step.
type traits uint64

// group is the bits of one key: one for each of its words, and where a call may be
// none of these, one more.
type group struct{ first, size int }

var (
	classGroup    = group{0, 19} // classes, or another
	categoryGroup = group{19, 9} // categories, or none
	weekdayGroup  = group{28, 7}
	verstatGroup  = group{35, 8} // verstats, or another
	withheldGroup = group{43, 2} // true, false
	divertedGroup = group{45, 2}
	mismatchGroup = group{47, 2}
	holidayGroup  = group{49, 2}
	workdayGroup  = group{51, 2}
)

// groupOf returns the bits of a key that is judged by them.
func groupOf(k key) (group, bool) {
	switch k {
	case keyClass:
		return classGroup, true
	case keyCategory:
		return categoryGroup, true
	case keyWeekday:
		return weekdayGroup, true
	case keyVerstat:
		return verstatGroup, true
	case keyWithheld:
		return withheldGroup, true
	case keyDiverted:
		return divertedGroup, true
	case keyMismatch:
		return mismatchGroup, true
	case keyHoliday:
		return holidayGroup, true
	case keyWorkday:
		return workdayGroup, true
	}
	return group{}, false
}

// of returns the bit of word i of the group, counted from its end where i is
// negative.
func (g group) of(i int) traits {
	if i < 0 {
		i += g.size
	}
	return 1 << (g.first + i)
}

// is returns the bit of true or false.
func (g group) is(b bool) traits {
	if b {
		return g.of(0)
	}
	return g.of(1)
}

func (g group) all() traits { return (1<<g.size - 1) << g.first }

// allow adds a word of the term's key to the traits that a call may have.
func (t *term) allow(i int) {
	if g, ok := groupOf(t.key); ok {
		t.traits |= g.of(i)
	}
}

// condition is terms that must all hold.
type condition struct {
	traits traits // those that a call may have
	terms  []term // what traits do not say
	all    []term // both, as they were written
}

// conditionOf sorts the terms of a condition.
func conditionOf(all []term) condition {
	c := condition{traits: ^traits(0), all: all}
	for _, t := range all {
		if _, ok := groupOf(t.key); ok {
			c.traits &= t.traits
		} else {
			c.terms = append(c.terms, t)
		}
	}
	return c
}

// traitsOf returns those of a call. Its category is among them once it is known, and
// its day where some rule asks for it.
func (v *view) traitsOf(f *Facts) traits {
	is := classGroup.of(slices.Index(classes, string(f.Number.Class))) | verstatGroup.of(verstatOf(f.Call.Verstat)) |
		withheldGroup.is(f.Call.Withheld || f.Number.Class == ClassAnonymous) | divertedGroup.is(f.Call.DivertedBy != "") | mismatchGroup.is(f.Mismatch)
	if v.known {
		is |= categoryGroup.of(slices.Index(categories, string(f.Reputation.Category)))
	}
	if v.policy.asksDay {
		m := v.clock()
		is |= weekdayGroup.of(m.weekday) | holidayGroup.is(m.holiday) | workdayGroup.is(m.workday)
	}
	return is
}
