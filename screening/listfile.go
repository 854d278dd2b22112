package screening

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

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
		r.csv(data)
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

// columns are where a CSV file has what; -1 is nowhere.
type columns struct{ number, note, expires int }

// columnNames are what the columns may be called, in small letters.
var columnNames = struct{ number, note, expires []string }{
	number:  []string{"number", "phone", "phone number", "tel", "telephone", "mobile", "号码", "电话", "电话号码", "手机", "手机号", "手机号码"},
	note:    []string{"note", "name", "remark", "comment", "备注", "说明", "姓名", "名称", "名字"},
	expires: []string{"expires", "expiry", "expire", "until", "到期", "有效期", "截止", "到期日"},
}

func (r *listReader) csv(data []byte) {
	in := csv.NewReader(bytes.NewReader(data))
	in.FieldsPerRecord, in.TrimLeadingSpace, in.ReuseRecord, in.Comment = -1, true, true, '#'
	in.Comma = delimiter(data)
	at := columns{0, 1, 2}
	for first := true; ; first = false {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.badCSV(err)
			return
		}
		if named, ok := header(record); first && ok {
			at = named
			continue
		}
		r.record(in, record, at)
	}
}

// delimiter returns what stands between the columns: Excel writes what the
// country has.
func delimiter(data []byte) rune {
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
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

// header returns the columns that a first line names.
func header(record []string) (columns, bool) {
	at := columns{-1, -1, -1}
	for i, name := range record {
		name = strings.ToLower(strings.TrimSpace(name))
		for _, c := range []struct {
			names []string
			at    *int
		}{{columnNames.number, &at.number}, {columnNames.note, &at.note}, {columnNames.expires, &at.expires}} {
			if *c.at < 0 && slices.Contains(c.names, name) {
				*c.at = i
			}
		}
	}
	return at, at.number >= 0
}

func (r *listReader) badCSV(err error) {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		r.doc.ReportAt(0, 0, err.Error(), "")
		return
	}
	r.doc.ReportAt(p.StartLine, 0, "a quote that stands alone", `write "" for a quote within quotes`)
}

// byExcel is what Excel makes of a number that it takes for one to count with.
var byExcel = regexp.MustCompile(`^[0-9]([.,][0-9]+)?E\+[0-9]+$`)

// record adds one line of a CSV file.
func (r *listReader) record(in *csv.Reader, record []string, at columns) {
	field := func(i int) string {
		if i < 0 || i >= len(record) {
			return ""
		}
		return strings.TrimSpace(record[i])
	}
	number, until := field(at.number), field(at.expires)
	if number == "" && strings.Join(record, "") == "" {
		return
	}
	line, column := fieldPos(in, record, min(at.number, len(record)-1))
	switch {
	case number == "":
		r.doc.ReportAt(line, column, "the line has no number", "write it, or remove the line")
		return
	case byExcel.MatchString(number):
		r.doc.ReportAt(line, column, "number "+strconv.Quote(number)+" has lost its digits", "let Excel format the column as text, and write the number again")
		return
	}
	e := Entry{Number: strings.Clone(number), Note: strings.Clone(field(at.note))}
	if until != "" {
		var err error
		if e.Expires, err = readExpiry(until, r.zone); err != nil {
			line, column := fieldPos(in, record, at.expires)
			text, hint, _ := strings.Cut(err.Error(), ": ")
			r.doc.ReportAt(line, column, "expires "+strconv.Quote(until)+" "+text, hint)
		}
	}
	r.entry(e, line, column)
}

// fieldPos returns the line and column of a field, in characters.
func fieldPos(in *csv.Reader, record []string, i int) (line, column int) {
	line, column = in.FieldPos(i)
	for _, before := range record[:i] {
		column -= len(before) - utf8.RuneCountInString(before)
	}
	return line, column
}
