package wire

import (
	"strings"
	"testing"
)

func TestKinds(t *testing.T) {
	for _, tt := range []struct {
		kind  Kind
		names string
	}{
		{CallID, "Call-ID call-id CALL-ID i I"},
		{Contact, "Contact CONTACT m M"},
		{ContentLength, "Content-Length cOnTeNt-LeNgTh l L"},
		{CSeq, "CSeq cseq CSEQ"},
		{From, "From from f F"},
		{Identity, "Identity y Y"},
		{MaxForwards, "Max-Forwards MaX-fOrWaRdS"},
		{PAssertedIdentity, "P-Asserted-Identity p-asserted-identity"},
		{PPreferredIdentity, "P-Preferred-Identity"},
		{Privacy, "Privacy privacy"},
		{ProxyRequire, "Proxy-Require"},
		{RecordRoute, "Record-Route record-route"},
		{RemotePartyID, "Remote-Party-ID remote-party-id"},
		{Route, "Route ROUTE"},
		{To, "To to TO t T"},
		{Via, "Via via VIA v V"},
		{Other, "x s k e C Subject Fro Froms C%6Fntact Call_ID Reason X-Call-Screen P-Asserted-Identitys P-Preferred-Identity1 " + strings.Repeat("x", 300)},
	} {
		for _, name := range strings.Fields(tt.names) {
			if got := kindOf([]byte(name)); got != tt.kind {
				t.Errorf("kindOf(%q) = %d, want %d", name, got, tt.kind)
			}
		}
	}
	if got := kindOf(nil); got != Other {
		t.Errorf("kindOf of nothing = %d, want Other", got)
	}
}

// Every kind is found in a message as strangers write it.
func TestHeadersAsTheyStand(t *testing.T) {
	text := `OPTIONS sip:a@b SIP/2.0
v :SIP/2.0/UDP h
	;branch=1
VIA:  SIP/2.0/UDP i
f:sip:a@b
T:	sip:c@d ` + `
i: 1
cSEQ: 1
 OPTIONS
Unknown:
  folded
	twice  ` + `
ROUTE:

`
	want := []struct {
		kind              Kind
		name, value, line string
	}{
		{Via, "v", "SIP/2.0/UDP h\n\t;branch=1", "v :SIP/2.0/UDP h\n\t;branch=1\n"},
		{Via, "VIA", "SIP/2.0/UDP i", "VIA:  SIP/2.0/UDP i\n"},
		{From, "f", "sip:a@b", "f:sip:a@b\n"},
		{To, "T", "sip:c@d", "T:\tsip:c@d \n"},
		{CallID, "i", "1", "i: 1\n"},
		{CSeq, "cSEQ", "1\n OPTIONS", "cSEQ: 1\n OPTIONS\n"},
		{Other, "Unknown", "folded\n\ttwice", "Unknown:\n  folded\n\ttwice  \n"},
		{Route, "ROUTE", "", "ROUTE:\n"},
	}
	var m Message
	if err := m.Scan(crlf(text)); err != nil || m.Flaw != FlawNone || len(m.Headers) != len(want) {
		t.Fatalf("Scan = %v, flaw %d, %d headers", err, m.Flaw, len(m.Headers))
	}
	for i, w := range want {
		h := m.Headers[i]
		if h.Kind != w.kind || string(h.Name.Of(m.Raw)) != w.name ||
			string(h.Value.Of(m.Raw)) != string(crlf(w.value)) || string(h.Line.Of(m.Raw)) != string(crlf(w.line)) {
			t.Errorf("header %d = %d %q %q %q, want %+v", i, h.Kind, h.Name.Of(m.Raw), h.Value.Of(m.Raw), h.Line.Of(m.Raw), w)
		}
	}
	if got := string(m.Value(Via)); got != "SIP/2.0/UDP h\r\n\t;branch=1" {
		t.Errorf("the first Via is %q", got)
	}
}

func TestEqualFold(t *testing.T) {
	for _, tt := range []struct {
		b, lower string
		want     bool
	}{
		{"", "", true},
		{"TaG", "tag", true},
		{"tags", "tag", false},
		{"ta", "tag", false},
		{"x-a[", "x-a{", false},
		{"X-A@", "x-a`", false},
		{"\xd4", "\xf4", false},
	} {
		if got := EqualFold([]byte(tt.b), tt.lower); got != tt.want {
			t.Errorf("EqualFold(%q, %q) = %v, want %v", tt.b, tt.lower, got, tt.want)
		}
	}
}
