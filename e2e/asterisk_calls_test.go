package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Calls from one Asterisk through callscreen to another one and its phone.
func TestAsterisk(t *testing.T) {
	l := telephony(t)
	calls := map[string]func(*testing.T, *telecom, *office){
		"labelled": labelledCallRings,
	}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			o := l.newCrossing(t, crossing{in: transport}, setting{more: "limits: {udp_bytes: 8000}\n"})
			t.Run("calls", func(t *testing.T) {
				for name, call := range calls {
					t.Run(name, func(t *testing.T) { call(t, l, o) })
				}
			})
		})
	}
}

// The phone shows the label in front of the caller's name; the number is the
// caller's; nobody but the office sees the label.
func labelledCallRings(t *testing.T, l *telecom, o *office) {
	c := l.newCall(t, o, sales)
	desk := l.phoneAt(t, l.pbx)
	leg := c.dial("proxy", "ACME", desk.number)
	rings := desk.await("CALL_INCOMING")
	if rings.Name != label+" ACME" || !strings.HasPrefix(rings.Peer, "sip:"+c.caller+"@") {
		t.Errorf("the phone shows %q %s, want %q and the number %s", rings.Name, rings.Peer, label+" ACME", c.caller)
	}
	incoming := c.pbx.incoming(c.caller)
	if incoming["Name"] != label+" ACME" {
		t.Errorf("the PBX understood %v", incoming)
	}
	desk.do("accept", "")
	leg.answered()
	desk.await("CALL_ESTABLISHED")
	leg.hangUp(16)
	desk.await("CALL_CLOSED")
	if end := c.pbx.told("Ended", incoming["Call-ID"]); end["Cause"] != "16" || end["By"] != end["Channel"] {
		t.Errorf("the PBX saw it end as %v, want cause 16 by the trunk", end)
	}
	invite := c.atPBX().received("INVITE ")
	for header, want := range map[string]string{
		"X-Call-Screen": "tag;rule=sales", "X-Spam-Class": "sales", "X-Spam-Count": "3475", "X-Spam-Source": "juhe",
	} {
		if got := invite.header(header); got != want {
			t.Errorf("%s: %s; want %s", header, got, want)
		}
	}
	if via := invite.headers("Via"); len(via) != 2 || !strings.HasPrefix(via[0], "SIP/2.0/"+strings.ToUpper(strings.Split(t.Name(), "/")[1])+" ") {
		t.Errorf("Via %q", via)
	}
	ok := c.atCarrier().received("SIP/2.0 200 ")
	if want := fmt.Sprintf(`"ACME" <sip:%s@carrier.example>`, c.caller); !strings.HasPrefix(ok.header("From"), want+";tag=") {
		t.Errorf("the carrier's 200 has From: %s; want %s", ok.header("From"), want)
	}
	c.unlabelled()
}
