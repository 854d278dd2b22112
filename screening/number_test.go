package screening

import (
	"bytes"
	"encoding/csv"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestNumberVectors(t *testing.T) {
	for _, v := range readVectors(t) {
		t.Run(v.input, func(t *testing.T) {
			got, err := Normalize(v.input, "86")
			if got != v.want {
				t.Errorf("Normalize(%q) = %+v, want %+v: %s", v.input, got, v.want, v.why)
			}
			if want := errorOf(v.want.Class); !errors.Is(err, want) {
				t.Errorf("Normalize(%q) = error %v, want %v", v.input, err, want)
			}
			if got.Screenable() != v.screenable {
				t.Errorf("Normalize(%q).Screenable() = %v, want %v: %s", v.input, got.Screenable(), v.screenable, v.why)
			}
		})
	}
}

// vector is a row of numbers.csv.
type vector struct {
	input      string
	want       Number
	screenable bool
	why        string
}

func readVectors(tb testing.TB) []vector {
	tb.Helper()
	f, err := os.Open("../testdata/numbers.csv")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		tb.Fatal(err)
	}
	var vectors []vector
	for _, r := range rows[1:] {
		class := Class(r[3])
		if class == "invalid" {
			class = ClassInvalid
		}
		vectors = append(vectors, vector{r[0], Number{r[2], r[1], class}, r[4] == "yes", r[5]})
	}
	if len(vectors) < 120 {
		tb.Fatalf("numbers.csv has %d rows, want all of them", len(vectors))
	}
	return vectors
}

func errorOf(c Class) error {
	switch c {
	case ClassAnonymous:
		return ErrWithheld
	case ClassInvalid, ClassAlphanumeric:
		return ErrNotANumber
	}
	return nil
}

func TestNormalizeSpellings(t *testing.T) {
	tests := []struct{ raw, want string }{
		{`"110" <sip:13041439112@10.0.0.1>`, "13041439112"},
		{`"a <110> \"b" <sip:13041439112@10.0.0.1>;tag=1`, "13041439112"},
		{"Bob <sips:+8613041439112@example.com>", "13041439112"},
		{"SIP:13041439112:secret@example.com", "13041439112"},
		{"sip:13041439112@evil@example.com", ""},
		{"TEL:+86-571-8899-1122;ext=7", "057188991122"},
		{"tel:21234567;Phone-Context=+852", "+85221234567"},
		{"tel:21234567;phone-context=+852x", "21234567"},
		{"tel:1;phone-context=+86110", ""},
		{"tel:88886666;phone-context=010", "88886666"},
		{"tel:88886666-8001;phone-context=+8610", "01088886666"},
		{"tel:+8613041439112;phone-context=+852", "13041439112"},
		{"sip:13041439112;phone-context=+86@example.com", "13041439112"},
		{"%31%33%30%34%31%34%33%39%31%31%32", "13041439112"},
		{"13041439112%", ""},
		{"%zz3041439112", ""},
		{"＋86　130・4143", ""},
		{"＋８６　１３０－４１４３－９１１２", "13041439112"},
		{"130‐4143–9112", "13041439112"},
		{"010–88886666—8001", "01088886666"},
		{"010-88886666-8001-2", ""},
		{"0571-8899-112", "05718899112"},
		{"8888-6666", "88886666"},
		{"666-8888", "6668888"},
		{"6668888-1", "6668888"},
		{"1001-22", "100122"},
		{"+86-10-88886666-8001", "01088886666"},
		{"130\u202e41439112", ""},
		{"130\x0041439112", ""},
		{"\xff13041439112", ""},
		{"+86+13041439112", ""},
		{"+", ""},
		{"++8613041439112", ""},
		{"13041439112+", ""},
		{"00", ""},
		{"0", ""},
		{"8610086", "8610086"},
		{"852-3123-4567", ""},
		{"85361234567", ""},
		{"+86110", "110"},
		{"+8602596110", "96110"},
		{"+86952046578901", ""},
		{"8610690000000", "10690000000"},
		{"+8688886666", "88886666"},
		{"+861001", ""},
		{"+8610690000000000", ""},
		{"+372 5123 4567", "+37251234567"},
		{"057118888666", ""},
		{"057198888666", ""},
		{"18888666", ""},
		{"02688886666", ""},
		{"0211234567", ""},
		{"01012345", "12345"},
		{"010110", "110"},
		{"17951110", ""},
		{"179511304143911", ""},
		{"1795100852 2123 4567", "+85221234567"},
		{"11832113041439112", "13041439112"},
		{"17912345678", "17912345678"},
		{"4001234567", "4001234567"},
		{"+4915112345678", "+4915112345678"},
		{"+2101234567", ""},
		{"+013041439112", ""},
		{"+12345678901234567", ""},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			if got, err := Normalize(tt.raw, "86"); got.Digits != tt.want || (err != nil) != (tt.want == "") {
				t.Errorf("Normalize(%q) = %q, %v; want %q", tt.raw, got, err, tt.want)
			}
		})
	}
}

