package screening

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestPattern(t *testing.T) {
	tests := []struct {
		entry, digits string
		want          bool
	}{
		{"0571*", "057156264805", true},
		{"0571*", "0571", true},
		{"0571*", "057", false},
		{"0571*", "0572562648", false},
		{"_95XXXXX.", "95204657", true},
		{"_95XXXXX.", "9520465", false},
		{"_95XXXXX!", "9520465", true},
		{"_95XXXXX!", "952046", false},
		{"_95XXXXX", "9520465", true},
		{"_95XXXXX", "95204657", false},
		{"_Z", "1", true},
		{"_Z", "0", false},
		{"_n", "2", true},
		{"_N", "1", false},
		{"_1[3-57]X!", "13", false},
		{"_1[3-57]X!", "130", true},
		{"_1[3-57]X!", "1501", true},
		{"_1[3-57]X!", "160", false},
		{"_1[3-57]X!", "170", true},
		{"_+852X.", "+85221234567", true},
		{"_+852X.", "85221234567", false},
		{"_X.", "+8522", false},
		{"_X!", "", false},
		{"1380013XXXX", "13800131234", true},
		{"1380013XXXX", "138001312345", false},
		{"1380013XXXX", "1380013123", false},
		{"+86 138-0013-xxxx", "13800131234", true},
		{"86138 0013 XXXX", "13800131234", true},
		{"0138 0013 XXXX", "13800131234", true},
		{"17951 138 0013 XXXX", "13800131234", true},
		{"(0571) 8877 XXXX", "057188771234", true},
		{"571 8877XXXX", "057188771234", true},
		{"0571-8877XXXX", "57188771234", false},
		{"00852 2123 XXXX", "+85221231234", true},
		{"95XXX", "95588", true},
		{"95XXX", "95204657", false},
		{"1XXXXXXXXXX", "13041439112", true},
		{"1XXXXXXXXXX", "057188771234", false},
		{"8XXX", "8001", true},
		{"XXXX", "8001", true},
		{"400XXXXXXX", "4006668888", true},
	}
	for _, tt := range tests {
		var s numberSet
		if err := s.add(tt.entry, false, 0); err != nil {
			t.Errorf("add(%q): %v", tt.entry, err)
		}
		if _, got := s.find(tt.digits, 0); got != tt.want {
			t.Errorf("%q holds %q: %v; want %v", tt.entry, tt.digits, got, tt.want)
		}
	}
}

