package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// invite is a message without a flaw; tests change one line of it.
const invite = `INVITE sip:057156264805@192.0.2.1:5080;user=phone SIP/2.0
Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds;rport
Max-Forwards: 70
From: "Zhang San" <sip:13041439112@203.0.113.10>;tag=1928301774
To: <sip:057156264805@192.0.2.1>
Call-ID: a84b4c76e66710@203.0.113.10
CSeq: 314159 INVITE
Contact: <sip:13041439112@203.0.113.10:5060>
X-Strange:
Content-Type: application/sdp
Content-Length: 4

v=0
`

const ringing = `SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1
Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds
From: <sip:13041439112@203.0.113.10>;tag=1928301774
To: <sip:057156264805@192.0.2.1>;tag=a6c85cf
Call-ID: a84b4c76e66710@203.0.113.10
CSeq: 314159 INVITE
Content-Length: 0

`

// crlf gives a message its line breaks.
func crlf(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

// with returns a message with a piece of it replaced.
func with(t *testing.T, text, old, replacement string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q stands %d times in the message", old, strings.Count(text, old))
	}
	return strings.Replace(text, old, replacement, 1)
}

func TestScanRequest(t *testing.T) {
	var m Message
	raw := crlf(invite)
	if err := m.Scan(raw); err != nil || m.Flaw != FlawNone {
		t.Fatalf("Scan = %v, flaw %d", err, m.Flaw)
	}
	if !m.IsRequest() || !m.Is("INVITE") || m.Is("invite") || m.Answers("INVITE") {
		t.Errorf("request %v, INVITE %v, invite %v, answer to INVITE %v", m.IsRequest(), m.Is("INVITE"), m.Is("invite"), m.Answers("INVITE"))
	}
	for _, tt := range []struct{ what, got, want string }{
		{"Method", string(m.Method.Of(m.Raw)), "INVITE"},
		{"URI", string(m.URI.Of(m.Raw)), "sip:057156264805@192.0.2.1:5080;user=phone"},
		{"CSeq", fmt.Sprint(m.CSeq), "314159"},
		{"CSeqMethod", string(m.CSeqMethod.Of(m.Raw)), "INVITE"},
		{"FromTag", string(m.FromTag.Of(m.Raw)), "1928301774"},
		{"ToTag", string(m.ToTag.Of(m.Raw)), ""},
		{"To", string(m.Value(To)), "<sip:057156264805@192.0.2.1>"},
		{"body", string(m.Raw[m.Body:]), "v=0\r"},
		{"a header without a value", string(m.Headers[7].Line.Of(m.Raw)), "X-Strange:\r\n"},
		{"Route", fmt.Sprint(m.First(Route), m.Value(Route) == nil), "<nil> true"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s = %q, want %q", tt.what, tt.got, tt.want)
		}
	}
}

func TestScanAnswer(t *testing.T) {
	var m Message
	if err := m.Scan(crlf(ringing)); err != nil || m.Flaw != FlawNone {
		t.Fatalf("Scan = %v, flaw %d", err, m.Flaw)
	}
	if m.IsRequest() || m.Status != 180 || !m.Answers("INVITE") || m.Answers("BYE") || m.Is("INVITE") {
		t.Errorf("request %v, status %d, answers INVITE %v, BYE %v", m.IsRequest(), m.Status, m.Answers("INVITE"), m.Answers("BYE"))
	}
	if got := string(m.ToTag.Of(m.Raw)); got != "a6c85cf" {
		t.Errorf("ToTag = %q, want a6c85cf", got)
	}
}

