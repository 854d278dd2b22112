package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"callscreen/audit"
	"callscreen/screening"
)

var update = flag.Bool("update", false, "write the golden files anew")

var shanghai = time.FixedZone("CST", 8*3600)

var key = []byte("0123456789abcdef")

// records are of every kind: answered, refused, still ringing, of a failed lookup, and
// of a caller whose number is not known whole.
func records() []audit.Record {
	at := time.Date(2026, 11, 24, 9, 30, 5, 123_456_000, shanghai)
	tagged := audit.Record{
		ID: 42, Numbers: audit.Full,
		Decision: screening.Decision{
			Call: screening.Call{
				ID: "a84b4c76e66710@203.0.113.10", At: at, Trunk: "carrier", From: "sip:057188991122@203.0.113.10",
				Name: `张三 "Joe" 057188991122`, Header: "P-Asserted-Identity", To: "sip:4001@192.0.2.1",
			},
			Number:     screening.Number{Country: "86", Digits: "057188991122", Class: screening.ClassLandline},
			Called:     screening.Number{Digits: "4001", Class: screening.ClassExtension},
			Reputation: screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 3475, Place: "浙江杭州", Directory: "juhe"},
			Source:     screening.SourceCache, Age: 90 * time.Minute,
			Verdict: screening.Verdict{Action: screening.Tag, Rule: "sales", Why: "057188991122: sales, 3475 marks", Label: "推销×3475"},
			Mode:    screening.Enforce, Policy: "7f3a9c1e0123", Took: 123_456 * time.Nanosecond,
		},
		Final: 200, Ring: 3210 * time.Millisecond, Answered: at.Add(4 * time.Second), Ended: at.Add(time.Minute), EndedBy: screening.PartyCallee,
	}
	refused, ringing, failed, hidden := tagged, tagged, tagged, tagged
	refused.Decision.Number.Digits, refused.Decision.Source = "+85221234567", screening.SourceQuery
	refused.Decision.Verdict = screening.Verdict{Action: screening.Reject, Rule: "fraud", Why: "fraud", Status: 603, Reason: "Decline"}
	refused.Final, refused.Ring, refused.Answered, refused.Ended, refused.EndedBy = 603, 0, time.Time{}, at.Add(time.Second), screening.PartyProxy
	ringing.Final, ringing.Ring, ringing.Answered, ringing.Ended, ringing.EndedBy = 0, 0, time.Time{}, time.Time{}, ""
	ringing.Decision.Verdict = screening.Verdict{Action: screening.Divert, Rule: "night", Why: "night", Target: "sip:voicemail@192.168.1.10"}
	failed.Decision.Failed, failed.Decision.Reputation, failed.Decision.Source = context.DeadlineExceeded, screening.Reputation{}, screening.SourceNone
	failed.Decision.Called, failed.Decision.Call.To, failed.Decision.Verdict = screening.Number{}, "reception", screening.Verdict{Rule: "default", Why: "no rule matched"}
	hidden.Numbers, hidden.Decision.Number.Digits, hidden.Decision.Call.Name = audit.Hash, "#9f86d081884c7d65", "张三"
	hidden.Decision.Verdict.Why = "#9f86d081884c7d65: sales, 3475 marks"
	return []audit.Record{tagged, refused, ringing, failed, hidden}
}

