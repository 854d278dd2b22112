package file

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"callscreen/directory"
	"callscreen/screening"
)

const office = "\ufeff" + `# 公司名单 · the office's list
号码,备注,类别,标记,到期
+86 571-8899 1122,老客户,,客户,
13041439112,,推销,,2026-12-31
130 4143 9113,,,骚扰,2026-12-31 18:00
0571*,杭州,,本地,
_95XXXXXX,"外呼, ""中心""",sales,外呼,
95*,,,其他外呼,
95204657,,G_FRAUD,,2026-12-31T18:00:00+08:00

`

func parseOffice(t *testing.T) *List {
	t.Helper()
	l, err := Parse("office.csv", []byte(office), shanghai, map[string]screening.Category{"G_FRAUD": "fraud"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func numberOf(t *testing.T, raw string) screening.Number {
	t.Helper()
	n, err := screening.Normalize(raw, "86")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestParse(t *testing.T) {
	l := parseOffice(t)
	if l.Len() != 7 {
		t.Errorf("%d entries, want 7", l.Len())
	}
	tests := []struct {
		number  string
		at      string
		want    screening.Reputation
		expires string
	}{
		{"057188991122", "2026-11-25 12:00", screening.Reputation{Label: "客户", Description: "老客户"}, ""},
		{"057156264805", "2026-11-25 12:00", screening.Reputation{Label: "本地", Description: "杭州"}, ""},
		{"+8613041439112", "2026-12-31 23:59", screening.Reputation{Category: "sales", Label: "推销"}, "2027-01-01 00:00"},
		{"13041439112", "2027-01-01 00:00", screening.Reputation{}, ""},
		{"13041439113", "2026-12-31 17:59", screening.Reputation{Category: "harassment", Label: "骚扰"}, "2026-12-31 18:00"},
		{"13041439113", "2026-12-31 18:00", screening.Reputation{}, ""},
		{"95204657", "2026-12-31 17:59", screening.Reputation{Category: "fraud", Label: "G_FRAUD"}, "2026-12-31 18:00"},
		{"95204657", "2026-12-31 18:00", screening.Reputation{Category: "sales", Label: "外呼", Description: `外呼, "中心"`}, ""},
		{"95588", "2026-11-25 12:00", screening.Reputation{Label: "其他外呼"}, ""},
		{"02188991122", "2026-11-25 12:00", screening.Reputation{}, ""},
	}
	for _, tt := range tests {
		at, err := time.ParseInLocation("2006-01-02 15:04", tt.at, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		got, expires, ok := l.Find(numberOf(t, tt.number), at)
		until := ""
		if !expires.IsZero() {
			until = expires.In(shanghai).Format("2006-01-02 15:04")
		}
		if !reflect.DeepEqual(got, tt.want) || ok != tt.want.Known() || until != tt.expires {
			t.Errorf("%s at %s = %+v until %q, %v; want %+v until %q", tt.number, tt.at, got, until, ok, tt.want, tt.expires)
		}
	}
}

// TestParseShapes are the ways in which people and programs write the same line.
func TestParseShapes(t *testing.T) {
	want := screening.Reputation{Category: "sales", Label: "推销", Description: "n"}
	for name, text := range map[string]string{
		"no header":      "13041439112,推销,sales,n,2026-12-31",
		"order":          "Note, Category ,NUMBER,label\nn,sales,13041439112,推销",
		"unknown column": "number,who,label,note\n13041439112,me,推销,n",
		"semicolons":     "13041439112;推销;;n;2026/12/31",
		"tabs":           "13041439112\t推销\t\tn",
		"CR LF":          "number,label,note\r\n13041439112,推销,n\r\n\r\n",
		"control":        "13041439112,\"推销\x00\n\",sales,\" n\"",
		"empty lines":    "\n# x\n,,,,\n13041439112,推销,,n\n",
	} {
		l, err := Parse("x.csv", []byte(text), shanghai, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, _, ok := l.Find(numberOf(t, "13041439112"), time.Date(2026, 12, 1, 0, 0, 0, 0, shanghai))
		if !ok || l.Len() != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, ok, want)
		}
	}
	if l, err := Parse("x.csv", nil, shanghai, nil); err != nil || l.Len() != 0 {
		t.Errorf("an empty file: %v", err)
	}
}

func TestParseTellsAllThatIsWrong(t *testing.T) {
	tests := map[string]string{
		"number,label\n1304143911,a\n,b\n13041439112,c": "x.csv:2:1: number \"1304143911\" is no phone number",
		"13041439112,a\nabc,b":                          "x.csv:2:1: number \"abc\" is no phone number",
		",a":                                            "x.csv:1:1: the line has no number",
		"1.30414E+10,a":                                 "x.csv:1:1: number \"1.30414E+10\" has lost its digits: let Excel",
		"13041439112,a\n\n+86 13041439112,b":            "x.csv:3:1: number \"+86 13041439112\" stands in line 1, too",
		"0571*,a\n0571*,b":                              "x.csv:2:1: number \"0571*\" stands in line 1, too",
		"13041439112,推销,spam":                           "x.csv:1:16: category \"spam\" is not known: write fraud",
		"13041439112,a,,,tomorrow":                      "x.csv:1:17: expires \"tomorrow\" is no date: write the last day",
		"13041439112,a,,,2026-02-30":                    "is no date",
		"13041439112":                                   "x.csv:1:1: the line says nothing of the number",
		"13041439112,\"a\"b\"":                          "x.csv:1: a quote that stands alone",
		"13041439112,\xcd\xc6\xcf\xfa":                  "x.csv: the file is not UTF-8",
		"_95XYZ9,a":                                     "x.csv:1:1: number \"_95XYZ9\" has a pattern",
		"*,a":                                           "x.csv:1:1: number \"*\" stands for every number",
	}
	for text, want := range tests {
		_, err := Parse("x.csv", []byte(text), shanghai, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "abc%d,a\n", i)
	}
	if _, err := Parse("x.csv", []byte(many.String()), shanghai, nil); strings.Count(err.Error(), "\n") != maxErrors-1 {
		t.Errorf("%d lines of errors", strings.Count(err.Error(), "\n"))
	}
	if _, err := Parse("x.csv", nil, shanghai, map[string]screening.Category{"x": "spam"}); err == nil {
		t.Error("a table with a category that there is not")
	}
}

// FuzzParse holds that no file panics, and that an entry says something.
func FuzzParse(f *testing.F) {
	f.Add([]byte(office))
	f.Add([]byte("number;label\n_95X.;a\n"))
	c, err := directory.NewCategories(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := parse("x.csv", data, shanghai, c)
		if err != nil {
			return
		}
		for key, s := range l.said {
			if !s.reputation.Known() || s.line < 1 || key == "" {
				t.Errorf("%q says %+v", key, s)
			}
		}
	})
}
