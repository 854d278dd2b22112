package audit

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                       "",
		"张三 <b>\"":               "张三 <b>\"",
		"\x1b[2J\x07":            `\u001b[2J\u0007`,
		"a\r\nb":                 `a\u000d\u000ab`,
		"\u202eevil\u2066":       `\u202eevil\u2066`,
		"\xff\xfe\xc3(":          "\uFFFD\uFFFD\uFFFD(",
		"\U000e0041":             `\U000e0041`,
		"\u0085\u2028\ufeff\x7f": `\u0085\u2028\ufeff\u007f`,
	} {
		if got := Visible(in); got != want {
			t.Errorf("Visible(%q) = %q; want %q", in, got, want)
		}
	}
	for _, s := range hostile {
		if got := Visible(s); !utf8.ValidString(got) || strings.IndexFunc(got, hidden) >= 0 {
			t.Errorf("Visible(%q) = %q", s, got)
		}
	}
}
