package http

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"callscreen/directory"
	"callscreen/screening"
)

const (
	maxText  = 256 // bytes of one text that are kept
	maxMarks = 1_000_000_000
)

// odd is the error of a reply that is no answer. It never counts as "nothing known".
func odd(detail string) error { return &Error{Detail: detail, reason: "upstream"} }

// path goes through objects by name and arrays by number.
type path []string

func newPath(text string) (path, error) {
	if text == "" {
		return nil, nil
	}
	p := path(strings.Split(text, "."))
	for _, step := range p {
		if step == "" {
			return nil, errors.New(`path "` + text + `" has an empty step: write it as in result.tags.0.name`)
		}
	}
	return p, nil
}

// find returns what is at p; nil when there is nothing, or null.
func (p path) find(v any) any {
	for _, step := range p {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// reader finds a Reputation in an answer.
type reader struct {
	directory  string
	categories directory.Categories
	proof      path
	value      string

	category, label, marks, name, description, place path
}

func newReader(o Options) (reader, error) {
	if o.Proof.Path == "" {
		return reader{}, errors.New("proof is missing: write the path of something that every answer has, and no error")
	}
	if o.Paths == (Paths{}) {
		return reader{}, errors.New("paths are missing: write where in an answer what is")
	}
	r := reader{directory: o.Name, value: o.Proof.Value}
	var errs [8]error
	r.categories, errs[0] = directory.NewCategories(o.Texts)
	for i, p := range []struct {
		text string
		path *path
	}{
		{o.Proof.Path, &r.proof},
		{o.Paths.Category, &r.category},
		{o.Paths.Label, &r.label},
		{o.Paths.Marks, &r.marks},
		{o.Paths.Name, &r.name},
		{o.Paths.Description, &r.description},
		{o.Paths.Place, &r.place},
	} {
		*p.path, errs[1+i] = newPath(p.text)
	}
	return r, errors.Join(errs[:]...)
}

// read reads a whole reply.
func (r *reader) read(body []byte) (screening.Reputation, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) || !json.Valid(body) {
		return screening.Reputation{}, odd("answer is not JSON in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return screening.Reputation{}, odd("answer is not JSON in UTF-8")
	}
	if proof := scalar(r.proof.find(v)); r.proof.find(v) == nil || r.value != "" && proof != r.value {
		return screening.Reputation{}, odd("answer lacks its proof")
	}
	return r.reputation(v)
}

// reputation reads the fields of a proven answer.
func (r *reader) reputation(v any) (screening.Reputation, error) {
	var texts [5]string
	for i, p := range []path{r.category, r.label, r.name, r.description, r.place} {
		var err error
		if texts[i], err = p.text(v); err != nil {
			return screening.Reputation{}, err
		}
	}
	marks, err := r.marks.number(v)
	if err != nil {
		return screening.Reputation{}, err
	}
	rep := screening.Reputation{
		Label: texts[1], Marks: marks, Name: texts[2], Description: texts[3], Place: texts[4], Directory: r.directory,
	}
	return r.categorise(rep, texts[0]), nil
}

// categorise adds the category that text stands for. One that says nothing takes
// label and marks with it, which are about it.
func (r *reader) categorise(rep screening.Reputation, text string) screening.Reputation {
	if text == "" {
		return rep
	}
	category, known := r.categories.Find(text)
	switch {
	case known && category == "":
		rep.Label, rep.Marks = "", 0
		return rep
	case !known:
		category = screening.CategoryOther
	}
	rep.Category = category
	if rep.Label == "" {
		rep.Label = text
	}
	return rep
}

// scalar returns a text, number or truth as text; empty for all else.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// text returns the text at p, or the digits of a number. Nothing, null, [] and {}
// are none.
func (p path) text(v any) (string, error) {
	if p == nil {
		return "", nil
	}
	v = p.find(v)
	switch v := v.(type) {
	case []any:
		if len(v) > 0 {
			return "", odd("a text of the answer is a list")
		}
	case map[string]any:
		if len(v) > 0 {
			return "", odd("a text of the answer is an object")
		}
	}
	return clip(scalar(v)), nil
}

// number returns the whole number at p, in quotes or not; none is 0.
func (p path) number(v any) (int, error) {
	text, err := p.text(v)
	if err != nil || text == "" || p == nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, odd("marks are no whole number")
	}
	return int(min(max(f, 0), maxMarks)), nil
}

// clip cuts s at the last whole character within maxText bytes.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end])
}
