package screening

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"callscreen/screening/sheet"
	"callscreen/screening/strictyaml"
)

// maxListFile is how many bytes the file of a list may have.
const maxListFile = 64 << 20

// ParseList reads a list that is kept in a file of its own, file is its name:
//
//   - .csv: number, note and expiry in this order, or in any order under a first
//     line that names them (number, note, expires, or 号码, 备注, 到期). A line that
//     begins with # is a comment.
//   - .vcf: every number of every vCard 2.1 to 4.0, with the contact's name as its note.
//     What is no phone number there is left out.
//   - .txt: one number a line; what follows a # is its note.
//
// Expiry dates are in zone; nil is Asia/Shanghai. The error is
// [strictyaml.Errors]: everything that is wrong with the file.
func ParseList(file string, data []byte, zone *time.Location) (*List, error) {
	if zone == nil {
		var err error
		if zone, err = time.LoadLocation(defaultZone); err != nil {
			return nil, fmt.Errorf("screening: %w", err)
		}
	}
	r := listReader{doc: strictyaml.New(file), list: &List{}, zone: zone}
	r.read(file, data)
	if err := r.doc.Err(); err != nil {
		return nil, err
	}
	return r.list, nil
}

// FormatList writes entries as the .csv that [ParseList] reads.
func FormatList(entries []Entry) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	lines := [][]string{{"number", "note", "expires"}}
	for _, e := range entries {
		until := ""
		if !e.Expires.IsZero() {
			until = e.Expires.Format(time.RFC3339)
		}
		lines = append(lines, []string{e.Number, e.Note, until})
	}
	// A buffer takes everything.
	_ = w.WriteAll(lines)
	return b.Bytes()
}

// listReader adds what a file holds to a list.
type listReader struct {
	doc     *strictyaml.Document // takes the errors
	list    *List
	zone    *time.Location
	called  bool // numbers that mean something to the PBX alone are numbers too
	skipped int  // numbers of vCards that are none
}

func (r *listReader) read(file string, data []byte) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	switch i := invalidUTF8(data); {
	case len(data) > maxListFile:
		r.doc.ReportAt(0, 0, fmt.Sprintf("the file has %d bytes", len(data)), "keep it under 64 MB")
		return
	case i >= 0:
		r.doc.ReportAt(1+bytes.Count(data[:i], []byte("\n")), 0, "this is not UTF-8", `save the file as UTF-8; Excel calls it "CSV UTF-8"`)
		return
	}
	switch strings.ToLower(path.Ext(file)) {
	case ".csv":
		sheet.Read(data, listColumns, r.doc.ReportAt, r.row)
	case ".vcf":
		r.vcards(data)
	case ".txt":
		r.lines(data)
	default:
		r.doc.ReportAt(0, 0, "the file is no list", "name it .csv, .vcf or .txt for what is in it")
	}
}

// invalidUTF8 returns where data stops being UTF-8, or -1.
func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func (r *listReader) lines(data []byte) {
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		number, note, _ := strings.Cut(line, "#")
		if number = strings.TrimSpace(number); number != "" {
			r.entry(Entry{Number: number, Note: note}, n, 1+strings.Index(line, number))
		}
	}
}

// entry adds an entry that stands at a place of the file.
func (r *listReader) entry(e Entry, line, column int) {
	e.Note = cleanNote(e.Note)
	if err := r.list.add(e, r.called); err != nil {
		text, hint, _ := strings.Cut(err.Error(), ": ")
		r.doc.ReportAt(line, column, "number "+strconv.Quote(e.Number)+" "+text, hint)
	}
}

// cleanNote makes a note one line of at most 200 characters.
func cleanNote(s string) string {
	const most = 200
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most])
	}
	return s
}

// What the columns of a CSV file are, and what they may be called.
const (
	inNumber = iota
	inNote
	inExpires
)

var listColumns = []sheet.Column{
	inNumber:  {"number", "phone", "phone number", "tel", "telephone", "mobile", "号码", "电话", "电话号码", "手机", "手机号", "手机号码"},
	inNote:    {"note", "name", "remark", "comment", "备注", "说明", "姓名", "名称", "名字"},
	inExpires: {"expires", "expiry", "expire", "until", "到期", "有效期", "截止", "到期日"},
}

// row adds one line of a CSV file.
func (r *listReader) row(row sheet.Row) {
	number, until := row.Field(inNumber), row.Field(inExpires)
	line, column := row.Place(inNumber)
	switch {
	case row.Empty():
		return
	case number == "":
		r.doc.ReportAt(line, column, "the line has no number", "write it, or remove the line")
		return
	case sheet.LostDigits(number):
		r.doc.ReportAt(line, column, "number "+strconv.Quote(number)+" has lost its digits", "let Excel format the column as text, and write the number again")
		return
	}
	e := Entry{Number: number, Note: row.Field(inNote)}
	if until != "" {
		var err error
		if e.Expires, err = readExpiry(until, r.zone); err != nil {
			line, column := row.Place(inExpires)
			text, hint, _ := strings.Cut(err.Error(), ": ")
			r.doc.ReportAt(line, column, "expires "+strconv.Quote(until)+" "+text, hint)
		}
	}
	r.entry(e, line, column)
}
