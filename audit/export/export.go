// Package export writes records for other programs: as JSON lines, for Excel, and
// as Asterisk and FreeSWITCH write theirs.
//
// It knows records and formats, and nothing of databases: it writes what it is given.
package export

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"callscreen/audit"
)

// Formats are what records can be written as.
var Formats = []string{"jsonl", "csv", "asterisk", "freeswitch"}

// Options configures a [Writer]. A zero field takes the default named beside it.
type Options struct {
	Format  string         // one of Formats; default "jsonl"
	Numbers string         // callers' numbers, where the record has them whole: audit.Full (default), audit.Mask or audit.Hash
	Key     []byte         // of audit.Hash
	Zone    *time.Location // of the times that name none; default time.Local
}

// Writer writes records.
type Writer struct {
	out    *bufio.Writer
	encode func(*audit.Record) error
}

// New returns a Writer to w, or says which option is wrong.
func New(w io.Writer, o Options) (*Writer, error) {
	privacy := audit.Privacy{Level: cmp.Or(o.Numbers, audit.Full), Key: o.Key}
	e := &Writer{out: bufio.NewWriter(w)}
	lines, err := audit.NewEncoder(e.out, privacy)
	if err != nil {
		return nil, err
	}
	t := table{privacy: privacy, zone: cmp.Or(o.Zone, time.Local)}
	switch o.Format {
	case "", "jsonl":
		e.encode = lines.Encode
	case "csv":
		e.encode = t.excel(e.out)
	case "asterisk":
		e.encode = rows(e.out, t.asterisk)
	case "freeswitch":
		e.encode = rows(e.out, t.freeswitch)
	default:
		return nil, fmt.Errorf("export: format %q: want one of %s", o.Format, strings.Join(Formats, ", "))
	}
	return e, nil
}

// Write writes a record. Records may stay in memory until Close.
func (w *Writer) Write(r *audit.Record) error {
	if err := w.encode(r); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// Close writes what is still in memory. It does not close what is written to.
func (w *Writer) Close() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

// table turns records into rows.
type table struct {
	privacy audit.Privacy
	zone    *time.Location
}

// number returns the caller's number as the reader may see it.
func (t table) number(r *audit.Record) string {
	if r.Numbers != audit.Full {
		return r.Decision.Number.Digits
	}
	return t.privacy.Number(r.Decision.Number.Digits)
}

// name returns the caller's display name as the reader may see it.
func (t table) name(r *audit.Record) string {
	if r.Numbers != audit.Full {
		return r.Decision.Call.Name
	}
	return t.privacy.Text(r.Decision.Call.Name)
}

// own returns a text of ours as the reader may see it.
func (t table) own(r *audit.Record, s string) string {
	if r.Numbers != audit.Full {
		return s
	}
	return t.privacy.Own(s, r.Decision.Number)
}

// stamp returns a time as every spreadsheet and every telephone system reads it.
func (t table) stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(t.zone).Format(time.DateTime)
}

// excel returns what writes CSV for spreadsheets, with a byte order mark and the
// names of the columns in front. Lines end in CR LF, as RFC 4180 has it.
func (t table) excel(out *bufio.Writer) func(*audit.Record) error {
	w := csv.NewWriter(out)
	w.UseCRLF = true
	begun := false
	return func(r *audit.Record) error {
		if !begun {
			begun = true
			if _, err := out.WriteString("\ufeff"); err != nil {
				return err
			}
			if err := w.Write(columns); err != nil {
				return err
			}
		}
		if err := w.Write(t.columns(r)); err != nil {
			return err
		}
		w.Flush()
		return w.Error()
	}
}

// rows returns what writes a row of finished cells per record.
func rows(out *bufio.Writer, cells func(*audit.Record) []string) func(*audit.Record) error {
	return func(r *audit.Record) error {
		_, err := out.WriteString(strings.Join(cells(r), ",") + "\n")
		return err
	}
}

// inert returns a stranger's text for a cell: visible, and nothing that a spreadsheet
// takes for a formula.
func inert(s string) string {
	s = audit.Visible(s)
	if s != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(s)[0]) {
		return "'" + s
	}
	return s
}

// digits returns a number for a cell: one that a spreadsheet would compute with, and
// so take zeros or digits off, becomes a text.
func digits(s string) string {
	plain := s != "" && strings.Trim(s, "0123456789") == ""
	if plain && (s[0] == '0' || len(s) > 11) {
		return "'" + s
	}
	return inert(s)
}