func TestNormalizeWithheld(t *testing.T) {
	for _, raw := range []string{"", " ", "-", "PRIVATE", "sip:Anonymous:x@h", "sip:@h", "tel:", "匿名", "%E6%9C%AA%E7%9F%A5", "<>", "(unknown)"} {
		if got, err := Normalize(raw, "86"); got != (Number{Class: ClassAnonymous}) || !errors.Is(err, ErrWithheld) {
			t.Errorf("Normalize(%q) = %+v, %v; want anonymous, %v", raw, got, err, ErrWithheld)
		}
	}
}

func TestNormalizeTellsDialledSignsFromText(t *testing.T) {
	tests := []struct {
		raw  string
		want Class
	}{
		{"*67", ClassInvalid},
		{"13041439112+", ClassInvalid},
		{"*67x", ClassAlphanumeric},
		{`"13041439112`, ClassAlphanumeric},
		{"13041439112_", ClassAlphanumeric},
		{"sip.example.com", ClassAlphanumeric},
	}
	for _, tt := range tests {
		if got, err := Normalize(tt.raw, "86"); got != (Number{Class: tt.want}) || !errors.Is(err, ErrNotANumber) {
			t.Errorf("Normalize(%q) = %+v, %v; want class %q, %v", tt.raw, got, err, tt.want, ErrNotANumber)
		}
	}
}

func TestNormalizeTooLong(t *testing.T) {
	for _, raw := range []string{
		strings.Repeat("1", maxSpelling+1),
		strings.Repeat("1", maxDigits+1),
		strings.Repeat("1-", maxDigits+1),
		strings.Repeat("﷽", maxSpelling),
	} {
		if got, err := Normalize(raw, "86"); got != (Number{}) || !errors.Is(err, ErrNotANumber) {
			t.Errorf("Normalize(%d bytes) = %+v, %v; want invalid, %v", len(raw), got, err, ErrNotANumber)
		}
	}
}

