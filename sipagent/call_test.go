package sipagent

import (
	"strings"
	"testing"
)

func TestCallIsRelayed(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("relayed")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100 Trying")
	inv := r.pbx.want("INVITE sip:100@")
	if got := inv.header("From"); got != c.from {
		t.Errorf("From = %q, want %q", got, c.from)
	}
	if got := inv.header("X-Call-Screen"); got != "allow;rule=default" {
		t.Errorf("X-Call-Screen = %q", got)
	}
	if got := inv.header("Max-Forwards"); got != "69" {
		t.Errorf("Max-Forwards = %q, want 69", got)
	}
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.pbx.send(inv.answer("200 OK"))
	ok := r.carrier.want("SIP/2.0 200")
	if n := len(ok.headers("Via")); n != 1 {
		t.Errorf("200 has %d Via, want 1", n)
	}
	c.established(ok, "sip:100@"+r.pbx.addr.String())
	r.carrier.send(c.request("ACK", "ack"))
	ack := r.pbx.want("ACK ")
	if len(ack.headers("Route")) != 0 {
		t.Errorf("ACK still has Route: %q", ack)
	}
	c.cseq++
	r.carrier.send(c.request("BYE", "bye"))
	r.pbx.send(r.pbx.want("BYE ").answer("200 OK"))
	if bye := r.carrier.want("SIP/2.0 200"); bye.header("CSeq") != "2 BYE" {
		t.Errorf("answer to BYE: %q", bye)
	}
}

func TestCallIsLabelled(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("labelled")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	inv := r.pbx.want("INVITE ")
	if got, want := inv.header("From"), `"推销×3475 Zhang San" <sip:13041439112@`; !strings.HasPrefix(got, want) {
		t.Errorf("From = %q, want it to begin with %q", got, want)
	}
	r.pbx.send(inv.answer("180 Ringing"))
	if got := r.carrier.want("SIP/2.0 180").header("From"); got != c.from {
		t.Errorf("From of the 180 = %q, want the caller's own %q", got, c.from)
	}
	r.pbx.send(inv.answer("200 OK"))
	if got := r.carrier.want("SIP/2.0 200").header("From"); got != c.from {
		t.Errorf("From of the 200 = %q, want the caller's own %q", got, c.from)
	}
}

func TestCallIsRefused(t *testing.T) {
	r := newRig(t, refused)
	c := r.carrier.newCall("refused")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	no := r.carrier.want("SIP/2.0 603 Decline")
	c.to = no.header("To")
	r.carrier.send(c.request("ACK", ""))
	r.quiet()
}

func TestCallIsCancelled(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("cancelled")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	inv := r.pbx.want("INVITE ")
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 180")
	c.extra = []string{`Reason: SIP;cause=200;text="Call completed elsewhere"`}
	r.carrier.send(c.request("CANCEL", ""))
	if ok := r.carrier.want("SIP/2.0 200"); ok.header("CSeq") != "1 CANCEL" {
		t.Errorf("answer to CANCEL: %q", ok)
	}
	cancel := r.pbx.want("CANCEL ")
	for _, h := range []string{"From", "To", "Call-ID"} {
		if cancel.header(h) != inv.header(h) {
			t.Errorf("%s of CANCEL = %q, want the INVITE's %q", h, cancel.header(h), inv.header(h))
		}
	}
	if cancel.header("Via") != inv.header("Via") || len(cancel.headers("Via")) != 1 {
		t.Errorf("Via of CANCEL = %q, want the INVITE's %q alone", cancel.headers("Via"), inv.header("Via"))
	}
	if got := cancel.header("Reason"); !strings.Contains(got, "elsewhere") {
		t.Errorf("Reason of CANCEL = %q", got)
	}
	r.pbx.send(cancel.answer("200 OK"))
	r.pbx.send(inv.answer("487 Request Terminated"))
	gone := r.carrier.want("SIP/2.0 487")
	if gone.header("From") != c.from {
		t.Errorf("From of the 487 = %q, want %q", gone.header("From"), c.from)
	}
	ack := r.pbx.want("ACK ")
	if ack.header("From") != inv.header("From") || len(ack.headers("Via")) != 1 {
		t.Errorf("ACK = %q", ack)
	}
	c.to = gone.header("To")
	r.carrier.send(c.request("ACK", ""))
	r.quiet()
}

func TestTryingRepeatsTheTimestamp(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("timestamp")
	c.extra = []string{"timestamp:  54.21 "}
	r.carrier.send(c.request("INVITE", ""))
	got := r.carrier.want("SIP/2.0 100").headers("Timestamp")
	if len(got) != 1 || got[0] != "54.21 0.000" {
		t.Errorf("Timestamp of the 100 = %q", got)
	}
	c.id += "-without"
	c.extra = nil
	c.via += "-without"
	r.carrier.send(c.request("INVITE", ""))
	if got := r.carrier.want("SIP/2.0 100").headers("Timestamp"); len(got) != 0 {
		t.Errorf("Timestamp of the 100 = %q, want none", got)
	}
}

// An answer by the branch of a set-up goes nowhere if it is to neither INVITE nor
// CANCEL, or if nobody is left to send it to.
func TestAnswersToNobody(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("nobody")
	inv := r.invite(c)
	ringing := inv.answer("180 Ringing")
	r.pbx.send(strings.Replace(ringing, "CSeq: 1 INVITE", "CSeq: 1 INFO", 1))
	r.pbx.send(strings.Replace(ringing, "Via: "+c.via+"\n", "", 1))
	r.quiet()
	r.drops("unproven", 2)
	r.pbx.send(ringing)
	r.carrier.want("SIP/2.0 180")
}

func TestGarbage(t *testing.T) {
	r := newRig(t, allowed)
	for _, garbage := range []string{"\x16\x03\x01\x02", "GET / HTTP/1.1\r\n\r\n", "INVITE sip:a@b SIP/2.0\r\n"} {
		r.carrier.send(garbage)
	}
	r.quiet()
	r.drops("not-sip", 3)
}
