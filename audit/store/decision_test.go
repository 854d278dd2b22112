package store

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"callscreen/audit"
	"callscreen/screening"
)

var (
	full = audit.Privacy{Level: audit.Full}
	key  = []byte("0123456789abcdef")
)

var shanghai = time.FixedZone("CST", 8*3600)

// fill sets everything in v: texts by text, and numbers that differ.
func fill(v reflect.Value, n *int, text func(n int) string) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(text(*n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n, text)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 24, 9, 30, 5, 123_456_000+*n, shanghai)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n, text)
		}
	case reflect.Interface:
		v.Set(reflect.ValueOf(failure("timeout")))
	default:
		panic(fmt.Sprintf("screening holds a %v: encodeDecision has to learn how to keep it", v.Type()))
	}
}

func filled(text func(n int) string) screening.Decision {
	var d screening.Decision
	n := 0
	fill(reflect.ValueOf(&d).Elem(), &n, text)
	return d
}

// Replay needs nothing besides the record: whatever a decision holds comes back.
func TestDecisionsComeBack(t *testing.T) {
	partly := screening.Decision{Number: screening.Number{Class: screening.ClassAnonymous}, Mode: screening.Enforce}
	for _, d := range []screening.Decision{{}, partly, filled(func(n int) string { return fmt.Sprintf("“text” <%d>\n\x00\\", n) })} {
		text := encodeDecision(&d, full)
		got, err := decodeDecision(text)
		if err != nil {
			t.Fatalf("decoding %s: %v", text, err)
		}
		if diff := cmp.Diff(d, got, cmpopts.EquateErrors()); diff != "" {
			t.Errorf("came back otherwise (-want +got):\n%s", diff)
		}
		if got, want := screening.FailureReason(got.Failed), screening.FailureReason(d.Failed); got != want {
			t.Errorf("reason %q; want %q", got, want)
		}
	}
}

func TestWhatIsNoDecisionIsAnError(t *testing.T) {
	for _, text := range []string{"", "{", `{"Age":"x"}`, "[]"} {
		if d, err := decodeDecision(text); err == nil {
			t.Errorf("decodeDecision(%q) = %+v; want an error", text, d)
		}
	}
}

// A number is hidden wherever it stands, but in what names the call and in the
// called number.
func TestDecisionsHideNumbers(t *testing.T) {
	d := filled(func(int) string { return "13041439112" })
	kept := map[string]bool{"Call.ID": true, "Call.To": true, "Call.Trunk": true, "Call.Header": true, "Called": true, "Policy": true, "Source": true}
	for _, p := range []audit.Privacy{{Level: audit.Mask}, {Level: audit.Hash, Key: key}} {
		text := encodeDecision(&d, p)
		var parts map[string]any
		if err := json.Unmarshal([]byte(text), &parts); err != nil {
			t.Fatal(err)
		}
		for name, part := range parts {
			fields, nested := part.(map[string]any)
			if !nested {
				fields = map[string]any{"": part}
			}
			for field, value := range fields {
				path := strings.TrimSuffix(name+"."+field, ".")
				shown := strings.Contains(fmt.Sprint(value), "13041439112")
				if want := kept[path] || kept[name]; shown && !want {
					t.Errorf("%s: %s shows the number: %v", p.Level, path, value)
				}
			}
		}
		if want := p.Number("13041439112"); !strings.Contains(text, want) {
			t.Errorf("%s: nothing in %s tells callers apart; want %s", p.Level, text, want)
		}
	}
	d.Verdict.Why, d.Number.Digits = "13041439112 is listed since 2026-11-24", "13041439112"
	got, err := decodeDecision(encodeDecision(&d, audit.Privacy{}))
	if want := "130****9112 is listed since 2026-11-24"; err != nil || got.Verdict.Why != want {
		t.Errorf("reason %q, %v; want %q", got.Verdict.Why, err, want)
	}
}

// A caller has one hash, in the column that is searched and in the decision.
func TestOneHashForACaller(t *testing.T) {
	for _, digits := range []string{"13041439112", "+85221234567", "95588"} {
		p := audit.Privacy{Level: audit.Hash, Key: key}
		r := newRow(&screening.Decision{Number: screening.Number{Digits: digits}}, p)
		got, err := decodeDecision(r.Decision)
		if want := p.Number(digits); err != nil || got.Number.Digits != want || r.Number != want {
			t.Errorf("%s: column %s, decision %s, %v; want %s", digits, r.Number, got.Number.Digits, err, want)
		}
	}
}

func TestLongTextsAreCut(t *testing.T) {
	d := screening.Decision{Call: screening.Call{Name: strings.Repeat("长", 10_000), ID: strings.Repeat("i", 10_000)}}
	text := encodeDecision(&d, full)
	if len(text) > 1200 {
		t.Errorf("a decision takes %d bytes", len(text))
	}
	got, err := decodeDecision(text)
	if err != nil || got.Call.Name != strings.Repeat("长", 170) {
		t.Errorf("name %q, %v; want 170 characters of it", got.Call.Name, err)
	}
}

func BenchmarkNewRow(b *testing.B) {
	d := example(0)
	b.ReportAllocs()
	for b.Loop() {
		newRow(&d, full)
	}
}

// Whatever strangers write, a decision is read back, and what is read back is written
// as it was.
func FuzzDecision(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, s string, mask bool) {
		p := full
		if mask {
			p = audit.Privacy{}
		}
		d := filled(func(int) string { return s })
		text := encodeDecision(&d, p)
		again, err := decodeDecision(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := encodeDecision(&again, full); got != text {
			t.Errorf("%q came back as %q", text, got)
		}
		if r := newRow(&d, p); !utf8.ValidString(r.Call+r.Number+r.Words+r.Decision) || strings.Contains(r.Call+r.Number+r.Words+r.Decision, "\x00") {
			t.Errorf("row %+v is not for every database", r)
		}
	})
}
