package screening

import (
	"errors"
	"fmt"
	"strings"
)

// add adds what a policy file or a list writes for numbers, as entry i: a number
// in any spelling, one with X for any digit ("1380013XXXX"), a prefix "0571*",
// or an Asterisk pattern "_95XXX.". The error says what is wrong with it and what
// to write instead. A called number may be one that means something to the PBX
// alone.
func (s *numberSet) add(text string, called bool, i int32) error {
	switch {
	case strings.HasPrefix(text, "_"):
		return s.addPattern(text[1:], i)
	case strings.HasSuffix(text, "*"):
		return s.addPrefix(strings.TrimSuffix(text, "*"), i)
	case hasWildcard(text):
		return s.addWildcards(text, called, i)
	}
	digits, err := Habits{}.entryDigits(text, called)
	if err != nil {
		return err
	}
	s.put(digits, i)
	return nil
}

// entryDigits returns the normal form of a number in a file.
func (h Habits) entryDigits(text string, called bool) (string, error) {
	n, err := h.Normalize(text)
	switch {
	case errors.Is(err, ErrWithheld):
		return "", errors.New("is no number: write withheld: true for callers who hide theirs")
	case err != nil && called:
		c, _ := compact(strings.TrimSpace(text))
		n.Digits = c.text
	}
	if n.Digits == "" {
		return "", errors.New("is no phone number: write one, with X for any digit, a pattern as in _95XXX. or a prefix as in 0571*")
	}
	return n.Digits, nil
}

// hasWildcard reports whether text is a number with X in it, and no word.
func hasWildcard(text string) bool {
	found := false
	for _, r := range text {
		switch {
		case r == 'X' || r == 'x':
			found = true
		case '0' <= r && r <= '9', r == '+', isDash(r), isSeparator(r):
		default:
			return false
		}
	}
	return found
}

// addWildcards adds a number with X in it. Which normal form it has may depend on
// the digits that X stands for, so each is tried; where they disagree the number
// could be one of several plans.
func (s *numberSet) addWildcards(text string, called bool, i int32) error {
	form, err := Habits{}.wildcardForm(text, called)
	if err != nil {
		return err
	}
	return s.addPattern(form, i)
}

// wildcardForm returns the normal form of a number with X in it.
func (h Habits) wildcardForm(text string, called bool) (string, error) {
	form, clash := "", false
	text = strings.ToUpper(text)
	for d := '0'; d <= '9'; d++ {
		full := strings.ReplaceAll(text, "X", string(d))
		digits, err := h.entryDigits(full, called)
		if err != nil {
			continue
		}
		f := withWildcards(text, full, digits)
		clash = clash || form != "" && f != form
		form = f
	}
	switch {
	case form == "":
		return "", errors.New("is no phone number, whatever digits X stands for: write one, or a prefix as in 0571*")
	case clash:
		return "", errors.New("may be read in several ways: write a pattern as in _1380013XXXX")
	}
	return form, nil
}

// withWildcards puts the X of text back into the normal form of full, which is
// text with a digit for X. The form ends with the digits of full; one that does
// not has lost an extension and comes back as it is. What stands before the first
// X may be a prefix that the form has not.
func withWildcards(text, full, digits string) string {
	form := []byte(digits)
	at := len(form)
	for i := len(text) - 1; i >= strings.IndexByte(text, 'X'); i-- {
		if !isDigit(full[i]) {
			continue
		}
		if at--; at < 0 || form[at] != full[i] {
			return digits
		}
		if text[i] == 'X' {
			form[at] = 'X'
		}
	}
	return string(form)
}

func (s *numberSet) addPrefix(prefix string, i int32) error {
	p := pattern{more: true}
	for k := range len(prefix) {
		c := prefix[k]
		if placeOf(c) == 0 || c == '+' && k > 0 {
			return fmt.Errorf("has %q in front of the *: write digits only, as in 0571*", prefix)
		}
		p.places = append(p.places, placeOf(c))
	}
	return s.addChecked(p, i)
}

// addPattern reads what Asterisk has after the underscore: X for 0 to 9, Z for
// 1 to 9, N for 2 to 9, [1-57] for these, . at the end for one digit or more
// and ! for any number of them.
func (s *numberSet) addPattern(text string, i int32) error {
	var p pattern
	for rest := text; rest != ""; {
		set, n := nextPlace(rest)
		switch {
		case rest == ".", rest == "!":
			p.more = true
			if rest == "." {
				p.least = 1
			}
			return s.addChecked(p, i)
		case set == 0, set == plusPlace && len(p.places) > 0:
			return fmt.Errorf("has a pattern that does not go on with %q: write digits, X, Z, N or [1-5], and . or ! at the end only", rest)
		}
		p.places, rest = append(p.places, set), rest[n:]
	}
	return s.addChecked(p, i)
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
func (s *numberSet) addChecked(p pattern, i int32) error {
	plain := func(k int, c byte) bool { return k < len(p.places) && p.places[k] == placeOf(c) }
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
	s.putPattern(p, i)
	return nil
}