// A Message is used for one datagram after the other.
func TestScanForgetsTheMessageBefore(t *testing.T) {
	var m Message
	if err := m.Scan(crlf(with(t, invite, "CSeq: 314159 INVITE", "CSeq: nothing"))); err != nil || m.Flaw != FlawCSeq {
		t.Fatalf("Scan = %v, flaw %d", err, m.Flaw)
	}
	if err := m.Scan(crlf(ringing)); err != nil || m.Flaw != FlawNone {
		t.Fatalf("Scan = %v, flaw %d", err, m.Flaw)
	}
	if m.First(MaxForwards) != nil || !m.Method.Empty() || len(m.Headers) != 7 {
		t.Errorf("of the message before stayed: Max-Forwards %v, method %v, %d headers", m.First(MaxForwards), m.Method, len(m.Headers))
	}
}

func TestClone(t *testing.T) {
	var m Message
	raw := crlf(invite)
	if err := m.Scan(raw); err != nil {
		t.Fatal(err)
	}
	c := m.Clone()
	clear(raw)
	if err := m.Scan(crlf(ringing)); err != nil {
		t.Fatal(err)
	}
	if got := string(c.Raw); got != strings.TrimSuffix(string(crlf(invite)), "\n") {
		t.Errorf("the copy is %q", got)
	}
	if got := string(c.Value(CallID)); got != "a84b4c76e66710@203.0.113.10" || c.First(Via) != &c.Headers[0] {
		t.Errorf("Call-ID of the copy = %q", got)
	}
}

