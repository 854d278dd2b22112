package audit

import (
	"strings"
	"testing"

	"callscreen/screening"
)

var key = []byte("0123456789abcdef")

func TestNumbers(t *testing.T) {
	for _, tt := range []struct{ digits, masked string }{
		{"", ""},
		{"95588", "95588"},
		{"4001", "4001"},
		{"123456", "****56"},
		{"13041439112", "130****9112"},
		{"+85221234567", "+852****4567"},
	} {
		if got := (Privacy{}).Number(tt.digits); got != tt.masked {
			t.Errorf("masked %q is %q; want %q", tt.digits, got, tt.masked)
		}
		if got := (Privacy{Level: Full}).Number(tt.digits); got != tt.digits {
			t.Errorf("full %q is %q", tt.digits, got)
		}
		got := Privacy{Level: Hash, Key: key}.Number(tt.digits)
		if hashed := len(got) == 17 && got[0] == '#'; hashed != (tt.masked != tt.digits) || !hashed && got != tt.digits {
			t.Errorf("hashed %q is %q; want a hash where the mask hides something", tt.digits, got)
		}
	}
}

func TestHashesTellWhoIsTheSame(t *testing.T) {
	p, other := Privacy{Hash, key}, Privacy{Hash, []byte("fedcba9876543210")}
	a := p.Number("13041439112")
	if b := p.Number("13041439112"); a != b {
		t.Errorf("one number hashes to %s and %s", a, b)
	}
	if b := p.Number("13041439113"); a == b {
		t.Errorf("two numbers hash to %s", a)
	}
	if b := other.Number("13041439112"); a == b {
		t.Errorf("two keys hash to %s", a)
	}
}

func TestNumbersInTexts(t *testing.T) {
	p := Privacy{}
	for _, tt := range []struct{ in, want string }{
		{"", ""},
		{"Bob 12345", "Bob 12345"},
		{"Bob 1234567", "Bob ****67"},
		{"+8613041439112 call", "+861****9112 call"},
		{"130-4143 9112", "130****9112"},
		{"１３０４１４３９１１２号", "130****9112号"},
		{"1\x002\xff3 45", "1\x002\xff3 45"},
	} {
		if got := p.Text(tt.in); got != tt.want {
			t.Errorf("Text(%q) = %q; want %q", tt.in, got, tt.want)
		}
	}
	got := Privacy{Hash, key}.Text("call 130-4143 9112!")
	if want := "call " + Digest(key, "13041439112") + "!"; got != want {
		t.Errorf("hashed text is %q; want %q", got, want)
	}
	n := screening.Number{Digits: "13041439112"}
	if got, want := p.Own("13041439112 is listed since 2026-11-24", n), "130****9112 is listed since 2026-11-24"; got != want {
		t.Errorf("Own = %q; want %q", got, want)
	}
}

func TestHashedLines(t *testing.T) {
	l := open(t, Options{Writer: writeFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "13041439112") {
			t.Errorf("a hashed line shows the number: %s", p)
		}
		if want := Digest(key, "13041439112"); strings.Count(string(p), want) != 2 {
			t.Errorf("line %s; want %s as the caller and in the name", p, want)
		}
		return len(p), nil
	}), Numbers: Hash, Key: key})
	l.Record(example())
	shut(t, l)
}
