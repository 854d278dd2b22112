package e2e

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// What strangers choose in a call: names for spreadsheets and terminals, and Call-IDs.
var hostile = []struct{ name, id string }{
	{"=cmd|'/C calc'!A0", "=1"},
	{"@SUM(1+1)", "+HYPERLINK(x)"},
	{"\\\x1b[2J\\\x07clear", "-2+3(cmd)"},
	{"a\u202Eb\u200f\u2028c\u0085", "%0d%0aX-Evil:"},
	{"\xff\xfe bad \xc3\x28", "~'`{}[]<>?/:\\\"_\"_"},
	{"{\\\"v\\\":1,\\\"event\\\":\\\"decision\\\"}", "<script>alert(1)</script>"},
	{strings.Repeat("长", 400), strings.Repeat("x", 900)},
	{"\\\r\\\nInjected: yes", "crlf"},
	{"\\\x00nul", "nul"},
}

// TestHostileCalls: whatever callers write, there is one record of each call that was
// screened, every line of it is one, and nothing in it is a formula to a spreadsheet or
// a command to a terminal.
func TestHostileCalls(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{})
	screened := map[string]bool{}
	for i, h := range hostile {
		d := o.carrier.dial(fmt.Sprint(13700000000 + i))
		d.id = h.id + "@" + d.id
		d.local = `"` + h.name + `" ` + d.local[strings.Index(d.local, "<"):]
		o.carrier.send(d.invite())
		invite, ok := o.pbx.next(5 * time.Second)
		if !ok { // it is no message by the grammar of SIP
			t.Logf("call %d did not come through", i)
			continue
		}
		screened[d.id] = true
		o.pbx.send(invite.answer("486 Busy Here"))
		o.carrier.send(d.ack(o.carrier.wantNext("SIP/2.0 486 ")))
		o.pbx.want("ACK ")
	}
	if len(screened) < 7 {
		t.Errorf("%d calls of %d were screened; want more to tell from", len(screened), len(hostile))
	}
	o.eventually("all calls in the database", func() bool { return len(o.stored()) >= len(screened) })
	search, err := o.command("audit", "search", "--limit", "100")
	if err != nil {
		t.Error(err)
	}
	export, err := o.command("audit", "export", "--format", "csv")
	if err != nil {
		t.Error(err)
	}
	o.stop()
	if n := len(o.record("record.jsonl")); n != len(screened) || len(o.stored()) != len(screened) {
		t.Errorf("%d lines and %d calls in the database of %d calls", n, len(o.stored()), len(screened))
	}
	for what, text := range map[string]string{"record.jsonl": o.read("record.jsonl"), "stderr": o.read("stderr"), "search": search, "export": export} {
		if i := strings.IndexFunc(text, commands); i >= 0 || !utf8.ValidString(text) {
			t.Errorf("%s holds what a terminal obeys, at %d: %q", what, i, text)
		}
	}
	inert(t, export, len(screened)+1)
}

// commands are characters that a terminal obeys, or that turn or hide text.
func commands(r rune) bool {
	return r != '\n' && r != '\r' && r != '\ufeff' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// inert checks that a spreadsheet computes nothing of a CSV file.
func inert(t *testing.T, text string, rows int) {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\ufeff"))).ReadAll()
	if err != nil || len(all) != rows {
		t.Errorf("export has %d rows, %v; want %d", len(all), err, rows)
	}
	for _, row := range all {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a spreadsheet computes %q", cell)
			}
		}
	}
}
