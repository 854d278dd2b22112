package strictyaml

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxErrors is how many errors of one file are told; who has more has the
// wrong file.
const maxErrors = 100

// Error is one thing that is wrong in a file. A type that decodes its own text
// may return one, without a place, to give a hint of its own.
type Error struct {
	File   string
	Line   int    // from 1; 0 when the error has no place
	Column int    // from 1, in characters; 0 when only the line is known
	Text   string // what is wrong
	Hint   string // what to write instead; may be empty
}

// Error returns "file:line:column: what is wrong: what to write instead",
// without the parts that are not known.
func (e Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s += ":" + strconv.Itoa(e.Line)
	}
	if e.Line > 0 && e.Column > 0 {
		s += ":" + strconv.Itoa(e.Column)
	}
	if s != "" {
		s += ": "
	}
	s += e.Text
	if e.Hint != "" {
		s += ": " + e.Hint
	}
	return s
}

// Errors are all that is wrong in a file, by place.
type Errors []Error

// Error returns one error a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single errors, for [errors.As].
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i := range e {
		all[i] = e[i]
	}
	return all
}

// sorted returns the errors by place, and no more of them than anyone reads.
func (e Errors) sorted() Errors {
	out := slices.Clone(e)
	slices.SortStableFunc(out, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if more := len(out) - maxErrors; more > 0 {
		out = append(out[:maxErrors], Error{File: out[0].File, Text: fmt.Sprintf("and %d more errors", more)})
	}
	return out
}

// quote returns text for a message: in quotes, escaped, not too long.
func quote(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return strconv.Quote(string(r[:most])) + "…"
	}
	return strconv.Quote(text)
}

// plain escapes the characters of text that do not print, and cuts it where it
// is longer than anyone reads.
func plain(text string) string {
	const most = 400
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > most {
			return b.String() + "…"
		}
		if strconv.IsPrint(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}