func TestFlaws(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		want           Flaw
	}{
		{"nothing is wrong", "Max-Forwards: 70", "Max-Forwards: 70", FlawNone},
		{"no Request-URI", "INVITE sip:057156264805@192.0.2.1:5080;user=phone SIP/2.0", "INVITE  SIP/2.0", FlawStartLine},
		{"no version", ";user=phone SIP/2.0", ";user=phone", FlawStartLine},
		{"a blank behind the version", "SIP/2.0\nVia", "SIP/2.0 \nVia", FlawStartLine},
		{"two blanks before the Request-URI", "INVITE sip", "INVITE  sip", FlawStartLine},
		{"a blank in the Request-URI", ";user=phone", "; user=phone", FlawStartLine},
		{"a tab in the Request-URI", ";user=phone", ";\tuser=phone", FlawStartLine},
		{"a Request-URI in brackets", "sip:057156264805@192.0.2.1:5080;user=phone", "<sip:057156264805@192.0.2.1:5080>", FlawStartLine},
		{"the version in lower case", "SIP/2.0\nVia", "sip/2.0\nVia", FlawNone},
		{"another version", "SIP/2.0\nVia", "SIP/7.0\nVia", FlawVersion},
		{"another version, and flaws besides", "SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds;rport\nMax-Forwards: 70", "SIP/3.0\nVia: SIP/3.0/UDP h\nno colon\nMax-Forwards: x", FlawVersion},
		{"another version, and no Via", "SIP/2.0\nVia: SIP/2.0/UDP", "SIP/3.0\nX: SIP/3.0/UDP", FlawMissing},
		{"a line without a colon", "X-Strange:", "X-Strange", FlawHeaderLine},
		{"a line that is a colon", "X-Strange:", ":", FlawHeaderLine},
		{"a blank in a name", "X-Strange:", "X Strange:", FlawHeaderLine},
		{"a control character in a name", "X-Strange:", "X-Strange\v:", FlawHeaderLine},
		{"blanks before the colon", "X-Strange:", "X-Strange \t:", FlawNone},
		{"a fold before the colon", "X-Strange:", "X-Strange\n :", FlawHeaderLine},
		{"a fold that looks like a header", "X-Strange:", "X-Strange\n Via: x", FlawHeaderLine},
		{"a fold right behind the start line", "SIP/2.0\nVia", "SIP/2.0\n Via", FlawMissing},
		{"no Via", "Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds;rport\n", "", FlawMissing},
		{"no From", "From:", "X-From:", FlawMissing},
		{"no To", "To:", "X-To:", FlawMissing},
		{"no Call-ID", "Call-ID:", "X-Call-ID:", FlawMissing},
		{"no CSeq", "CSeq:", "X-CSeq:", FlawMissing},
		{"an empty Call-ID", "a84b4c76e66710@203.0.113.10", " ", FlawMissing},
		{"neither a colon nor a Via", "Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds;rport", "Via", FlawMissing},
		{"two Call-ID", "X-Strange:", "Call-ID: a84b4c76e66710@203.0.113.10", FlawRepeated},
		{"two From, one compact", "X-Strange:", "f: <sip:13041439112@203.0.113.10>;tag=1928301774", FlawRepeated},
		{"two To", "X-Strange:", "TO: <sip:057156264805@192.0.2.1>", FlawRepeated},
		{"two CSeq", "X-Strange:", "CSeq: 314159 INVITE", FlawRepeated},
		{"two Max-Forwards", "X-Strange:", "Max-Forwards: 70", FlawRepeated},
		{"two Content-Length that agree", "X-Strange:", "l: 4", FlawRepeated},
		{"two Contact", "X-Strange:", "m: <sip:1@2>", FlawNone},
		{"CSeq of another method", "314159 INVITE", "314159 OPTIONS", FlawCSeq},
		{"CSeq in another case", "314159 INVITE", "314159 invite", FlawCSeq},
		{"CSeq without a method", "314159 INVITE", "314159", FlawCSeq},
		{"CSeq without a number", "314159 INVITE", "INVITE", FlawCSeq},
		{"CSeq without a blank", "314159 INVITE", "314159INVITE", FlawCSeq},
		{"CSeq with more behind it", "314159 INVITE", "314159 INVITE x", FlawCSeq},
		{"CSeq of 2^32-1", "314159 INVITE", "4294967295 INVITE", FlawNone},
		{"CSeq of 2^32", "314159 INVITE", "4294967296 INVITE", FlawCSeq},
		{"CSeq of 2^64+1", "314159 INVITE", "18446744073709551617 INVITE", FlawCSeq},
		{"CSeq with zeros in front, folded", "314159 INVITE", "000000000314159\n\t INVITE", FlawNone},
		{"Content-Length of nothing", "Content-Length: 4", "Content-Length:", FlawContentLength},
		{"Content-Length below zero", "Content-Length: 4", "Content-Length: -4", FlawContentLength},
		{"Content-Length of more than there is", "Content-Length: 4", "Content-Length: 6", FlawContentLength},
		{"Content-Length of all there is", "Content-Length: 4", "Content-Length: 5", FlawNone},
		{"Content-Length of 2^32+4", "Content-Length: 4", "Content-Length: 4294967300", FlawContentLength},
		{"Content-Length of words", "Content-Length: 4", "Content-Length: 4, 4", FlawContentLength},
		{"no Content-Length", "Content-Length: 4\n", "", FlawNone},
		{"Max-Forwards of nothing", "Max-Forwards: 70", "Max-Forwards:", FlawMaxForwards},
		{"Max-Forwards below zero", "Max-Forwards: 70", "Max-Forwards: -1", FlawMaxForwards},
		{"Max-Forwards of words", "Max-Forwards: 70", "Max-Forwards: seventy", FlawMaxForwards},
		{"Max-Forwards with zeros in front", "Max-Forwards: 70", "Max-Forwards: 0068", FlawNone},
		{"no Max-Forwards", "Max-Forwards: 70\n", "", FlawNone},
		{"a quote in From that does not end", `"Zhang San"`, `"Zhang San`, FlawAddress},
		{"a bracket in To that does not end", "To: <sip:057156264805@192.0.2.1>", "To: <sip:057156264805@192.0.2.1", FlawAddress},
		{"a To of any scheme", "To: <sip:057156264805@192.0.2.1>", "To: isbn:2983792873", FlawNone},
		{"a Via without a host", "203.0.113.10:5060;branch", ";branch", FlawVia},
		{"a Via without a transport", "SIP/2.0/UDP", "SIP/2.0/", FlawVia},
		{"a Via that cannot be read, and a flaw besides", "SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK776asdhds;rport\nMax-Forwards: 70", "UDP\nMax-Forwards: x", FlawVia},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			err := m.Scan(crlf(with(t, invite, tt.old, tt.new)))
			if err != nil || m.Flaw != tt.want {
				t.Errorf("Scan with %q = %v, flaw %d; want flaw %d", tt.new, err, m.Flaw, tt.want)
			}
		})
	}
}

