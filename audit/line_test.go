package audit

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"callscreen/screening"
)

var update = flag.Bool("update", false, "write the golden files anew")

var shanghai = time.FixedZone("CST", 8*3600)

// example is a decision with every field set.
func example() screening.Decision {
	return screening.Decision{
		Call: screening.Call{
			ID: "a84b4c76e66710@203.0.113.10", At: time.Date(2026, 11, 24, 9, 30, 5, 123_456_789, shanghai), Trunk: "carrier",
			From: "sip:13041439112@203.0.113.10", Name: "张三 13041439112", Header: "P-Asserted-Identity", To: "sip:4001@192.0.2.1",
		},
		Number:     screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile},
		Called:     screening.Number{Digits: "4001", Class: screening.ClassExtension},
		Reputation: screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 3475, Place: "江苏苏州联通", Directory: "juhe"},
		Source:     screening.SourceCache,
		Age:        90*time.Minute + 700*time.Millisecond,
		Verdict:    screening.Verdict{Action: screening.Tag, Rule: "sales", Why: "sales, 3475 marks", Label: "推销×3475"},
		Mode:       screening.Enforce, Policy: "7f3a9c1e", Took: 123_456 * time.Nanosecond,
	}
}

// examples are the decisions of testdata/audit/decisions.jsonl, line by line.
func examples() []screening.Decision {
	refused, diverted, failed, withheld := example(), example(), example(), example()
	refused.Source, refused.Mode = screening.SourceQuery, screening.Observe
	refused.Verdict = screening.Verdict{Action: screening.Reject, Rule: "fraud", Why: "fraud", Status: 603, Reason: "Decline"}
	refused.Shadow = screening.Verdict{Action: screening.Divert, Rule: "trap", Why: "on trial", Target: "sip:trap@192.168.1.10"}
	diverted.Source = screening.SourceStale
	diverted.Verdict = screening.Verdict{Action: screening.Divert, Rule: "night", Why: "outside office hours", Target: "sip:voicemail@192.168.1.10"}
	failed.Reputation, failed.Source, failed.Age = screening.Reputation{}, screening.SourceNone, 0
	failed.Failed, failed.Took = context.DeadlineExceeded, 800*time.Millisecond
	failed.Verdict = screening.Verdict{Rule: screening.RuleDefault, Why: "no rule matched"}
	withheld = failed
	withheld.Failed, withheld.Call.Name, withheld.Call.Withheld, withheld.Call.Header = nil, "", true, "From"
	withheld.Number, withheld.Called = screening.Number{Class: screening.ClassAnonymous}, screening.Number{}
	return []screening.Decision{example(), refused, diverted, failed, withheld}
}

func TestLinesAreAsDocumented(t *testing.T) {
	golden(t, "decisions.jsonl", encode(t, "", examples()...))
}

// fields returns the fields that a page documents, in its order.
func fields(t *testing.T, page string) (names []string) {
	t.Helper()
	doc, err := os.ReadFile("../docs/" + page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(doc)) {
		if rest, ok := strings.CutPrefix(line, "| `"); ok {
			name, _, _ := strings.Cut(rest, "`")
			names = append(names, name)
		}
	}
	return names
}

// docs/record.md names the fields in the order in which they are written, and so
// does its translation.
func TestDocumentNamesEveryField(t *testing.T) {
	documented := fields(t, "record.md")
	if translated := fields(t, "record.zh.md"); !slices.Equal(documented, translated) {
		t.Errorf("record.zh.md names the fields\n%v\nrecord.md\n%v", translated, documented)
	}
	var golden string
	for _, name := range []string{"decisions", "endings", "erased", "calls"} {
		text, err := os.ReadFile("../testdata/audit/" + name + ".jsonl")
		if err != nil {
			t.Fatal(err)
		}
		golden += string(text)
	}
	for _, name := range documented {
		if !strings.Contains(golden, `"`+name+`":`) {
			t.Errorf("field %s is documented but never written", name)
		}
	}
	for line := range strings.Lines(golden) {
		at := 0
		for _, name := range keys(line) {
			i := index(documented, name)
			if i < at {
				t.Errorf("field %s is not documented, or out of order: %v", name, documented)
			}
			at = i
		}
	}
}

func TestNumbersInFull(t *testing.T) {
	masked, full := encode(t, "mask", example()), encode(t, "full", example())
	if bytes.Contains(masked, []byte("13041439112")) {
		t.Errorf("a masked line shows the number: %s", masked)
	}
	line := written(t, full, 1)[0]
	if line["from"] != "13041439112" || line["name"] != "张三 13041439112" {
		t.Errorf("a full line has from %v, name %v; want them as they came", line["from"], line["name"])
	}
}

func TestEndingsAreLinesOfTheirOwn(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Options{Writer: &out})
	l.Record(example())
	for _, e := range endings() {
		l.Ended(e)
	}
	l.Ended(screening.Ending{At: example().Call.At, Status: 200}) // of no call: nobody could tell whose it is
	shut(t, l)
	written(t, out.Bytes(), 4)
	_, got, _ := bytes.Cut(out.Bytes(), []byte("\n"))
	golden(t, "endings.jsonl", got)
}

