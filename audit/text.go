package audit

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Visible returns a stranger's text for a terminal, a table or a file of other
// programs: one line of UTF-8, with control characters, and those that hide or turn
// text, as \u escapes.
func Visible(s string) string {
	if visible(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s { // what is no UTF-8 comes as U+FFFD
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func visible(s string) bool { return utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0 }

func hidden(r rune) bool { return r < ' ' || r == 0x7f || invisible(r) }