func TestAnswerable(t *testing.T) {
	for f := FlawNone; f <= FlawMissing; f++ {
		want := f != FlawVia && f != FlawMissing
		if f.Answerable() != want {
			t.Errorf("Flaw(%d).Answerable() = %v, want %v", f, f.Answerable(), want)
		}
	}
}

// What only matters in a request is no flaw of an answer.
func TestFlawsOfAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		want           Flaw
	}{
		{"Max-Forwards of words", "Content-Length: 0", "Max-Forwards: x\nContent-Length: 0", FlawNone},
		{"CSeq of any method", "314159 INVITE", "314159 RE%47IST%45R", FlawNone},
		{"CSeq without a method", "314159 INVITE", "314159 ", FlawCSeq},
		{"no To", "To:", "X:", FlawMissing},
		{"the second Via is for the next hop", "SIP/2.0/UDP 203.0.113.10:5060", "x", FlawNone},
		{"a quote in From that does not end", "From: <sip", "From: \"<sip", FlawNone},
		{"a To without a URI", "To: <sip:057156264805@192.0.2.1>", "To: \"\"", FlawAddress},
		{"no reason", "180 Ringing", "180 ", FlawNone},
		{"no blank behind the status", "180 Ringing", "180", FlawNone},
		{"a reason in any bytes", "Ringing", "\xd5\xf1\xc1\xe5 = 2**3", FlawNone},
		{"the version in lower case", "SIP/2.0 180", "sip/2.0 180", FlawNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			err := m.Scan(crlf(with(t, ringing, tt.old, tt.new)))
			if err != nil || m.Flaw != tt.want {
				t.Errorf("Scan with %q = %v, flaw %d; want flaw %d", tt.new, err, m.Flaw, tt.want)
			}
		})
	}
}

func TestNotSIP(t *testing.T) {
	inv, ring := string(crlf(invite)), string(crlf(ringing))
	head, _, _ := strings.Cut(inv, "\r\n\r\n")
	for _, tt := range []struct{ name, raw string }{
		{"nothing", ""},
		{"line breaks", "\r\n\r\n\r\n"},
		{"no end of the headers", head + "\r\n"},
		{"no line break at all", strings.ReplaceAll(head, "\r\n", " ")},
		{"bare line feeds", invite},
		{"a line feed in a header", with(t, inv, "X-Strange:", "X-Strange: a\nVia: b")},
		{"a carriage return in a header", with(t, inv, "X-Strange:", "X-Strange: a\rVia: b")},
		{"a carriage return before a line break", with(t, inv, "X-Strange:", "X-Strange: a\r")},
		{"a carriage return before the end", with(t, inv, "\r\n\r\n", "\r\r\n\r\n")},
		{"a line feed in the last header", with(t, inv, "Length: 4", "Length: 4\nX: ")},
		{"a line feed in the start line", with(t, inv, "INVITE sip", "INVITE\nsip")},
		{"a NUL", with(t, inv, "Zhang San", "Zhang\x00San")},
		{"a NUL behind a backslash that is escaped itself", with(t, inv, "Zhang San", "Zhang\\\\\x00San")},
		{"a NUL at the beginning of a line", with(t, inv, "X-Strange", "\x00X-Strange")},
		{"HTTP", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"one word", "INVITE\r\n\r\n"},
		{"no method", with(t, inv, "INVITE sip", " sip")},
		{"a method that is no token", with(t, inv, "INVITE sip", "INV/TE sip")},
		{"a method with a tab", with(t, inv, "INVITE sip", "INVITE\tsip")},
		{"a version without SIP", with(t, inv, "SIP/2.0\r\nVia", "HTTP/1.1\r\nVia")},
		{"a version of nothing but SIP", with(t, inv, "SIP/2.0\r\nVia", "SIP/\r\nVia")},
		{"an answer of another version", with(t, ring, "SIP/2.0 180", "SIP/7.0 180")},
		{"a status of two digits", with(t, ring, "180 Ringing", "18 Ringing")},
		{"a status of four digits", with(t, ring, "180 Ringing", "1800 Ringing")},
		{"a status of words", with(t, ring, "180 Ringing", "OK OK")},
		{"a status below 100", with(t, ring, "180 Ringing", "099 Ringing")},
		{"a status above 699", with(t, ring, "180 Ringing", "700 Ringing")},
		{"no status", with(t, ring, "SIP/2.0 180 Ringing", "SIP/2.0 ")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var m Message
			if err := m.Scan([]byte(tt.raw)); !errors.Is(err, ErrNotSIP) {
				t.Errorf("Scan(%q) = %v, want ErrNotSIP", tt.raw, err)
			}
		})
	}
}

