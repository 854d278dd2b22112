package sipagent

import (
	"fmt"
	"strings"
	"testing"
)

// withBody puts a body behind a request.
func withBody(request, kind, body string) string {
	head, _ := strings.CutSuffix(request, "Content-Length: 0\n\n")
	return fmt.Sprintf("%sContent-Type: %s\nContent-Length: %d\n\n%s", head, kind, len(body), body)
}

const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"

var methods = []string{
	"BYE", "INVITE", "UPDATE", "INFO", "PRACK", "REFER", "MESSAGE", "NOTIFY", "SUBSCRIBE", "OPTIONS", "PUBLISH", "FOO",
}

// Every request of a dialog passes in both directions, is sent again when it
// comes again, by the same branch, and so do the answers to it.
func TestRequestsOfADialog(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("dialog")
	inv := r.talk(c)
	back := r.pbx.callee(inv)
	for _, side := range []struct {
		name     string
		c        *call
		from, to *phone
	}{{"caller", c, r.carrier, r.pbx}, {"callee", back, r.pbx, r.carrier}} {
		for i, method := range methods {
			side.c.cseq++
			sent := withBody(side.c.request(method, fmt.Sprint(side.name, i)), "application/sdp", sdp)
			side.from.send(sent)
			got := side.to.want(method + " " + side.c.uri + " SIP/2.0\r\n")
			via := got.headers("Via")
			if len(via) != 2 || via[1] != fmt.Sprint(side.c.via, side.name, i) {
				t.Errorf("%s of the %s: Via = %q", method, side.name, via)
			}
			if got.header("Max-Forwards") != "69" || len(got.headers("Route"))+len(got.headers("Record-Route")) != 0 {
				t.Errorf("%s of the %s: %q", method, side.name, got)
			}
			if !strings.HasSuffix(string(got), "\r\n\r\n"+sdp) {
				t.Errorf("%s of the %s lost its body: %q", method, side.name, got)
			}
			side.from.send(sent)
			if again := side.to.want(method); again != got {
				t.Errorf("%s again = %q, want %q", method, again, got)
			}
			for _, status := range []string{"100 Trying", "183 Session Progress", "200 OK", "200 OK", "488 Not Acceptable Here"} {
				side.to.send(got.answer(status))
				answer := side.from.want("SIP/2.0 " + status)
				if v := answer.headers("Via"); len(v) != 1 || v[0] != via[1] {
					t.Errorf("%s to %s: Via = %q, want %q", status, method, v, via[1])
				}
			}
		}
	}
	r.quiet()
	if n := len(r.agent.all()); n != 1 {
		t.Errorf("%d calls in the table, want the one", n)
	}
}

// The CANCEL of a re-INVITE and the ACK of its refusal take the way of the
// re-INVITE, by its branch: they belong to the same transaction at the callee.
func TestReInviteIsCancelled(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("hold")
	back := r.pbx.callee(r.talk(c))
	for _, side := range []struct {
		c        *call
		from, to *phone
	}{{c, r.carrier, r.pbx}, {back, r.pbx, r.carrier}} {
		side.c.cseq++
		side.from.send(side.c.request("INVITE", "hold"))
		re := side.to.want("INVITE ")
		for _, method := range []string{"CANCEL", "ACK"} {
			side.from.send(side.c.request(method, "hold"))
			got := side.to.want(method + " ")
			if got.header("Via") != re.header("Via") {
				t.Errorf("Via of the %s = %q, want the re-INVITE's %q", method, got.header("Via"), re.header("Via"))
			}
			if method == "CANCEL" {
				side.to.send(got.answer("200 OK"))
				if ok := side.from.want("SIP/2.0 200"); ok.header("CSeq") != got.header("CSeq") {
					t.Errorf("answer to the CANCEL: %q", ok)
				}
				side.to.send(re.answer("487 Request Terminated"))
				side.from.want("SIP/2.0 487")
			}
		}
	}
	r.quiet()
}

// What begins a dialog brings its later requests through us.
func TestRequestsOutsideADialog(t *testing.T) {
	r := newRig(t, allowed)
	record := map[string]int{"SUBSCRIBE": 2, "REFER": 2, "NOTIFY": 2}
	for i, method := range methods {
		if method == "INVITE" {
			continue
		}
		for _, way := range []struct{ from, to *phone }{{r.carrier, r.pbx}, {r.pbx, r.carrier}} {
			c := way.from.newCall(fmt.Sprint("outside-", i))
			way.from.send(c.request(method, ""))
			got := way.to.want(method + " " + c.uri)
			if n := len(got.headers("Record-Route")); n != record[method] {
				t.Errorf("%s has %d Record-Route, want %d", method, n, record[method])
			}
			way.to.send(got.answer("202 Accepted"))
			way.from.want("SIP/2.0 202")
		}
	}
	r.quiet()
}

