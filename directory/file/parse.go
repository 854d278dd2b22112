package file

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"callscreen/directory"
	"callscreen/screening"
	"callscreen/screening/sheet"
	"callscreen/screening/strictyaml"
)

const (
	maxErrors = 100 // that are told of one file
	maxText   = 200 // characters of a label or note
)

// List is a file that has been read; nothing changes it.
type List struct {
	numbers *screening.List
	said    map[string]said // by Entry.Number, which is there once
}

// said is what a line says, and where it stands.
type said struct {
	reputation screening.Reputation
	line       int
}

// Len returns how many entries there are.
func (l *List) Len() int { return len(l.said) }

// Find returns what the list says of n at a time, and until when; zero is for ever.
func (l *List) Find(n screening.Number, at time.Time) (screening.Reputation, time.Time, bool) {
	e, ok := l.numbers.Find(n, at)
	return l.said[e.Number].reputation, e.Expires, ok
}

// Parse reads a CSV file: number, label, category, note and expiry in this order,
// or in any order under a first line that names them (number, label, category,
// note, expires; 号码, 标记, 类别, 备注, 到期). A line that begins with # is a comment.
// A number is written in any spelling, as a prefix 0571*, or as a pattern _95XXX.;
// a category is one of the table's texts, and where there is none the label stands
// for one; an expiry is the last day, 2027-03-31, or a time, 2027-03-31 18:00, in
// zone. The error is [strictyaml.Errors]: everything that is wrong with the file,
// which is called name there.
func Parse(name string, data []byte, zone *time.Location, table map[string]screening.Category) (*List, error) {
	c, err := directory.NewCategories(table)
	if err != nil {
		return nil, err
	}
	return parse(name, data, zone, c)
}

func parse(name string, data []byte, zone *time.Location, c directory.Categories) (*List, error) {
	p := parser{name: name, zone: zone, categories: c, said: map[string]said{}}
	p.file(bytes.TrimPrefix(data, []byte("\ufeff")))
	if p.errs == nil {
		var err error
		if p.list.numbers, err = screening.NewList(p.entries); err != nil {
			p.report(0, 0, err.Error(), "") // not reached: every entry was checked
		}
	}
	if p.errs != nil {
		return nil, p.errs
	}
	p.list.said = p.said
	return &p.list, nil
}

type parser struct {
	name       string
	zone       *time.Location
	categories directory.Categories
	entries    []screening.Entry
	said       map[string]said
	list       List
	errs       strictyaml.Errors
}

func (p *parser) report(line, column int, text, hint string) {
	if len(p.errs) < maxErrors {
		p.errs = append(p.errs, strictyaml.Error{File: p.name, Line: line, Column: column, Text: text, Hint: hint})
	}
}

// What the columns are, and what they may be called.
const (
	inNumber = iota
	inLabel
	inCategory
	inNote
	inExpires
)

var columns = []sheet.Column{
	inNumber:   {"number", "phone", "号码", "电话", "电话号码", "手机"},
	inLabel:    {"label", "标记", "标签"},
	inCategory: {"category", "类别", "分类", "类型"},
	inNote:     {"note", "remark", "comment", "备注", "说明"},
	inExpires:  {"expires", "expiry", "until", "到期", "有效期", "截止"},
}

func (p *parser) file(data []byte) {
	if !utf8.Valid(data) {
		p.report(0, 0, "the file is not UTF-8", `save it as UTF-8; Excel calls it "CSV UTF-8"`)
		return
	}
	sheet.Read(data, columns, p.report, p.row)
}

// row reads one line.
func (p *parser) row(row sheet.Row) {
	fault := func(c int, text, hint string) {
		line, column := row.Place(c)
		p.report(line, column, text, hint)
	}
	number := row.Field(inNumber)
	e := screening.Entry{Number: number, Note: row.Field(inNote)}
	switch err := e.Check(); {
	case row.Empty():
		return
	case number == "":
		fault(inNumber, "the line has no number", "write it, or remove the line")
		return
	case sheet.LostDigits(number):
		fault(inNumber, "number "+strconv.Quote(number)+" has lost its digits", "let Excel format the column as text, and write the number again")
		return
	case err != nil:
		text, hint, _ := strings.Cut(err.Error(), ": ")
		fault(inNumber, "number "+strconv.Quote(number)+" "+text, hint)
		return
	}
	key := keyOf(number)
	if before, twice := p.said[key]; twice {
		fault(inNumber, fmt.Sprintf("number %q stands in line %d, too", number, before.line), "keep one of the two")
		return
	}
	p.entry(row, e, key, fault)
}

// entry adds what a line says of a number that no line before is about.
func (p *parser) entry(row sheet.Row, e screening.Entry, key string, fault func(c int, text, hint string)) {
	until, category := row.Field(inExpires), row.Field(inCategory)
	var err error
	if e.Expires, err = p.expiry(until); err != nil {
		fault(inExpires, "expires "+strconv.Quote(until)+" is no date", "write the last day as in 2027-03-31, or a time as in 2027-03-31 18:00")
	}
	r, ok := p.reputation(row.Field(inLabel), category, e.Note)
	if !ok {
		fault(inCategory, "category "+strconv.Quote(category)+" is not known", "write fraud, sales, harassment, agent, delivery, recruiter, taxi or other")
	}
	if ok && !r.Known() {
		fault(inNumber, "the line says nothing of the number", "write a label, a category or a note, or remove the line")
	}
	e.Number = key
	line, _ := row.Place(inNumber)
	p.entries, p.said[key] = append(p.entries, e), said{r, line}
}

// keyOf returns a number in normal form, so that two spellings are found to be one,
// and a pattern as it is.
func keyOf(number string) string {
	if strings.HasPrefix(number, "_") || strings.HasSuffix(number, "*") {
		return number
	}
	n, err := screening.Normalize(number, "86")
	if err != nil {
		return number
	}
	return n.Digits
}

// expiry reads the end of an entry: a day, which it lasts to the end of, or a time.
func (p *parser) expiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006/1/2"} {
		if day, err := time.ParseInLocation(layout, text, p.zone); err == nil {
			return day.AddDate(0, 0, 1), nil
		}
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, p.zone)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	return at, err
}

// reputation is what a line says; false when it names a category that is not known.
func (p *parser) reputation(label, category, note string) (screening.Reputation, bool) {
	r := screening.Reputation{Label: clean(label), Description: clean(note)}
	known := true
	if category != "" {
		r.Category, known = p.categories.Find(category)
	} else {
		r.Category, _ = p.categories.Find(label)
	}
	if r.Label == "" {
		r.Label = clean(category)
	}
	return r, known
}

// clean makes a text one line of bounded length.
func clean(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(s); len(runes) > maxText {
		return string(runes[:maxText])
	}
	return s
}