// A NUL is legal behind a backslash, and anywhere in a body.
func TestNULsThatAreSIP(t *testing.T) {
	for _, raw := range []string{
		with(t, invite, "Zhang San", "NUL:\\\x00"),
		with(t, invite, "v=0", "\x00=\r"),
		with(t, invite, "Zhang San", "\\\\\\\x00"),
	} {
		var m Message
		if err := m.Scan(crlf(raw)); err != nil || m.Flaw != FlawNone {
			t.Errorf("Scan(%q) = %v, flaw %d; want a message", raw, err, m.Flaw)
		}
	}
}

func TestLimits(t *testing.T) {
	uri := func(n int) string { // makes a start line of n bytes
		return "INVITE sip:" + strings.Repeat("1", n-len("INVITE sip: SIP/2.0")) + " SIP/2.0"
	}
	start, _, _ := strings.Cut(invite, "\n")
	var m Message
	if err := m.Scan(crlf(invite)); err != nil {
		t.Fatal(err)
	}
	headers := len(m.Headers)
	for _, tt := range []struct {
		name, raw string
		ok        bool
	}{
		{"start line", with(t, invite, start, uri(MaxStartLine)), true},
		{"start line", with(t, invite, start, uri(MaxStartLine+1)), false},
		{"semicolons", with(t, invite, ";user=phone", strings.Repeat(";", MaxSemicolons)), true},
		{"semicolons", with(t, invite, ";user=phone", strings.Repeat(";", MaxSemicolons+1)), false},
		{"headers", with(t, invite, "X-Strange:", strings.Repeat("X:\n", MaxHeaders-headers)+"X:"), true},
		{"headers", with(t, invite, "X-Strange:", strings.Repeat("X:\n", MaxHeaders-headers+1)+"X:"), false},
		{"bytes", invite + strings.Repeat("x", maxMessage-len(crlf(invite))), true},
		{"bytes", invite + strings.Repeat("x", maxMessage-len(crlf(invite))+1), false},
	} {
		if err := m.Scan(crlf(tt.raw)); (err == nil) != tt.ok {
			t.Errorf("Scan at the limit of %s = %v, want ok %v", tt.name, err, tt.ok)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, tt := range []struct {
		text string
		want uint32
		ok   bool
	}{
		{"0", 0, true},
		{"0068", 68, true},
		{"00000000000000000070", 70, true},
		{"4294967295", 1<<32 - 1, true},
		{"4294967296", 0, false},
		{"18446744073709551616", 0, false},
		{"", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1 ", 0, false},
		{"1a", 0, false},
		{"１", 0, false},
	} {
		if n, ok := Number([]byte(tt.text)); ok != tt.ok || ok && n != tt.want {
			t.Errorf("Number(%q) = %d, %v; want %d, %v", tt.text, n, ok, tt.want, tt.ok)
		}
	}
}