func TestOptions(t *testing.T) {
	r := newRig(t, allowed)
	ask := func(uri, maxFwd string, routes ...string) *call {
		c := r.carrier.newCall(fmt.Sprint("options-", len(uri), maxFwd, len(routes)))
		c.uri, c.maxFwd, c.routes = uri, maxFwd, routes
		r.carrier.send(c.request("OPTIONS", ""))
		return c
	}
	us := r.carrier.proxy.String()
	for _, maxFwd := range []string{"70", "0", ""} {
		c := ask("sip:"+us, maxFwd)
		ok := r.carrier.want("SIP/2.0 200 OK")
		if ok.header("Call-ID") != c.id || !strings.Contains(ok.header("To"), ";tag=") {
			t.Errorf("answer = %q", ok)
		}
	}
	ask("sip:"+us+";transport=udp", "70", "<sip:"+us+";lr>")
	r.carrier.want("SIP/2.0 200 OK")

	ask("sip:100@pbx.example.com", "0") // it got this far: we say so (RFC 3261 section 16.3)
	r.carrier.want("SIP/2.0 200 OK")
	ask("sip:100@pbx.example.com", "1")
	if got := r.pbx.want("OPTIONS sip:100@pbx.example.com"); got.header("Max-Forwards") != "0" {
		t.Errorf("Max-Forwards = %q, want 0", got.header("Max-Forwards"))
	}
	ask("sip:pbx.example.com", "70", "<sip:"+us+";lr>")
	r.pbx.want("OPTIONS sip:pbx.example.com ")
	ask("sip:"+us, "70", "<sip:pbx.example.com;lr>")
	r.pbx.want("OPTIONS sip:" + us)
	r.quiet()
}

func TestRegisterIsRefused(t *testing.T) {
	r := newRig(t, allowed)
	r.carrier.send(r.carrier.newCall("register").request("REGISTER", ""))
	r.carrier.want("SIP/2.0 403 Forbidden")
	r.pbx.send(r.pbx.newCall("register").request("REGISTER", ""))
	r.pbx.want("SIP/2.0 403 Forbidden")
	r.quiet()
}

// There are PBXs that take a method for INVITE whatever its case.
func TestInviteInAnotherCase(t *testing.T) {
	r := newRig(t, refused)
	for i, method := range []string{"invite", "Invite", "INVITe"} {
		for _, tag := range []string{"", ";tag=x"} {
			c := r.carrier.newCall(fmt.Sprint("case-", i, tag))
			c.to += tag
			c.routes = []string{"<sip:" + r.carrier.proxy.String() + ";lr>"}
			r.carrier.send(c.request(method, ""))
			r.carrier.want("SIP/2.0 403 Forbidden")
		}
	}
	r.quiet()
}

func TestLongMessages(t *testing.T) {
	r := newRig(t, allowed, func(o *Options) { o.Limits.MessageBytes = 2000 })
	for _, size := range []int{2000, 2001, 5000} {
		c := r.carrier.newCall(fmt.Sprint("long-", size))
		empty := len(sipBytes(withBody(c.request("MESSAGE", ""), "text/plain", strings.Repeat("x", 1000)))) - 1000
		r.carrier.send(withBody(c.request("MESSAGE", ""), "text/plain", strings.Repeat("x", size-empty)))
	}
	if got := r.pbx.want("MESSAGE "); got.header("Call-ID") != "long-2000" {
		t.Errorf("received %q", got)
	}
	r.quiet()
	r.drops("too-long", 2)
}

func TestStrangersGetSilence(t *testing.T) {
	r := newRig(t, allowed)
	stranger := newPhoneAt(t, "127.0.0.66")
	stranger.proxy = r.carrier.proxy
	c := stranger.newCall("stranger")
	for _, m := range []string{c.request("INVITE", ""), c.request("OPTIONS", "x"), c.request("ACK", ""), "not SIP at all"} {
		stranger.send(m)
	}
	r.carrier.send(r.carrier.newCall("known").request("MESSAGE", ""))
	answer := r.pbx.want("MESSAGE ").answer("200 OK")
	stranger.send(answer) // a good answer, from the wrong place
	r.pbx.send(answer)
	r.carrier.want("SIP/2.0 200")
	r.quiet()
	r.drops("stranger", 5)
	stranger.silent(0)
}

func TestKeepAlives(t *testing.T) {
	r := newRig(t, allowed)
	for _, b := range []string{"\r\n\r\n", "\r\n", "\x00", "\x00\x00\x00\x00", ""} {
		if _, err := r.carrier.conn.WriteToUDPAddrPort([]byte(b), r.carrier.proxy); err != nil {
			t.Fatal(err)
		}
	}
	r.quiet()
	for reason, n := range r.agent.Drops() {
		if n != 0 {
			t.Errorf("%d dropped as %s, want none", n, reason)
		}
	}
}

// An answer of before the 100 of a set-up is dropped where its context is gone.
func TestHundredOfAForgottenCall(t *testing.T) {
	r := newRig(t, allowed)
	inv := r.invite(r.carrier.newCall("forgotten"))
	r.stop()
	r.start()
	r.pbx.send(inv.answer("100 Trying"))
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.drops("unproven", 1)
}
