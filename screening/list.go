package screening

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxEntries is how many entries one list may have.
const maxEntries = 1_000_000

// Entry is one number of a list, or many that a pattern stands for.
type Entry struct {
	Number  string    // in any spelling, with X for any digit, 0571* or _95XXX.
	Note    string    // why it is there, for people; may be empty
	Expires time.Time // zero: never
}

// Check says what is wrong with the entry's number, and what to write instead.
func (e Entry) Check() error {
	return new(List).add(e, false)
}

// Form returns the entry's number as it is compared, so that two spellings of one
// number are one text, or what Check says.
func (e Entry) Form() (string, error) { return Habits{}.Form(e.Number) }

// Form is [Entry.Form] for who writes numbers as the trunk does. What stands for many
// numbers by a sign at an end, "0571*" or "_95XXX.", is compared as it is written.
func (h Habits) Form(text string) (string, error) {
	form, err := strings.TrimSpace(text), error(nil)
	switch {
	case strings.HasPrefix(form, "_"):
		form = strings.ToUpper(form)
	case strings.HasSuffix(form, "*"):
	case hasWildcard(form):
		form, err = h.wildcardForm(form, false)
	default:
		form, err = h.entryDigits(form, false)
	}
	if err == nil {
		err = Entry{Number: form}.Check()
	}
	if err != nil {
		return "", err
	}
	return form, nil
}

// List is a list of numbers that finds one among any number of them in the same
// time. Nobody outside this package changes one, and nil is an empty one.
type List struct {
	entries []Entry
	set     numberSet
}

// NewList returns a list of entries, or says which of them it cannot take.
func NewList(entries []Entry) (*List, error) {
	l := &List{}
	var errs []error
	for i, e := range entries {
		if err := l.add(e, false); err != nil {
			errs = append(errs, fmt.Errorf("screening: entry %d: %q %w", i+1, e.Number, err))
		}
	}
	if errs != nil {
		return nil, errors.Join(errs...)
	}
	return l, nil
}

// add adds an entry. A called number may be one that means something to the PBX
// alone.
func (l *List) add(e Entry, called bool) error {
	i := len(l.entries)
	if i >= maxEntries {
		return fmt.Errorf("is one too many: write at most %d entries", maxEntries)
	}
	until := int64(0)
	if !e.Expires.IsZero() {
		until = max(e.Expires.Unix(), 1)
	}
	l.entries, l.set.until = append(l.entries, e), append(l.set.until, until)
	if err := l.set.add(e.Number, called, int32(i)); err != nil {
		l.entries, l.set.until = l.entries[:i], l.set.until[:i]
		return err
	}
	return nil
}

// Find returns the entry that holds n at a time, and whether there is one: of
// several the number itself, else the pattern that says most about it.
func (l *List) Find(n Number, at time.Time) (Entry, bool) {
	if l == nil {
		return Entry{}, false
	}
	i, ok := l.set.find(n.Digits, at.Unix())
	if !ok {
		return Entry{}, false
	}
	return l.entries[i], true
}

// Entries returns the entries in the order in which they were written, those
// that have expired among them. The slice is shared: read only.
func (l *List) Entries() []Entry {
	if l == nil {
		return nil
	}
	return l.entries
}

// expired returns how many entries have ended at a Unix second.
func (l *List) expired(at int64) int {
	n := 0
	for i := range l.entries {
		if !l.set.lives(int32(i), at) {
			n++
		}
	}
	return n
}