func TestHabits(t *testing.T) {
	nine := Habits{StripPrefixes: []string{"9"}}
	tests := []struct {
		name   string
		habits Habits
		raw    string
		want   Number
	}{
		{"an area code completes a local number", Habits{AreaCode: "0571"}, "88886666", Number{"86", "057188886666", ClassLandline}},
		{"with or without its 0", Habits{AreaCode: "571"}, "+868888666", Number{"86", "05718888666", ClassLandline}},
		{"Beijing has no seven-digit numbers", Habits{AreaCode: "010"}, "6668888", Number{"86", "6668888", ClassLocal}},
		{"an area code that is none changes nothing", Habits{AreaCode: "0301"}, "88886666", Number{"86", "88886666", ClassLocal}},
		{"a local number loses its extension first", Habits{AreaCode: "0571"}, "88886666-8001", Number{"86", "057188886666", ClassLandline}},
		{"an outside-line 9", nine, "913041439112", Number{"86", "13041439112", ClassMobile}},
		{"an outside-line 9 before a landline that reads as a 95 code", nine, "957188991122", Number{"86", "057188991122", ClassLandline}},
		{"an outside-line 9 before an extension", nine, "91001", Number{"", "1001", ClassExtension}},
		{"the 9 of 96110 is its own", nine, "96110", Number{"86", "96110", Class96}},
		{"the 9 of 95588 is its own", nine, "95588", Number{"86", "95588", Class95}},
		{"no 9, no change", nine, "13041439112", Number{"86", "13041439112", ClassMobile}},
		{"086", Habits{StripPrefixes: []string{"", "9", "086"}}, "086013041439112", Number{"86", "13041439112", ClassMobile}},
		{"+86 in front of an IP-dial prefix", Habits{StripPrefixes: []string{"+8617951"}}, "+861795113041439112", Number{"86", "13041439112", ClassMobile}},
		{"a Hong Kong number at home", Habits{Country: "852"}, "2123 4567", Number{"852", "+85221234567", ClassInternational}},
		{"named without +", Habits{Country: "852"}, "85221234567", Number{"852", "+85221234567", ClassInternational}},
		{"Hong Kong never reads a Chinese mobile", Habits{Country: "852"}, "13041439112", Number{"852", "+85213041439112", ClassInternational}},
		{"nor one with 86", Habits{Country: "852"}, "8613041439112", Number{}},
		{"but one with +86", Habits{Country: "852"}, "+8613041439112", Number{"86", "13041439112", ClassMobile}},
		{"and one with 0086", Habits{Country: "852"}, "008613041439112", Number{"86", "13041439112", ClassMobile}},
		{"an area code is Chinese only", Habits{Country: "852", AreaCode: "0571"}, "88886666", Number{"852", "+85288886666", ClassInternational}},
		{"even with +86", Habits{Country: "852", AreaCode: "0571"}, "+8688886666", Number{"86", "88886666", ClassLocal}},
		{"a German trunk 0", Habits{Country: "49"}, "030 1234567", Number{"49", "+49301234567", ClassInternational}},
		{"an Italian 0 stays", Habits{Country: "39"}, "06 12345678", Number{"39", "+390612345678", ClassInternational}},
		{"ten digits in America", Habits{Country: "1"}, "(415) 555-0123", Number{"1", "+14155550123", ClassInternational}},
		{"eleven digits in America", Habits{Country: "1"}, "1-415-555-0123", Number{"1", "+14155550123", ClassInternational}},
		{"011 from America", Habits{Country: "1"}, "011852 21234567", Number{"852", "+85221234567", ClassInternational}},
		{"what is an emergency at home is none abroad", Habits{Country: "852"}, "110", Number{"", "110", ClassExtension}},
		{"a country with letters", Habits{Country: "7A"}, "0100000000", Number{}},
		{"a country that is none", Habits{Country: "+86"}, "13041439112", Number{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.habits.Normalize(tt.raw)
			if got != tt.want || !errors.Is(err, errorOf(tt.want.Class)) {
				t.Errorf("%+v.Normalize(%q) = %+v, %v; want %+v", tt.habits, tt.raw, got, err, tt.want)
			}
		})
	}
}

func TestHabitsValidate(t *testing.T) {
	tests := []struct {
		habits Habits
		want   string // the keys complained of
	}{
		{Habits{}, ""},
		{Habits{Country: "852", AreaCode: "0571", StripPrefixes: []string{"9", "+8617951"}}, ""},
		{Habits{AreaCode: "10"}, ""},
		{Habits{Country: "+86"}, "country"},
		{Habits{Country: "210", AreaCode: "0301", StripPrefixes: []string{"9", "+"}}, "country area_code strip_prefixes"},
		{Habits{AreaCode: "05711"}, "area_code"},
		{Habits{AreaCode: "0"}, "area_code"},
		{Habits{StripPrefixes: []string{""}}, "strip_prefixes"},
		{Habits{StripPrefixes: []string{"9a"}}, "strip_prefixes"},
	}
	for _, tt := range tests {
		var keys []string
		if err := tt.habits.Validate(); err != nil {
			for line := range strings.Lines(err.Error()) {
				key, _, _ := strings.Cut(line, ":")
				keys = append(keys, key)
			}
		}
		if got := strings.Join(keys, " "); got != tt.want {
			t.Errorf("%+v.Validate() complains of %q, want %q", tt.habits, got, tt.want)
		}
	}
}