// Of several entries the one that says most about the number answers for it, and
// of two for the same number the one that lasts.
func TestFindIsSpecific(t *testing.T) {
	l, err := NewList([]Entry{
		{Number: "13*", Note: "prefix"},
		{Number: "_1X.", Note: "pattern"},
		{Number: "_130X.", Note: "longer"},
		{Number: "_[12]304143911X", Note: "set"},
		{Number: "1304143911X", Note: "wildcard", Expires: began},
		{Number: "13041439112", Note: "old", Expires: began.Add(time.Hour)},
		{Number: "130 4143 9112", Note: "number", Expires: began.Add(2 * time.Hour)},
		{Number: "+8613041439112", Note: "oldest", Expires: began},
		{Number: "10086", Expires: began},
		{Number: "010086", Note: "for ever"},
		{Number: "10086", Note: "again", Expires: began.Add(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		digits string
		after  time.Duration
		want   string
	}{
		{"13041439112", 0, "number"},
		{"13041439112", 2*time.Hour - time.Second, "number"},
		{"13041439112", 2 * time.Hour, "longer"},
		{"13041439113", -time.Second, "wildcard"},
		{"13041439113", 0, "longer"},
		{"13041439120", 0, "longer"},
		{"13141439120", 0, "prefix"},
		{"13", 0, "prefix"},
		{"145", 0, "pattern"},
		{"14", 0, ""},
		{"1", 0, ""},
		{"23041439119", 0, "set"},
		{"10086", 0, "for ever"},
		{"10086", time.Hour, "for ever"},
	}
	for _, tt := range tests {
		e, ok := l.Find(Number{Digits: tt.digits}, began.Add(tt.after))
		if e.Note != tt.want || ok != (tt.want != "") {
			t.Errorf("Find(%s) after %v = %+v, %v; want %q", tt.digits, tt.after, e, ok, tt.want)
		}
	}
}

// A list of anything finds what reading its entries one by one finds.
func TestFindAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digit := rapid.SampledFrom([]rune("0123"))
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("0123XZN")), 1, 6, -1)
		entry := rapid.OneOf(
			rapid.Map(pattern, func(s string) string { return "_1" + s }),
			rapid.Map(pattern, func(s string) string { return "_1" + s + "." }),
			rapid.Map(pattern, func(s string) string { return "_1" + s + "!" }),
			rapid.Map(rapid.StringOfN(digit, 1, 5, -1), func(s string) string { return "1" + s + "*" }),
			rapid.Map(rapid.StringOfN(digit, 2, 4, -1), func(s string) string { return "2" + s }),
		)
		var entries []naiveEntry
		var s numberSet
		for i, text := range rapid.SliceOfN(entry, 0, 12).Draw(t, "list") {
			until := rapid.SampledFrom([]string{"", "2026-11-24", "2026-11-25"}).Draw(t, "until")
			s.until = append(s.until, map[string]int64{"": 0, "2026-11-24": 100, "2026-11-25": 200}[until])
			entries = append(entries, naiveEntry{text, until})
			if err := s.add(text, false, int32(i)); err != nil {
				t.Fatalf("add(%q): %v", text, err)
			}
		}
		for range 20 {
			digits := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "first") + rapid.StringOfN(digit, 0, 8, -1).Draw(t, "digits")
			at := rapid.SampledFrom([]int64{99, 100, 199, 200}).Draw(t, "at")
			want := map[int]bool{}
			for i, e := range entries {
				if (s.until[i] == 0 || at < s.until[i]) && naiveMatch(e.number, digits) {
					want[i] = true
				}
			}
			// Which of several answers is another test's matter.
			if i, ok := s.find(digits, at); ok != (len(want) > 0) || ok && !want[i] {
				t.Fatalf("find(%s) at %d = %d, %v; want one of %v\n%+v", digits, at, i, ok, want, entries)
			}
		}
	})
}

// Patterns that begin alike do not make a number cost more than its length.
func TestManyPatternsAreNoScan(t *testing.T) {
	var s numberSet
	for i := range 20_000 {
		if err := s.add(fmt.Sprintf("_138%05dXXX", i), false, int32(i)); err != nil {
			t.Fatal(err)
		}
	}
	visits := func(digits string) (n int) {
		var walk func(at int32, digits string)
		walk = func(at int32, digits string) {
			for _, e := range s.nodes[at].edges {
				n++
				if digits != "" && e.set&placeOf(digits[0]) != 0 {
					walk(e.to, digits[1:])
				}
			}
		}
		walk(0, digits)
		return n
	}
	for _, digits := range []string{"13800012345", "13819999999", "13899999999"} {
		if n := visits(digits); n > 10*len(digits) {
			t.Errorf("%s is compared with %d places; want at most ten a digit", digits, n)
		}
	}
}

func FuzzNumberSet(f *testing.F) {
	for _, text := range []string{"+86 130-4143-911X", "_95XXXXX.", "0571*", "_[1-57]X!", "XxX", "010-88886666-8001", "_+852.", "*", "_"} {
		f.Add(text, "13041439112")
	}
	f.Fuzz(func(t *testing.T, text, digits string) {
		for _, called := range []bool{false, true} {
			var s numberSet
			err := s.add(text, called, 0)
			if found, ok := s.find(digits, 0); err != nil && ok || found != 0 {
				t.Errorf("%q: add = %v, find(%q) = %d, %v", text, err, digits, found, ok)
			}
			if err == nil && len(s.exact) == 0 && len(s.nodes) == 0 {
				t.Errorf("add(%q) took it and added nothing", text)
			}
			if err != nil && !strings.Contains(err.Error(), ": ") {
				t.Errorf("error of %q does not say what to write: %v", text, err)
			}
		}
	})
}
