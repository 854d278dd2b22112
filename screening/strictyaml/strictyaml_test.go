package strictyaml

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

type office struct {
	Name     string        `yaml:"name"`
	Mode     upper         `yaml:"mode"`
	Open     bool          `yaml:"open"`
	Phones   int           `yaml:"phones"`
	Port     uint16        `yaml:"port"`
	Share    float64       `yaml:"share"`
	Keep     time.Duration `yaml:"keep"`
	Network  netip.Prefix  `yaml:"network" example:"192.0.2.0/24"`
	Numbers  []string      `yaml:"numbers,one"`
	Desks    []desk        `yaml:"desks"`
	Rooms    map[string]desk
	Lunch    *bool     `yaml:"lunch"`
	Boss     *desk     `yaml:"boss"`
	Later    yaml.Node `yaml:"later"`
	Internal string    `yaml:"-"`
	contact
}

type contact struct {
	Email string `yaml:"email"`
}

type desk struct {
	Owner string        `yaml:"owner"`
	Ring  time.Duration `yaml:"ring"`
	Inner *desk         `yaml:"inner"`
}

func (d *desk) SetDefaults() { d.Ring = time.Second }

// upper takes capital letters only.
type upper string

func (u *upper) UnmarshalText(text []byte) error {
	if s := string(text); s != strings.ToUpper(s) {
		return Error{Text: "mode is not shouted", Hint: "write " + strings.ToUpper(s)}
	}
	*u = upper(text)
	return nil
}

