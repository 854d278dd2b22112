package wire

import (
	"strings"
	"testing"
)

func TestFindCallID(t *testing.T) {
	for value, want := range map[string]string{
		" a@b ":        "a@b",
		"\ta@b\r\n ":   "a@b",
		"\r\n a@b":     "a@b",
		"\f":           "\f",
		" a\u0085":     "a\u0085",
		"":             "",
		"a\r\n\tb\t\t": "a\r\n\tb",
	} {
		for _, name := range []string{"Call-ID", "cAll-iD", "i", "I \t"} {
			raw := strings.Replace(string(crlf(invite)), "Call-ID:", "Contact: <sip:a>\r\n"+name+":"+value+"\r\nX-Was:", 1)
			var m Message
			if err := m.Scan([]byte(raw)); err != nil {
				t.Fatal(err)
			}
			if got := FindCallID([]byte(raw)); string(got) != want || string(m.Value(CallID)) != want {
				t.Errorf("%q: FindCallID = %q, Scan finds %q, want %q", name+":"+value, got, m.Value(CallID), want)
			}
		}
	}
}