func TestNeverReject(t *testing.T) {
	tests := []struct {
		raw  string
		want bool
	}{
		{"110", true},
		{"112", true},
		{"119", true},
		{"120", true},
		{"122", true},
		{"96110", true},
		{"12110", true},
		{"12345", true},
		{"12381", true},
		{"02596110", true},
		{"025-96110", true},
		{"+8696110", true},
		{"0086 96110", true},
		{"096110", true},
		{"02112345", true},
		{"<sip:110@10.0.0.1>", true},
		{"0096110", false},
		{"+0096110", false},
		{"+96110", false},
		{"+85296110", false},
		{"0085296110", false},
		{"+0086 96110", false},
		{"+86 0096110", false},
		{"00086 96110", false},
		{"+1 96110", false},
		{"961101", false},
		{"9611012", false},
		{"19611000000", false},
		{"96110a", false},
		{"*96110", false},
		{"8696110", false},
		{"tel:96110;phone-context=+852", false},
		{"tel:110;phone-context=+00", false},
		{"10086", false},
		{"12315", false},
		{"1100", false},
		{"1101234567", false},
		{"95588", false},
		{"113", false},
	}
	for _, tt := range tests {
		t.Run(tt.raw, func(t *testing.T) {
			n, _ := Normalize(tt.raw, "86")
			if got := n.NeverReject(); got != tt.want {
				t.Errorf("Normalize(%q) = %+v, NeverReject() = %v, want %v", tt.raw, n, got, tt.want)
			}
		})
	}
	for _, class := range []Class{ClassExtension, ClassLocal, ClassInternational, Class95, ClassInvalid} {
		if n := (Number{"86", "110", class}); n.NeverReject() {
			t.Errorf("%+v.NeverReject() = true, want false", n)
		}
	}
}

func TestNumberForms(t *testing.T) {
	tests := []struct {
		n                     Number
		national, masked, key string
	}{
		{Number{"86", "13041439112", ClassMobile}, "13041439112", "130****9112", "86:13041439112"},
		{Number{"86", "057188991122", ClassLandline}, "057188991122", "057****1122", "86:057188991122"},
		{Number{"86", "88886666", ClassLocal}, "88886666", "888****6666", "86:88886666"},
		{Number{"86", "6668888", ClassLocal}, "6668888", "****88", "86:6668888"},
		{Number{"86", "116114", ClassShort}, "116114", "****14", "86:116114"},
		{Number{"86", "95588", Class95}, "95588", "95588", "86:95588"},
		{Number{"", "1001", ClassExtension}, "1001", "1001", ":1001"},
		{Number{"852", "+85221234567", ClassInternational}, "21234567", "+852****4567", "852:21234567"},
		{Number{"247", "+2471234", ClassInternational}, "1234", "+****34", "247:1234"},
		{Number{"86", "8613041", ClassLocal}, "8613041", "****41", "86:8613041"},
		{Number{Class: ClassAnonymous}, "", "", ":"},
	}
	for _, tt := range tests {
		t.Run(tt.key, func(t *testing.T) {
			check := func(method, got, want string) {
				t.Helper()
				if got != want {
					t.Errorf("%+v.%s() = %q, want %q", tt.n, method, got, want)
				}
			}
			check("National", tt.n.National(), tt.national)
			check("Masked", tt.n.Masked(), tt.masked)
			check("Key", tt.n.Key(), tt.key)
			check("String", tt.n.String(), tt.n.Digits)
		})
	}
}

func TestNumberInLogIsMasked(t *testing.T) {
	var out bytes.Buffer
	log := zerolog.New(&out)
	log.Info().Object("from", Number{"86", "13041439112", ClassMobile}).Send()
	want := `{"level":"info","from":{"number":"130****9112","class":"mobile"}}` + "\n"
	if got := out.String(); got != want {
		t.Errorf("log line = %s, want %s", got, want)
	}
}
