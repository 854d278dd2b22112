package screening

import (
	"errors"
	"fmt"
	"strings"
)

// numberSet is a list of numbers, prefixes and patterns; a number is in it when
// it is one of them.
type numberSet struct {
	exact    map[string]bool
	patterns []pattern
}

func (s *numberSet) holds(digits string) bool {
	if digits == "" {
		return false
	}
	if s.exact[digits] {
		return true
	}
	for i := range s.patterns {
		if s.patterns[i].holds(digits) {
			return true
		}
	}
	return false
}

// pattern is a prefix or an Asterisk pattern.
type pattern struct {
	places []places
	more   bool // further digits may follow
	least  int  // how many of those there must be
}

// places holds a bit for every digit that may stand in one place, and one for +.
type places uint16

const (
	anyDigit  places = 1<<10 - 1
	plusPlace places = 1 << 10
)

func placeOf(c byte) places {
	switch {
	case isDigit(c):
		return 1 << (c - '0')
	case c == '+':
		return plusPlace
	}
	return 0
}

func (p *pattern) holds(digits string) bool {
	rest := len(digits) - len(p.places)
	if rest < p.least || rest > 0 && !p.more {
		return false
	}
	for i, set := range p.places {
		if set&placeOf(digits[i]) == 0 {
			return false
		}
	}
	return true
}

// add adds one entry of a policy file: a number in any spelling, a prefix
// "0571*", or an Asterisk pattern "_95XXX.". The error says what is wrong with it
// and what to write instead. A called number may be one that means something to
// the PBX alone.
func (s *numberSet) add(entry string, called bool) error {
	switch {
	case strings.HasPrefix(entry, "_"):
		return s.addPattern(entry[1:])
	case strings.HasSuffix(entry, "*"):
		return s.addPrefix(strings.TrimSuffix(entry, "*"))
	}
	n, err := Normalize(entry, china)
	digits := n.Digits
	switch {
	case errors.Is(err, ErrWithheld):
		return errors.New("is no number: write withheld: true for callers who hide theirs")
	case err != nil && called:
		c, _ := compact(strings.TrimSpace(entry))
		digits = c.text
	}
	if digits == "" {
		return errors.New("is no phone number: write one, a prefix as in 0571*, or a pattern as in _95XXX.")
	}
	if s.exact == nil {
		s.exact = map[string]bool{}
	}
	s.exact[digits] = true
	return nil
}

func (s *numberSet) addPrefix(prefix string) error {
	p := pattern{more: true}
	for i := range len(prefix) {
		c := prefix[i]
		if placeOf(c) == 0 || c == '+' && i > 0 {
			return fmt.Errorf("has %q in front of the *: write digits only, as in 0571*", prefix)
		}
		p.places = append(p.places, placeOf(c))
	}
	return s.addChecked(p)
}

// addPattern reads what Asterisk has after the underscore: X for 0 to 9, Z for
// 1 to 9, N for 2 to 9, [1-57] for these, . at the end for one digit or more
// and ! for any number of them.
func (s *numberSet) addPattern(text string) error {
	var p pattern
	for rest := text; rest != ""; {
		set, n := nextPlace(rest)
		switch {
		case rest == ".", rest == "!":
			p.more = true
			if rest == "." {
				p.least = 1
			}
			return s.addChecked(p)
		case set == 0, set == plusPlace && len(p.places) > 0:
			return fmt.Errorf("has a pattern that does not go on with %q: write digits, X, Z, N or [1-5], and . or ! at the end only", rest)
		}
		p.places, rest = append(p.places, set), rest[n:]
	}
	return s.addChecked(p)
}

// nextPlace reads the place that a pattern begins with and its length; none is 0.
func nextPlace(s string) (places, int) {
	switch s[0] {
	case 'X', 'x':
		return anyDigit, 1
	case 'Z', 'z':
		return anyDigit &^ 1, 1
	case 'N', 'n':
		return anyDigit &^ 3, 1
	case '[':
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return 0, 0
		}
		return rangePlaces(s[1:end]), end + 1
	}
	return placeOf(s[0]), 1
}

// rangePlaces reads what stands in brackets: "137", "1-5", "1-37".
func rangePlaces(s string) places {
	var set places
	for i := 0; i < len(s); i++ {
		low, high := s[i], s[i]
		if i+2 < len(s) && s[i+1] == '-' {
			high, i = s[i+2], i+2
		}
		if !isDigit(low) || !isDigit(high) || low > high {
			return 0
		}
		for c := low; c <= high; c++ {
			set |= placeOf(c)
		}
	}
	return set
}

// addChecked adds p unless no number in normal form can match it, or every one does.
func (s *numberSet) addChecked(p pattern) error {
	plain := func(i int, c byte) bool { return i < len(p.places) && p.places[i] == placeOf(c) }
	switch {
	case len(p.places) == 0:
		return errors.New("stands for every number: write digits before the sign, or remove the key")
	case len(p.places)+p.least > maxDigits:
		return errors.New("is longer than any number: write fewer digits")
	case plain(0, '+') && plain(1, '8') && plain(2, '6'):
		return errors.New("has +86, which numbers lose before they are matched: write it as in 0571* or _130XXXXXXXX")
	case plain(0, '0') && plain(1, '0'):
		return errors.New("begins with 00, which becomes + before numbers are matched: write + instead")
	}
	s.patterns = append(s.patterns, p)
	return nil
}