// endings are the three kinds of news.
func endings() []screening.Ending {
	at, id := example().Call.At, example().Call.ID
	return []screening.Ending{
		{Call: id, At: at.Add(4 * time.Second), Status: 200, Ring: 3210 * time.Millisecond},
		{Call: id, At: at.Add(time.Minute), By: screening.PartyCallee},
		{Call: id, At: at.Add(time.Second), Status: 603, By: screening.PartyProxy},
	}
}

// A record is exported whole, and as its reader may see it.
func TestEncodeRecord(t *testing.T) {
	at := example().Call.At
	whole := Record{
		ID: 42, Numbers: Full, Decision: example(), Final: 200, Ring: 3210 * time.Millisecond,
		Answered: at.Add(4 * time.Second), Ended: at.Add(time.Minute), EndedBy: screening.PartyCaller,
	}
	hidden := whole
	hidden.Numbers, hidden.Decision.Number.Digits, hidden.Decision.Call.Name = Hash, "#9f86d081884c7d65", "张三"
	hidden.Final, hidden.Answered, hidden.Ended = 0, time.Time{}, time.Time{}
	back := whole
	back.Ended = at // the clock was set back
	var got bytes.Buffer
	for _, p := range []Privacy{{Level: Full}, {}} {
		e, err := NewEncoder(&got, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []Record{whole, hidden, back} {
			if err := e.Encode(&r); err != nil {
				t.Fatal(err)
			}
		}
	}
	golden(t, "calls.jsonl", got.Bytes())
}

func TestEncodeSaysWhenTheWriterFails(t *testing.T) {
	e, err := NewEncoder(writeFunc(func([]byte) (int, error) { return 0, io.ErrClosedPipe }), Privacy{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Encode(&Record{}); err != io.ErrClosedPipe {
		t.Errorf("Encode = %v; want %v", err, io.ErrClosedPipe)
	}
}

// golden compares got with a file of testdata/audit, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := "../testdata/audit/" + name
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
		t.Errorf("lines are\n%s\nwant, as in %s,\n%s", got, file, want)
	}
}

var hostile = []string{
	"\x1b[2J\x1b]0;owned\x07", "a\r\nb\nc", `","verdict":"allow","x":"`, `\`, `\u0000\`, "\x00\x7f", "\xff\xfe\xc3(", "\u009b31m",
	"\u202eevil\u2066", "\u2028\u2029", "<script>alert(1)</script>", "\U000e0041\ufeff", strings.Repeat("长", 1000), "${jndi:x}",
}

func TestHostileTextStaysOneLine(t *testing.T) {
	for _, s := range hostile {
		line := written(t, encode(t, "full", everywhere(s)), 1)[0]
		name, ok := line["name"].(string)
		if !ok || len(name) > maxText || len(line) < 20 {
			t.Errorf("with %q the line is %v", s, line)
		}
		if utf8.ValidString(s) && len(s) <= maxText && name != s {
			t.Errorf("name %q came back as %q", s, name)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, mask bool) {
		numbers := map[bool]string{true: "mask", false: "full"}[mask]
		line := written(t, encode(t, numbers, everywhere(s)), 1)[0]
		if line["v"] != 1.0 || line["verdict"] != "tag" || line["mode"] != "enforce" {
			t.Errorf("with %q the line is %v", s, line)
		}
	})
}

// everywhere is a decision with s in every text that a stranger writes.
func everywhere(s string) screening.Decision {
	d := example()
	d.Call.ID, d.Call.From, d.Call.Name, d.Call.Header, d.Call.To, d.Call.Trunk = s, s, s, s, s, s
	d.Number, d.Called = screening.Number{Digits: s}, screening.Number{}
	d.Reputation.Label, d.Reputation.Place, d.Verdict.Why, d.Verdict.Label, d.Verdict.Target = s, s, s, s, s
	d.Failed = reasoned(s)
	return d
}

// reasoned is an error that names its own reason, as those of directories do.
type reasoned string

func (r reasoned) Error() string  { return "a text that is not recorded" }
func (r reasoned) Reason() string { return string(r) }

func encode(t *testing.T, numbers string, ds ...screening.Decision) []byte {
	t.Helper()
	var out bytes.Buffer
	l := open(t, Options{Writer: &out, Numbers: numbers, Queue: len(ds)})
	for _, d := range ds {
		l.Record(d)
	}
	shut(t, l)
	return out.Bytes()
}

// keys returns the field names of a line of plain values, in order.
func keys(line string) []string {
	var names []string
	for _, part := range strings.Split(strings.Trim(line, "{}\n"), `,"`) {
		name, _, _ := strings.Cut(part, `":`)
		names = append(names, strings.Trim(name, `"`))
	}
	return names
}

func index(list []string, s string) int {
	for i, x := range list {
		if x == s {
			return i
		}
	}
	return -1
}

func BenchmarkRecord(b *testing.B) {
	l, err := Open(Options{Writer: io.Discard, Queue: 1 << 16})
	if err != nil {
		b.Fatal(err)
	}
	d := example()
	b.ReportAllocs()
	for b.Loop() {
		l.Record(d)
	}
	b.ReportMetric(100*float64(l.Dropped())/float64(b.N), "%dropped")
	l.Close()
}

func BenchmarkLine(b *testing.B) {
	e, err := NewEncoder(io.Discard, Privacy{})
	if err != nil {
		b.Fatal(err)
	}
	d := example()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Decision(&d); err != nil {
			b.Fatal(err)
		}
	}
}
