package screening

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// TestNormalizeSpellingsAgree holds that every way to write a number with its
// country gives the number that it gives without.
func TestNormalizeSpellingsAgree(t *testing.T) {
	spellings := []string{"+86", "0086", "86", "sip:+86", "tel:+86-", "%2B86", "＋86 "}
	numbers := 0
	for _, v := range readVectors(t) {
		n := v.want
		forms := spellings
		switch n.Class {
		case ClassMobile, ClassMVNO, ClassLandline, Class400, Class800:
		case Class96, ClassShort, ClassEmergency:
			forms = []string{"+86", "0086"}
		case Class95:
			if len(n.Digits) > 8 {
				continue
			}
			forms = []string{"+86", "0086"}
		default:
			continue
		}
		numbers++
		digits := n.Digits
		if n.Class == ClassLandline {
			digits = digits[1:]
		}
		for _, f := range forms {
			raw := f + digits
			if strings.HasPrefix(f, "sip:") {
				raw += "@example.com"
			}
			if got, err := Normalize(raw, "86"); got != n || err != nil {
				t.Errorf("Normalize(%q) = %+v, %v; want %+v as for %q", raw, got, err, n, digits)
			}
		}
	}
	if numbers < 70 {
		t.Errorf("only %d vectors have spellings to compare", numbers)
	}
}

// TestNormalizeIdempotent holds that a screenable number in normal form is one.
func TestNormalizeIdempotent(t *testing.T) {
	for _, v := range readVectors(t) {
		if got, err := Normalize(v.want.Digits, "86"); v.screenable && (got != v.want || err != nil) {
			t.Errorf("Normalize(%q) = %+v, %v; want %+v", v.want.Digits, got, err, v.want)
		}
	}
}

// TestForeignStaysForeign tries every calling code with every ending that a
// Chinese number could have.
func TestForeignStaysForeign(t *testing.T) {
	endings := []string{"13041439112", "01088886666", "1088886666", "57188991122", "4006668888", "88886666", "96110", "110", "10086", "95588"}
	for code := range 1000 {
		cc := callingCode(itoa3(code))
		if cc == "" || cc == china {
			continue
		}
		for _, prefix := range []string{"+", "00"} {
			for _, e := range endings {
				if got, _ := Normalize(prefix+cc+e, "86"); got.Country == china {
					t.Errorf("Normalize(%q) = %+v, want none of China", prefix+cc+e, got)
				}
			}
		}
	}
}

func itoa3(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

func FuzzNormalize(f *testing.F) {
	for _, v := range readVectors(f) {
		f.Add(v.input, "86")
	}
	f.Add("030 1234567", "49")
	f.Add("tel:88886666-80;phone-context=+8610", "")
	f.Add("\"<\\\"\" <sip:%2B%38@x>", "852")
	f.Fuzz(func(t *testing.T, raw, country string) {
		n, err := Normalize(raw, country)
		if !errors.Is(err, errorOf(n.Class)) {
			t.Errorf("Normalize(%q, %q) = %+v with error %v, want %v", raw, country, n, err, errorOf(n.Class))
		}
		checkForm(t, n)
		_, _, _ = n.Masked(), n.Key(), n.NeverReject()
		if country != "" && country != china {
			if n.Country == china && !strings.Contains(foldedDigits(raw), china) {
				t.Errorf("Normalize(%q, %q) = %+v, made Chinese", raw, country, n)
			}
			return
		}
		checkDigits(t, raw, n)
		if again, err := Normalize(n.Digits, country); n.Screenable() && (again != n || err != nil) {
			t.Errorf("Normalize(%q) = %+v, %v; want %+v as from %q", n.Digits, again, err, n, raw)
		}
	})
}

// checkForm holds that the digits are digits and fit class and country.
func checkForm(t *testing.T, n Number) {
	t.Helper()
	digits, plus := strings.CutPrefix(n.Digits, "+")
	if strings.Trim(digits, "0123456789") != "" || len(digits) > 20 {
		t.Errorf("%+v is not in normal form", n)
	}
	if plus != (n.Class == ClassInternational) || plus && !strings.HasPrefix(digits, n.Country) {
		t.Errorf("%+v: + and class disagree", n)
	}
	if (digits == "") != (errorOf(n.Class) != nil) {
		t.Errorf("%+v: digits and class disagree", n)
	}
}

// checkDigits holds that the output is a run of the input's digits, with at
// most one 0 put in front. A phone-context moves digits and is left out.
func checkDigits(t *testing.T, raw string, n Number) {
	t.Helper()
	in := foldedDigits(raw)
	out := strings.TrimPrefix(n.Digits, "+")
	if strings.Contains(raw, ";") || strings.Contains(raw, "%") || !ascii(raw) {
		return
	}
	if !strings.Contains(in, out) && !(out[0] == '0' && strings.Contains(in, out[1:])) {
		t.Errorf("Normalize(%q) = %+v, whose digits are not in the input", raw, n)
	}
}

// foldedDigits returns the digits of s in order, decoded.
func foldedDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(unescape(s)))
}

func BenchmarkNormalize(b *testing.B) {
	for _, raw := range []string{
		"13041439112",
		"sip:+8613041439112@host",
		"<sip:+8613041439112;npdi;rn=+8613900000000@ims.chinamobile.com;user=phone>",
		"+86 571-8899 1122",
		"１３０４１４３９１１２",
		"anonymous",
	} {
		b.Run(raw, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Normalize(raw, "86")
			}
		})
	}
}