// written returns records as a format has them.
func written(t *testing.T, o Options, all ...audit.Record) []byte {
	t.Helper()
	var out bytes.Buffer
	o.Zone = shanghai
	w, err := New(&out, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if err := w.Write(&all[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFormats(t *testing.T) {
	for _, format := range Formats {
		for _, numbers := range []string{audit.Full, audit.Mask} {
			got := written(t, Options{Format: format, Numbers: numbers}, records()...)
			file := "../../testdata/audit/export-" + format + "-" + numbers + ".txt"
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is\n%s\nwant, as in %s,\n%s", format, got, file, want)
			}
			if numbers == audit.Mask && (bytes.Contains(got, []byte("057188991122")) || bytes.Contains(got, []byte("21234567"))) {
				t.Errorf("%s shows a masked number:\n%s", format, got)
			}
		}
	}
}

func TestSpreadsheetsOpenIt(t *testing.T) {
	got := written(t, Options{Format: "csv"}, records()...)
	text, marked := bytes.CutPrefix(got, []byte("\xef\xbb\xbf"))
	if !marked || bytes.Contains(text, []byte("\xef\xbb\xbf")) {
		t.Error("want one byte order mark, in front")
	}
	if bytes.Count(text, []byte("\r\n")) != len(records())+1 || bytes.Count(text, []byte("\n")) != len(records())+1 {
		t.Errorf("lines end otherwise than in CR LF: %q", text)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil || !slices.Equal(rows[0], columns) {
		t.Fatalf("head %q, %v; want %q", rows[0], err, columns)
	}
	from := slices.Index(columns, "from")
	if got := []string{rows[1][from], rows[2][from], rows[5][from]}; !slices.Equal(got, []string{"'057188991122", "'+85221234567", "#9f86d081884c7d65"}) {
		t.Errorf("callers are %q; want those a spreadsheet would change as texts", got)
	}
}

// The columns are the fields of docs/record.md that calls have, and all of them.
func TestColumnsAreTheDocumentedFields(t *testing.T) {
	doc, err := os.ReadFile("../../docs/record.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for line := range strings.Lines(string(doc)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			documented = append(documented, name)
		}
	}
	notOfCalls := []string{"v", "event", "hash"}
	documented = slices.DeleteFunc(documented, func(name string) bool { return slices.Contains(notOfCalls, name) })
	if !slices.Equal(documented, columns) {
		t.Errorf("columns are\n%v\nwant, as documented,\n%v", columns, documented)
	}
}

var hostile = []string{
	`=cmd|' /C calc'!A0`, "+1+cmd", "-2+3", "@SUM(1)", "\t=1", "\r=1", "＝1+1", `","=1+1","`, "a\r\nb\nc", "\x1b[2J", "\x00", "\xff\xfe\xc3(",
	"\u202eevil\u2066", "\u2028", `"; DROP TABLE`, "it's", strings.Repeat("长", 1000),
}

// Whatever strangers write there is one line a record, as many cells as always, and
// none that computes.
func TestHostileTexts(t *testing.T) {
	for _, s := range hostile {
		r := records()[0]
		d := &r.Decision
		d.Call.ID, d.Call.Name, d.Call.Header, d.Call.To, d.Call.Trunk, d.Number.Digits, d.Called = s, s, s, s, s, s, screening.Number{}
		d.Reputation.Category, d.Reputation.Label, d.Reputation.Place = screening.Category(s), s, s
		d.Verdict.Rule, d.Verdict.Why, d.Verdict.Label, d.Verdict.Target, d.Policy = s, s, s, s, s
		for format, cells := range map[string]int{"csv": len(columns), "asterisk": 18, "freeswitch": 15} {
			got := written(t, Options{Format: format}, r, r)
			lines := strings.TrimSuffix(strings.ReplaceAll(string(got), "\r\n", "\n"), "\n")
			if n := strings.Count(lines, "\n") + 1; n != 2 && format != "csv" || format == "csv" && n != 3 {
				t.Errorf("%s, %q: %d lines: %q", format, s, n, lines)
			}
			if !utf8.ValidString(lines) || strings.ContainsAny(lines, "\x00\x1b\t\r\u202e\u2028") {
				t.Errorf("%s, %q: what moves a terminal is in %q", format, s, lines)
			}
			reader := csv.NewReader(strings.NewReader(strings.TrimPrefix(lines, "\ufeff")))
			rows, err := reader.ReadAll()
			if err != nil || len(rows[0]) != cells {
				t.Fatalf("%s, %q: %v, %d cells; want %d", format, s, err, len(rows[0]), cells)
			}
			for _, row := range rows {
				for _, cell := range row {
					if cell != "" && strings.ContainsRune("=+-@\t\r＝＋－＠", []rune(cell)[0]) {
						t.Errorf("%s, %q: a spreadsheet computes %q", format, s, cell)
					}
				}
			}
		}
		for line := range bytes.Lines(written(t, Options{}, r)) {
			if !json.Valid(line) {
				t.Errorf("jsonl, %q: %s", s, line)
			}
		}
	}
}

func TestDispositionsAndCauses(t *testing.T) {
	for _, tt := range []struct {
		status             int
		disposition, cause string
	}{
		{0, "NO ANSWER", "NORMAL_UNSPECIFIED"},
		{200, "ANSWERED", "NORMAL_CLEARING"},
		{202, "ANSWERED", "NORMAL_CLEARING"},
		{302, "FAILED", "NORMAL_UNSPECIFIED"},
		{404, "FAILED", "UNALLOCATED_NUMBER"},
		{480, "NO ANSWER", "NO_USER_RESPONSE"},
		{486, "BUSY", "USER_BUSY"},
		{487, "NO ANSWER", "ORIGINATOR_CANCEL"},
		{503, "FAILED", "NORMAL_TEMPORARY_FAILURE"},
		{600, "BUSY", "USER_BUSY"},
		{603, "FAILED", "CALL_REJECTED"},
		{608, "FAILED", "CALL_REJECTED"},
	} {
		if a, f := disposition(tt.status), hangupCause(tt.status); a != tt.disposition || f != tt.cause {
			t.Errorf("%d is %s, %s; want %s, %s", tt.status, a, f, tt.disposition, tt.cause)
		}
	}
}

func TestNewRefusesWhatItCannotWrite(t *testing.T) {
	for name, o := range map[string]Options{
		"an unknown format":    {Format: "xlsx"},
		"an unknown way":       {Numbers: "some"},
		"hashes without a key": {Numbers: audit.Hash},
	} {
		if _, err := New(io.Discard, o); err == nil {
			t.Errorf("New with %s succeeded; want an error", name)
		}
	}
	if got := written(t, Options{Format: "csv", Numbers: audit.Hash, Key: key}, records()...); !bytes.Contains(got, []byte(audit.Digest(key, "057188991122"))) {
		t.Errorf("no hash in %s", got)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriterThatFails(t *testing.T) {
	for _, format := range Formats {
		w, err := New(full{}, Options{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		r := records()[0]
		for range 100 { // more than stays in memory
			if err = w.Write(&r); err != nil {
				break
			}
		}
		if err == nil || w.Close() == nil {
			t.Errorf("%s: Write = %v; want the disk's error, and again from Close", format, err)
		}
	}
}
