package screening

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func shanghai(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestParseList(t *testing.T) {
	end := time.Date(2027, 1, 1, 0, 0, 0, 0, shanghai(t))
	tests := []struct {
		name, file, data string
		want             []Entry
	}{
		{"nothing", "a.csv", "", nil},
		{"numbers alone", "a.csv", "10086\n10010\n", []Entry{{Number: "10086"}, {Number: "10010"}}},
		{"by order", "a.CSV", "10086,移动,2026-12-31\n", []Entry{{Number: "10086", Note: "移动", Expires: end}}},
		{"by name", "a.csv", "备注,有效期,电话,公司\n移动,2026-12-31,10086,x\n", []Entry{{Number: "10086", Note: "移动", Expires: end}}},
		{"in English", "a.csv", "Name,Phone\nMobile,10086\n", []Entry{{Number: "10086", Note: "Mobile"}}},
		{"semicolons", "a.csv", "number;note\n10086;\"a;b\"\n", []Entry{{Number: "10086", Note: "a;b"}}},
		{"tabs", "a.csv", "10086\ta\n10010\tb\n", []Entry{{Number: "10086", Note: "a"}, {Number: "10010", Note: "b"}}},
		{"by Excel", "a.csv", "\uFEFFnumber,note\r\n10086,\"a \"\"b\"\"\"\r\n,\r\n10010,\r\n", []Entry{{Number: "10086", Note: `a "b"`}, {Number: "10010"}}},
		{"comments", "a.csv", "# mine\n10086\n\n# yours\n10010\n", []Entry{{Number: "10086"}, {Number: "10010"}}},
		{"a note in two lines", "a.csv", "10086,\"a\nb\x01c\"\n", []Entry{{Number: "10086", Note: "a b c"}}},
		{"text", "a.txt", "# mine\n10086\n\n  +86 130 4143 911X # 王总 \n_95XXX.\r\n0571*", []Entry{
			{Number: "10086"}, {Number: "+86 130 4143 911X", Note: "王总"}, {Number: "_95XXX."}, {Number: "0571*"},
		}},
		{"a contact", "a.vcf", "BEGIN:VCARD\nVERSION:3.0\nFN:王总\nTEL;TYPE=CELL:138 0013 8000\nTEL:tel:+86-571-8899-0000\nEND:VCARD\n", []Entry{
			{Number: "138 0013 8000", Note: "王总"}, {Number: "+86-571-8899-0000", Note: "王总"},
		}},
		{"folded, escaped, grouped", "a.vcf", "begin:vcard\nN:王;小明;;;\nORG:公司\nitem1.TEL:138001380\n 00\nEND:vcard\n", []Entry{{Number: "13800138000", Note: "王 小明"}}},
		{"a contact without a name", "a.vcf", "BEGIN:VCARD\nORG:杭州\\, 分公司;财务\nTEL:10086\nEND:VCARD", []Entry{{Number: "10086", Note: "杭州, 分公司 财务"}}},
		{"a name of its own for each", "a.vcf", "BEGIN:VCARD\nFN:a\nTEL:10086\nEND:VCARD\nBEGIN:VCARD\nTEL:10010\nEND:VCARD", []Entry{{Number: "10086", Note: "a"}, {Number: "10010"}}},
		{"what is no number in a contact", "a.vcf", "BEGIN:VCARD\nTEL:*57#\nTEL:ask\nTEL:_X.\nTEL:0571*\nTEL:10086\nEND:VCARD", []Entry{{Number: "10086"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := ParseList(tt.file, []byte(tt.data), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, l.Entries()); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseListInAnotherZone(t *testing.T) {
	l, err := ParseList("a.csv", []byte("10086,,2026-12-31\n10010,,2026-12-31 18:00\n10000,,2026-12-31T18:00:00+08:00\n"), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	want := []time.Time{
		time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 18, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC),
	}
	for i, e := range l.Entries() {
		if !e.Expires.Equal(want[i]) {
			t.Errorf("entry %d expires %v; want %v", i, e.Expires, want[i])
		}
	}
}

// What ParseList says of single files; bad-files.yaml and its like say more.
func TestParseListErrors(t *testing.T) {
	tests := []struct{ file, data, want string }{
		{"a.csv", "10086,a,b\n王,客户\n", `a.csv:1:9: expires "b" is no date: write its last day as in 2027-03-31, or a time as in 2027-03-31 18:00
a.csv:2:1: number "王" is no phone number: write one, with X for any digit, a pattern as in _95XXX. or a prefix as in 0571*`},
		{"a.csv", "号码,备注,到期\n10086,\"客户,甲\",x\n", `a.csv:2:14: expires "x" is no date: write its last day as in 2027-03-31, or a time as in 2027-03-31 18:00`},
		{"a.csv", "note,number\nonly a note\n", `a.csv:2:1: the line has no number: write it, or remove the line`},
		{"a.csv", "10086,\"a\"b\n", `a.csv:1: a quote that stands alone: write "" for a quote within quotes`},
		{"a.txt", "10086 移动\n", `a.txt:1:1: number "10086 移动" is no phone number: write one, with X for any digit, a pattern as in _95XXX. or a prefix as in 0571*`},
		{"a.txt", "\xff", `a.txt:1: this is not UTF-8: save the file as UTF-8; Excel calls it "CSV UTF-8"`},
		{"list", "10086", `list: the file is no list: name it .csv, .vcf or .txt for what is in it`},
		{"a.vcf", "", `a.vcf:1: the file holds no contact: export the contacts as vCard again`},
		{"a.txt", strings.Repeat("x\n", 40<<20), `a.txt: the file has 83886080 bytes: keep it under 64 MB`},
	}
	for _, tt := range tests {
		l, err := ParseList(tt.file, []byte(tt.data), nil)
		if got := fmt.Sprint(err); got != tt.want || l != nil {
			t.Errorf("ParseList(%s, %.40q):\n got %s\nwant %s", tt.file, tt.data, got, tt.want)
		}
	}
}

// What an office writes while it runs is read back as it was.
func TestFormatList(t *testing.T) {
	want := []Entry{
		{Number: "+86 130 4143 9112", Note: `a, "b"` + " 王"},
		{Number: "0571*", Expires: time.Date(2026, 12, 31, 18, 0, 0, 0, shanghai(t))},
		{Number: "_95XXX.", Note: "# no comment"},
	}
	l, err := ParseList("own.csv", FormatList(want), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, l.Entries(), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestNewList(t *testing.T) {
	_, err := NewList([]Entry{{Number: "10086"}, {Number: "Bank"}, {Number: "_."}})
	want := `screening: entry 2: "Bank" is no phone number: write one, with X for any digit, a pattern as in _95XXX. or a prefix as in 0571*
screening: entry 3: "_." stands for every number: write digits before the sign, or remove the key`
	if fmt.Sprint(err) != want {
		t.Errorf("NewList: got %v; want %s", err, want)
	}
	if err := (Entry{Number: "Bank"}).Check(); err == nil {
		t.Error("Check takes a word for a number")
	}
	if err := (Entry{Number: "1380013XXXX"}).Check(); err != nil {
		t.Errorf("Check = %v for a good number", err)
	}
	var none *List
	if _, ok := none.Find(salesman, began); ok || none.Entries() != nil {
		t.Error("a list that is nil holds something")
	}
}

// Spellings of one number have one form, which stands for the same numbers.
func TestEntryForm(t *testing.T) {
	for text, want := range map[string]string{
		" +86 130-4143-9112": "13041439112", "0571 8899 1122": "057188991122", "00852 2123 4567": "+85221234567", "95588": "95588",
		"130 4143 xxxx": "1304143XXXX", "+852 2123 XXXX": "+8522123XXXX", "_95xxx.": "_95XXX.", "_1[3-7]zn!": "_1[3-7]ZN!", "0571*": "0571*", "+852*": "+852*",
	} {
		got, err := Entry{Number: text}.Form()
		again, err2 := Entry{Number: got}.Form()
		if got != want || err != nil || again != want || err2 != nil {
			t.Errorf("Form of %q = %q, %v, and of that %q, %v; want %q", text, got, err, again, err2, want)
		}
	}
	for _, text := range []string{"", "Bank", "anonymous", "_.", "*", "+86*"} {
		if got, err := (Entry{Number: text}).Form(); err == nil {
			t.Errorf("Form of %q = %q; want an error", text, got)
		}
	}
}

// Who writes numbers as a trunk does writes its entries so.
func TestHabitsForm(t *testing.T) {
	hangzhou, hongKong := Habits{AreaCode: "0571", StripPrefixes: []string{"9"}}, Habits{Country: "852"}
	for _, tt := range []struct {
		habits     Habits
		text, want string
	}{
		{hangzhou, "88886666", "057188886666"},
		{hangzhou, "8888 6666", "057188886666"},
		{hangzhou, "8888XXXX", "05718888XXXX"},
		{hangzhou, "01088886666", "01088886666"},
		{hangzhou, "13800138000", "13800138000"},
		{hangzhou, "913800138000", "13800138000"},
		{hangzhou, "8888*", "8888*"}, // a pattern is of numbers in full
		{hangzhou, "_8888XXXX", "_8888XXXX"},
		{hangzhou, "Bank", ""},
		{hangzhou, "*", ""},
		{hongKong, "21234567", "+85221234567"},
		{hongKong, "2123 XXXX", "+8522123XXXX"},
		{hongKong, "+86 130 4143 9112", "13041439112"},
	} {
		got, err := tt.habits.Form(tt.text)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("Form of %q to %+v = %q, %v; want %q", tt.text, tt.habits, got, err, tt.want)
		}
	}
}

// The lists of a running office come before those of the file, and give the policy
// another revision.
func TestPolicyWith(t *testing.T) {
	p := mustParse(t, "mode: enforce\nallow: [{number: '13041439112', note: file}]\nblock: ['10086']\ndefault: {action: divert, to: 'sip:a@b'}")
	allow, err := NewList([]Entry{{Number: "10086", Note: "customer"}, {Number: "13800138000", Expires: began}})
	if err != nil {
		t.Fatal(err)
	}
	block, err := NewList([]Entry{{Number: "13041439112"}, {Number: "13800138000", Note: "rude"}})
	if err != nil {
		t.Fatal(err)
	}
	q := p.With(allow, block)
	tests := []struct {
		from string
		at   time.Time
		want string // rule and why
		was  string
	}{
		{"10086", began, "allow-list customer", "block-list on the block list"},
		{"13041439112", began, "allow-list file", "allow-list file"},
		{"13800138000", began.Add(-time.Second), "allow-list on the allow list", "default no rule matched"},
		{"13800138000", began, "block-list rude", "default no rule matched"},
		{"10010", began, "default no rule matched", "default no rule matched"},
	}
	for _, tt := range tests {
		f := factsOf(tt.from, Reputation{})
		f.Call.At = tt.at
		now, was := q.Decide(f), p.Decide(f)
		if got := now.Rule + " " + now.Why; got != tt.want {
			t.Errorf("%s with the lists: %s; want %s", tt.from, got, tt.want)
		}
		if got := was.Rule + " " + was.Why; got != tt.was {
			t.Errorf("%s without them: %s; want %s", tt.from, got, tt.was)
		}
	}
	if q.Revision() == p.Revision() || !strings.HasPrefix(q.Revision(), p.Revision()+"+") || q.Revision() != p.With(allow, block).Revision() {
		t.Errorf("revisions are %s and %s", p.Revision(), q.Revision())
	}
	if same := p.With(nil, &List{}); same.Revision() != p.Revision() {
		t.Errorf("revision with nothing added is %s; want %s", same.Revision(), p.Revision())
	}
}

// A policy names its files, and changes its revision with any of them.
func TestPolicyFiles(t *testing.T) {
	files := map[string]string{
		"policy.yaml": "mode: observe\nallow: {files: [a.csv, b.txt]}\ncalendar: {files: days.yaml}\n",
		"a.csv":       "10086\n", "b.txt": "10010\n", "days.yaml": "holidays: [2026-10-01]\n",
	}
	read := func(name string) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, os.ErrNotExist
		}
		return []byte(text), nil
	}
	seen := map[string]bool{}
	for _, change := range []string{"", "policy.yaml", "a.csv", "b.txt", "days.yaml"} {
		files[change] += "# more\n"
		p, err := LoadPolicy("policy.yaml", read)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"days.yaml", "a.csv", "b.txt"}, p.Files()); diff != "" {
			t.Errorf("Files() (-want +got):\n%s", diff)
		}
		if seen[p.Revision()] {
			t.Errorf("a change of %s leaves the revision at %s", change, p.Revision())
		}
		seen[p.Revision()] = true
	}
	if _, err := LoadPolicy("nobody.yaml", read); err == nil || !strings.Contains(err.Error(), os.ErrNotExist.Error()) {
		t.Errorf("LoadPolicy of a missing file: %v", err)
	}
	if _, err := ParsePolicy("p", []byte(files["policy.yaml"])); err == nil || !strings.Contains(err.Error(), `file "a.csv" cannot be read: no files are read here`) {
		t.Errorf("ParsePolicy of a policy with files: %v", err)
	}
}

// The calendar that comes with the program has as many days as the State Council gave.
func TestCalendarOf2026(t *testing.T) {
	text, err := os.ReadFile("../configs/calendars/china-2026.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := LoadPolicy("p", func(name string) ([]byte, error) {
		if name == "p" {
			return []byte("mode: observe\ncalendar: {files: 2026.yaml}"), nil
		}
		return text, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	off, worked := 0, 0
	for day, is := range p.calendar {
		weekday := time.Date(day/yearDay, time.Month(day%yearDay/100), day%100, 0, 0, 0, 0, time.UTC).Weekday()
		switch weekend := weekday == time.Saturday || weekday == time.Sunday; {
		case is:
			off++
		case weekend:
			worked++
		default:
			t.Errorf("%d is a workday by itself", day)
		}
	}
	if off != 33 || worked != 6 {
		t.Errorf("the calendar has %d days off and %d make-up workdays; want 33 and 6", off, worked)
	}
}

func TestLongListFiles(t *testing.T) {
	var b strings.Builder
	b.WriteString("number,note,expires\n")
	for i := range 100_000 {
		fmt.Fprintf(&b, "138%08d,客户 %d,\n", i, i)
	}
	l, err := ParseList("a.csv", []byte(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Normalize("+86 138 0009 9999", "86")
	if e, ok := l.Find(n, began); err != nil || !ok || e.Note != "客户 99999" {
		t.Errorf("Find(%v) = %+v, %v, %v; want 客户 99999", n, e, ok, err)
	}
	if e, ok := l.Find(Number{Digits: "13800100000"}, began); ok {
		t.Errorf("a number that is not on the list is found as %+v", e)
	}
}

func FuzzParseList(f *testing.F) {
	files, err := filepath.Glob("../testdata/policy/files/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("%v, %d files", err, len(files))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(filepath.Ext(file), data)
	}
	f.Add("\x1b", []byte("0"))
	f.Add(".vcf", []byte("BEGIN:VCARD\nFN;ENCODING=QUOTED-PRINTABLE:=E7=\n=8E\nTEL;X=\"a:b\":1\n =\nEND:VCARD"))
	f.Fuzz(func(t *testing.T, ext string, data []byte) {
		l, err := ParseList("list"+ext, data, time.UTC)
		if (l == nil) == (err == nil) {
			t.Fatalf("ParseList = %v, %v", l, err)
		}
		if err != nil {
			if !strings.HasPrefix(err.Error(), "list") || strings.ContainsAny(err.Error(), "\x1b\r") {
				t.Errorf("error of %q: %v", data, err)
			}
			return
		}
		for _, e := range l.Entries() {
			if e.Check() != nil || strings.ContainsAny(e.Note, "\r\n\x00") {
				t.Errorf("%q gives the entry %+v", data, e)
			}
		}
		again, err := ParseList("list.csv", FormatList(l.Entries()), time.UTC)
		if err != nil || len(again.Entries()) != len(l.Entries()) {
			t.Errorf("%q written and read again: %v, %v", data, again.Entries(), err)
		}
	})
}
