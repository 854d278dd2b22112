// Package sheet reads tables as people keep them: CSV as spreadsheets write it, with
// or without a first line that names the columns.
//
// It knows nothing of what the columns mean.
package sheet

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Column is what a column may be called in the first line, in small letters.
type Column []string

// Row is a line of a table. It is good until the next one is read.
type Row struct {
	in     *csv.Reader
	record []string
	at     []int // where the columns are; -1 is nowhere
}

// Read calls row for every line of data, which is UTF-8. The columns stand in their
// order, unless the first line names the first of them; then those that it names are
// where it does. A line that begins with # is a comment. What is wrong with the form
// goes to report, by line from 1 with 0 for an unknown place, and ends the reading.
func Read(data []byte, columns []Column, report func(line, column int, text, hint string), row func(Row)) {
	in := csv.NewReader(bytes.NewReader(data))
	in.FieldsPerRecord, in.Comment, in.Comma, in.ReuseRecord = -1, '#', delimiter(data), true
	in.TrimLeadingSpace = in.Comma != '\t' // which it would take for space
	at := make([]int, len(columns))
	for i := range at {
		at[i] = i
	}
	for first := true; ; first = false {
		record, err := in.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &bad):
			report(bad.StartLine, 0, "a quote that stands alone", `write "" for a quote within quotes`)
			return
		case err != nil:
			report(0, 0, err.Error(), "")
			return
		}
		if named := header(record, columns); first && named[0] >= 0 {
			at = named
			continue
		}
		row(Row{in, record, at})
	}
}

// delimiter returns what stands between the columns: spreadsheets write what the
// country has.
func delimiter(data []byte) rune {
	for line := range bytes.Lines(data) {
		if len(bytes.TrimSpace(line)) == 0 || line[0] == '#' {
			continue
		}
		for _, c := range ",;\t" {
			if bytes.ContainsRune(line, c) {
				return c
			}
		}
		break
	}
	return ','
}

// header returns where a first line names the columns.
func header(record []string, columns []Column) []int {
	at := slices.Repeat([]int{-1}, len(columns))
	for i, name := range record {
		name = strings.ToLower(strings.TrimSpace(name))
		for c, names := range columns {
			if at[c] < 0 && slices.Contains(names, name) {
				at[c] = i
			}
		}
	}
	return at
}

// Empty reports whether nothing stands in the line.
func (r Row) Empty() bool { return strings.Join(r.record, "") == "" }

// Field returns what stands in a column, without space around it; empty where the
// line does not have it.
func (r Row) Field(column int) string {
	if i := r.at[column]; i >= 0 && i < len(r.record) {
		return strings.Clone(strings.TrimSpace(r.record[i]))
	}
	return ""
}

// Place returns the line and column of a field, in characters and from 1. Of one that
// the line does not have it is the last.
func (r Row) Place(column int) (line, character int) {
	i := min(max(r.at[column], 0), len(r.record)-1)
	line, character = r.in.FieldPos(i)
	for _, before := range r.record[:i] {
		character -= len(before) - utf8.RuneCountInString(before)
	}
	return line, character
}

var exponent = regexp.MustCompile(`^[0-9]([.,][0-9]+)?[Ee]\+[0-9]+$`)

// LostDigits reports whether a text is what spreadsheets make of a number that they
// take for one to count with: "1.39E+10".
func LostDigits(text string) bool { return exponent.MatchString(text) }
