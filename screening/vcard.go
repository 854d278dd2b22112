package screening

import (
	"bytes"
	"io"
	"mime/quotedprintable"
	"strings"
)

// vcards adds the phone numbers of contacts (RFC 6350, and vCard 2.1 as phones
// still write it).
func (r *listReader) vcards(data []byte) {
	var numbers []Entry
	name, cards := "", 0
	for line := range contentLines(data) {
		p := readProperty(line)
		switch p.name {
		case "BEGIN":
			numbers, name = numbers[:0], ""
			cards++
		case "FN":
			name = p.value
		case "N", "ORG":
			if name == "" {
				name = strings.Join(strings.FieldsFunc(p.value, func(r rune) bool { return r == ';' }), " ")
			}
		case "TEL":
			numbers = append(numbers, Entry{Number: telOf(p.value)})
		case "END":
			for _, e := range numbers {
				e.Note = name
				r.contact(e)
			}
			numbers = numbers[:0]
		}
	}
	if cards == 0 {
		r.doc.ReportAt(1, 0, "the file holds no contact", "export the contacts as vCard again")
	}
}

// contact adds a number unless it is none: people keep codes and notes there.
func (r *listReader) contact(e Entry) {
	e.Note = cleanNote(e.Note)
	if strings.ContainsAny(e.Number, "*_#") || r.list.add(e, r.called) != nil {
		r.skipped++
	}
}

// contentLines yields the lines of a vCard, each with those that continue it. A
// quoted-printable one goes on behind a = at its end.
func contentLines(data []byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var last []byte
		for raw := range bytes.Lines(data) {
			text := bytes.TrimRight(raw, "\r\n")
			switch {
			case bytes.HasSuffix(last, []byte("=")) && quotedPrintable(string(last)):
				last = append(last[:len(last)-1], text...)
				continue
			case len(text) > 0 && (text[0] == ' ' || text[0] == '\t'):
				last = append(last, text[1:]...)
				continue
			case !yield(string(last)):
				return
			}
			last = append(last[:0], text...)
		}
		yield(string(last))
	}
}

func quotedPrintable(line string) bool {
	params, _, _ := strings.Cut(line, ":")
	return strings.Contains(strings.ToUpper(params), "QUOTED-PRINTABLE")
}

// property is one property of a vCard.
type property struct{ name, value string }

var unescapeText = strings.NewReplacer(`\,`, ",", `\;`, ";", `\n`, " ", `\N`, " ", `\\`, `\`)

// readProperty reads "item1.TEL;TYPE=CELL:+86 138…".
func readProperty(line string) property {
	params, value, _ := strings.Cut(line, ":")
	name, _, _ := strings.Cut(params, ";")
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.ToUpper(strings.TrimSpace(name))
	if name == "PHOTO" {
		return property{}
	}
	if quotedPrintable(line) {
		plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(value)))
		if err != nil {
			return property{}
		}
		value = string(plain)
	}
	return property{name, strings.TrimSpace(unescapeText.Replace(value))}
}

// telOf returns the number of a TEL, which may be a URI, without an extension.
func telOf(value string) string {
	if rest, ok := cutFold(value, "tel:"); ok {
		value, _, _ = strings.Cut(rest, ";")
	}
	if i := strings.IndexAny(value, "xX"); i > 0 {
		value = value[:i]
	}
	return value
}