func TestDecode(t *testing.T) {
	yes := true
	tests := []struct {
		text string
		want office
	}{
		{"", office{Name: "old", Phones: 7}},
		{"# nothing but a comment\n", office{Name: "old", Phones: 7}},
		{"---\n", office{Name: "old", Phones: 7}},
		{"name: new", office{Name: "new", Phones: 7}},
		{"\uFEFFname: new\r\nphones: 2\r\n", office{Name: "new", Phones: 2}},
		{"name: 010", office{Name: "010", Phones: 7}},
		{"name: 0x1F", office{Name: "0x1F", Phones: 7}},
		{"name: 1_000", office{Name: "1_000", Phones: 7}},
		{"name: 2026-01-01", office{Name: "2026-01-01", Phones: 7}},
		{"name: yes", office{Name: "yes", Phones: 7}},
		{"name: true", office{Name: "true", Phones: 7}},
		{`name: ""`, office{Phones: 7}},
		{
			"mode: LOUD\nopen: true\nphones: -3\nport: 65535\nshare: 0.25",
			office{Name: "old", Mode: "LOUD", Open: true, Phones: -3, Port: 65535, Share: 0.25},
		},
		{"keep: 90d", office{Name: "old", Phones: 7, Keep: 90 * 24 * time.Hour}},
		{"keep: 1d12h", office{Name: "old", Phones: 7, Keep: 36 * time.Hour}},
		{`keep: "800ms"`, office{Name: "old", Phones: 7, Keep: 800 * time.Millisecond}},
		{"email: a@b", office{Name: "old", Phones: 7, contact: contact{Email: "a@b"}}},
		{"keep: 0", office{Name: "old", Phones: 7}},
		{"network: 192.0.2.0/24", office{Name: "old", Phones: 7, Network: netip.MustParsePrefix("192.0.2.0/24")}},
		{"numbers: 95588", office{Name: "old", Phones: 7, Numbers: []string{"95588"}}},
		{"numbers: [010, +86 10 1234, '*97']", office{Name: "old", Phones: 7, Numbers: []string{"010", "+86 10 1234", "*97"}}},
		{"numbers: []", office{Name: "old", Phones: 7, Numbers: []string{}}},
		{"numbers:\ndesks:\nrooms:\nboss:", office{Name: "old", Phones: 7}},
		{"desks: [{owner: a}, {ring: 2s}]", office{Name: "old", Phones: 7, Desks: []desk{{Owner: "a", Ring: time.Second}, {Ring: 2 * time.Second}}}},
		{"rooms: {a: {owner: b}}", office{Name: "old", Phones: 7, Rooms: map[string]desk{"a": {Owner: "b", Ring: time.Second}}}},
		{"lunch: true\nboss: {inner: {owner: x}}", office{
			Name: "old", Phones: 7, Lunch: &yes,
			Boss: &desk{Ring: time.Second, Inner: &desk{Owner: "x", Ring: time.Second}},
		}},
	}
	for _, tt := range tests {
		got := office{Name: "old", Phones: 7}
		err := Decode("f", []byte(tt.text), &got).Err()
		if err != nil || !cmp.Equal(got, tt.want, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.AllowUnexported(office{})) {
			t.Errorf("Decode(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	const keys = "the keys here are name, mode, open, phones, port, share, keep, network, numbers, desks, rooms, lunch, boss, later, email"
	const times = "write a number and its unit, as in 800ms, 30s, 10m, 24h or 90d"
	const whole = "write digits only, without zeros in front"
	tests := []struct{ text, want string }{
		{"nmae: x", `f:1:1: unknown key "nmae": did you mean "name"?`},
		{"Name: x", `f:1:1: unknown key "Name": did you mean "name"?`},
		{"prot: 3", `f:1:1: unknown key "prot": did you mean "port"?`},
		{"colour: x", `f:1:1: unknown key "colour": ` + keys},
		{"internal: x", `f:1:1: unknown key "internal": ` + keys},
		{"desks:\n- {owner: a}\n- ownr: a", `f:3:3: unknown key "ownr": did you mean "owner"?`},
		{"name: a\nopen: true\nname: b", `f:3:1: key "name" stands in line 1 already: keep one of the two`},
		{"rooms:\n  a: {}\n  a: {}", `f:3:3: key "a" stands in line 2 already: keep one of the two`},
		{"? [a]\n: b", `f:1:3: a key is a list: write a name before the colon`},
		{"name:", `f:1:6: name is empty, not a text: write the text, or "" for none`},
		{"name: null", `f:1:7: name is "null", not a text: write the text, or "" for none`},
		{"name: [a]", "f:1:7: name is a list, not a text: write one value"},
		{"name: {a: b}", "f:1:7: name is a block of keys, not a text: write one value"},
		{"open: yes", `f:1:7: open is "yes", not true or false: write true or false`},
		{"open: True", `f:1:7: open is "True", not true or false: write true or false`},
		{`open: "true"`, `f:1:7: open is "true", not true or false: write it without quotes`},
		{"phones: 010", `f:1:9: phones is "010", not a whole number: ` + whole},
		{"phones: 0x10", `f:1:9: phones is "0x10", not a whole number: ` + whole},
		{"phones: 1e3", `f:1:9: phones is "1e3", not a whole number: ` + whole},
		{"phones: ten", `f:1:9: phones is "ten", not a whole number: ` + whole},
		{"phones: 99999999999999999999", `f:1:9: phones is "99999999999999999999", not a whole number: ` + whole},
		{`phones: "3"`, `f:1:9: phones is "3", not a whole number: write it without quotes`},
		{"port: 65536", `f:1:7: port is "65536", not a whole number: ` + whole + ", up to 65535"},
		{"port: -1", `f:1:7: port is "-1", not a whole number: ` + whole + ", up to 65535"},
		{"share: .inf", `f:1:8: share is ".inf", not a number: write it as in 0.5`},
		{"keep: 30", `f:1:7: keep is "30", not a time: ` + times},
		{"keep: 30 seconds", `f:1:7: keep is "30 seconds", not a time: ` + times},
		{"keep: -1s", `f:1:7: keep is "-1s", not a time: ` + times},
		{"keep: 1.5d", `f:1:7: keep is "1.5d", not a time: ` + times},
		{"keep: 99999d99999999h", `f:1:7: keep is "99999d99999999h", not a time: ` + times},
		{"mode: loud", "f:1:7: mode is not shouted: write LOUD"},
		{"mode: [a]", "f:1:7: mode is a list, not a single value: write one value"},
		{"network: 192.0.2.0", `f:1:10: network is "192.0.2.0": netip.ParsePrefix("192.0.2.0"): no '/': write it as in 192.0.2.0/24`},
		{"network: [a]", "f:1:10: network is a list, not a single value: write it as in 192.0.2.0/24"},
		{"numbers: {a: b}", "f:1:10: numbers is a block of keys, not a text: write one value"},
		{"numbers:\n- a\n- [b]", "f:3:3: numbers[1] is a list, not a text: write one value"},
		{"numbers:\n- a\n-", "f:3:2: numbers[1] is empty, not a value: remove the - that nothing follows"},
		{"desks: {owner: a}", "f:1:8: desks is a block of keys, not a list: write it as [a, b] or as lines that begin with -"},
		{"desks: [a]", `f:1:9: desks[0] is "a", not a block of keys: write key: value lines under it`},
		{"boss: a", `f:1:7: boss is "a", not a block of keys: write key: value lines under it`},
		{"rooms: [a]", "f:1:8: rooms is a list, not a block of keys: write key: value lines under it"},
		{"rooms: {a: {ring: x}}", `f:1:19: ring is "x", not a time: ` + times},
		{"- a", "f:1:1: the file is a list, not a block of keys: write key: value lines under it"},
		{"null", `f:1:1: the file is "null", not a block of keys: write key: value lines under it`},
		{"\uFEFFnmae: x", `f:1:1: unknown key "nmae": did you mean "name"?`},
		{"open: x\nphones: y\nnmae: z", `f:1:7: open is "x", not true or false: write true or false
f:2:9: phones is "y", not a whole number: ` + whole + `
f:3:1: unknown key "nmae": did you mean "name"?`},

		{"name: a\n---\nname: b", "f:2:1: a second document begins here: write one document a file, without a line ---"},
		{"name: &a b\nmode: *a", "f:1:7: anchor &a: remove it: anchors and aliases are not read here\n" +
			"f:2:7: alias *a: write the value out: aliases are not read here"},
		{"rooms:\n  a: &a {}\n  b:\n    <<: *a", "f:2:6: anchor &a: remove it: anchors and aliases are not read here\n" +
			"f:4:5: merge key <<: write the keys out\nf:4:9: alias *a: write the value out: aliases are not read here"},
		{"name: x\nmode: *a", "f:2: alias *a: write the value out, or quote it: aliases are not read here"},
		{"phones: !!int 3", "f:1:9: tag !!int: remove it: the key decides how its value is read"},
		{"boss: !desk {}", "f:1:7: tag !desk: remove it: the key decides how its value is read"},
		{"name: a\xffb", "f:1:8: this is not UTF-8: save the file as UTF-8"},
		{"\xff\xfen\x00", "f:1:1: this is not UTF-8: save the file as UTF-8"},
		{"name: 中\x1b", "f:1:8: control character U+001B: remove it"},
	}
	for _, tt := range tests {
		err := Decode("f", []byte(tt.text), new(office)).Err()
		if got := fmt.Sprint(err); got != tt.want {
			t.Errorf("Decode(%q):\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	const fits = "this line fits no block above it: indent it like its neighbours"
	tests := []struct{ text, want string }{
		{"# c\n\na: 1\nb:\n  - id: x\n   action: y\nc: 1\n", "f:6: " + fits},
		{"# c\n\na: 1\nb:\n  - id: x\n    action: y\n   foo: z\nc: 1\n", "f:7: " + fits},
		{"# c\n\na: 1\n- b\nc: 1\n", "f:4: " + fits + ", and quote a value as a whole"},
		{"# c\na: 'x' y\nb: 1\n", "f:2: " + fits + ", and quote a value as a whole"},
		{"# c\n\na: 1\nb: c: d\n", "f:4: a colon where none can stand: check the indentation, and quote text that holds a colon"},
		{"a: 1\n  b: 2\n", "f:2: a colon where none can stand: check the indentation, and quote text that holds a colon"},
		{"# c\n\na: 1\nb\nc: 1\n", "f:4: a line that is no key with a value: write it as key: value"},
		{"# c\n\na: 1\n\tb: 2\nc: 1\n", "f:4: a tab in the indentation: indent with spaces"},
		{"# c\n\na:\n\t- b\nc: 1\n", "f:4: a tab in the indentation: indent with spaces"},
		{"# c\n\na: \"xx\nb: 2\n", "f:3: a quote is opened here and never closed: close it"},
		{"# c\n\na: [1, 2\nb: 2\n", "f:3: a [ is not closed: put commas between the values and ] at the end"},
		{"a: {b: 1\nc: 2\n", "f:2: a { is not closed: put commas between the values and } at the end"},
		{"# c\n\na: @x\n", "f:3: a value begins with a sign that YAML keeps for itself: quote the value"},
		{"# c\n\na: >=50\n", `f:3: a value begins with > or |, which YAML takes for a block of text: quote the value, as in ">=50"`},
		{"# c\na: ]\nb: 1\n", "f:2: a sign of YAML where a value should stand: write the value, in quotes if it begins with a sign"},
		{"# c\na: \"\\q\"\n", `f:2: a \ in double quotes begins no known escape: write \\ or use single quotes`},
		{"# c\na: *\n", "f:2: & and * begin names of YAML's own: quote the value"},
		{"a: 1\n---\nb: [\n", "f:3: a sign of YAML where a value should stand: write the value, in quotes if it begins with a sign"},
		{"%YAML 2.0\n---\na: 1\n", "f:1: not YAML: found incompatible YAML document"},
	}
	for _, tt := range tests {
		err := Decode("f", []byte(tt.text), new(office)).Err()
		if got := fmt.Sprint(err); got != tt.want {
			t.Errorf("Decode(%q):\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"bytes", strings.Repeat("# comment\n", 1<<20), "f: the file has 10485760 bytes: keep it under 1 MB"},
		{"values", "numbers: [" + strings.Repeat("1,", 500_000) + "]", "f: the file has too many values: keep them under 100000"},
		{"depth", "later: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "f:1:107: more than 100 levels: nest less"},
		{"blocks", strings.Repeat("- ", 200_000) + "a", "f:1: more than 100 levels: nest less"},
		{"no end", strings.Repeat("[", 200_000), "f:1: more than 100 levels: nest less"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			err := Decode("f", []byte(tt.text), new(office)).Err()
			if got := fmt.Sprint(err); got != tt.want {
				t.Errorf("Decode: got %s; want %s", got, tt.want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("Decode took %v; want no more than a busy machine makes of milliseconds", took)
			}
		})
	}
}

func TestManyErrorsAreCut(t *testing.T) {
	err := Decode("f", []byte("numbers: ["+strings.Repeat("[],", 150)+"]"), new(office)).Err()
	var all Errors
	if !errors.As(err, &all) || len(all) != maxErrors+1 || all[maxErrors].Error() != "f: and 50 more errors" {
		t.Errorf("Err() holds %d errors, %v; want 101, the last of them counting 50 more", len(all), all[len(all)-1])
	}
}

func TestReport(t *testing.T) {
	const text = "name: a\nphones: x\nnumbers: 12\ndesks:\n  - owner: a\n  - ring: 3s\nboss: 3\n"
	tests := []struct {
		path []any
		want string // line:column of the error, empty when there is none
	}{
		{[]any{"name"}, "1:7"},
		{[]any{"phones"}, ""}, // wrong already
		{[]any{"numbers"}, "3:10"},
		{[]any{"numbers", 0}, "3:10"},
		{[]any{"desks", 1, "ring"}, "6:11"},
		{[]any{"desks", 1, "owner"}, "6:5"}, // missing: where its block begins
		{[]any{"desks", 2}, "5:3"},
		{[]any{"mode"}, "1:1"},
		{[]any{"boss", "owner"}, ""}, // boss is wrong already
		{nil, "1:1"},
	}
	for _, tt := range tests {
		d := Decode("f", []byte(text), new(office))
		before := len(d.errors)
		d.Report("bad", "be good", tt.path...)
		got := ""
		for _, e := range d.errors[before:] {
			got += fmt.Sprintf("%d:%d", e.Line, e.Column)
		}
		if got != tt.want {
			t.Errorf("Report at %v is at %q; want %q", tt.path, got, tt.want)
		}
	}
}

func TestReportTwice(t *testing.T) {
	d := Decode("f", []byte("name: a"), new(office))
	for _, key := range []string{"name", "name", "mode", "share"} {
		d.Report("bad "+key, "", key)
	}
	want := "f:1:1: bad mode\nf:1:1: bad share\nf:1:7: bad name"
	if got := fmt.Sprint(d.Err()); got != want {
		t.Errorf("errors are\n%s\nwant\n%s", got, want)
	}
}

func TestReportOnWhatCannotBeRead(t *testing.T) {
	d := Decode("f", []byte("a: ["), new(office))
	d.Report("name is missing", "", "name")
	if all, _ := d.Err().(Errors); len(all) != 1 {
		t.Errorf("errors are %v; want only that of the syntax", d.Err())
	}
	d = Decode("f", nil, new(office))
	d.Report("name is missing", "write one", "name")
	if got := fmt.Sprint(d.Err()); got != "f:1:1: name is missing: write one" {
		t.Errorf("error of an empty file is %s", got)
	}
}

// A remark is no error, and stands where an error would.
func TestRemark(t *testing.T) {
	d := Decode("f", []byte("name: a\ndesks:\n  - owner: a\n"), new(office))
	for _, tt := range []struct {
		path []any
		want string
	}{
		{[]any{"name"}, "f:1:7: odd\\x1b: see: look"},
		{[]any{"desks", 0, "owner"}, "f:3:12: odd\\x1b: see: look"},
		{[]any{"desks", 0, "ring"}, "f:3:5: odd\\x1b: see: look"},
		{nil, "f:1:1: odd\\x1b: see: look"},
	} {
		if got := d.Remark("odd\x1b", "see: look", tt.path...).Error(); got != tt.want {
			t.Errorf("Remark at %v is %s; want %s", tt.path, got, tt.want)
		}
	}
	if d.Err() != nil {
		t.Errorf("remarks are errors: %v", d.Err())
	}
}

// A file that is no YAML has errors like others.
func TestReportAt(t *testing.T) {
	d := New("list.csv")
	if d.Err() != nil {
		t.Errorf("Err() of a new document = %v", d.Err())
	}
	d.ReportAt(3, 0, "odd\r", "mend it")
	d.ReportAt(2, 7, "bad", "")
	d.ReportAt(0, 0, "too long", "")
	want := "list.csv: too long\nlist.csv:2:7: bad\nlist.csv:3: odd\\r: mend it"
	if got := fmt.Sprint(d.Err()); got != want {
		t.Errorf("Err() =\n%s\nwant\n%s", got, want)
	}
}

func TestDecodeNode(t *testing.T) {
	var o office
	d := Decode("f", []byte("later:\n  owner: a\n  rnig: 3s"), &o)
	var in desk
	if d.DecodeNode(&o.Later, "later", &in) || in.Owner != "a" {
		t.Errorf("DecodeNode = true, %+v; want false and owner a", in)
	}
	if got := fmt.Sprint(d.Err()); got != `f:3:3: unknown key "rnig": did you mean "ring"?` {
		t.Errorf("DecodeNode adds %s", got)
	}
	if !d.DecodeNode(new(yaml.Node), "later", &in) {
		t.Error("DecodeNode of an absent node = false; want true")
	}
}

func TestErrorIsFound(t *testing.T) {
	err := fmt.Errorf("loading: %w", Decode("f", []byte("a: 1"), new(office)).Err())
	var one Error
	if !errors.As(err, &one) || one.Line != 1 || one.Column != 1 {
		t.Errorf("errors.As finds %+v; want line 1, column 1", one)
	}
}

// breaks are what YAML takes for the end of a line.
const breaks = "\n\r\u0085\u2028\u2029"

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"name: a\nphones: 3\ndesks:\n- owner: b # c\n", "a: [b, {c: d}]", "x: &a [*a]", "\uFEFF--- |\n a\n...\n", "? a\n: b",
		"rooms: {a: {inner: {inner: {ring: 3d}}}}", "later:\n # c\n\n# d\n - e\n# f\n", "!%0A", "\r\r0",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var o office
		d := Decode("f", data, &o)
		d.DecodeNode(&o.Later, "later", new(desk))
		d.Report("text", "hint", "desks", 0, "owner")
		lines := 1
		for _, r := range string(data) {
			lines += strings.Count(breaks, string(r))
		}
		all, _ := d.Err().(Errors)
		if len(all) == 0 {
			t.Errorf("nothing is reported for %q", data)
		}
		for _, e := range all {
			if e.Text == "" || e.Line > lines+1 || strings.ContainsAny(e.Error(), "\n\x1b\r") {
				t.Errorf("error of %q is %+v", data, e)
			}
		}
	})
}

func TestSecretsAreNotQuoted(t *testing.T) {
	var target struct {
		Safe desk `yaml:"safe,secret"`
		Door desk `yaml:"door"`
	}
	d := Decode("f", []byte("safe: 4711\ndoor: 4711\n"), &target)
	want := "f:1:7: safe is a single value, not a block of keys: write key: value lines under it\n" +
		`f:2:7: door is "4711", not a block of keys: write key: value lines under it`
	if got := fmt.Sprint(d.Err()); got != want {
		t.Errorf("errors:\n got %s\nwant %s", got, want)
	}
}
