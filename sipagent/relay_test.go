package sipagent

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"callscreen/sipagent/wire"
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

// An answer that no context waits for goes on only if our branch proves that we
// sent its request there from where the Via below says.
func TestAnswersMustProveThemselves(t *testing.T) {
	r := newRig(t, allowed)
	request := func(id string) msg {
		r.carrier.send(r.carrier.newCall(id).request("MESSAGE", ""))
		return r.pbx.want("MESSAGE ")
	}
	one, two := request("one"), request("two")
	branchOf := func(m msg) string {
		_, b, _ := strings.Cut(m.header("Via"), "branch=")
		b, _, _ = strings.Cut(b, ";")
		return b
	}
	good := one.answer("200 OK")
	b := branchOf(one)
	flip := func(at int) string {
		raw := []byte(b)
		raw[at] ^= 1
		return strings.Replace(good, b, string(raw), 1)
	}
	forged := map[string]string{
		"token changed at its beginning": flip(len(b) - 16),
		"token changed at its end":       flip(len(b) - 2),
		"listener changed":               flip(len(cookie) + 1),
		"no such listener":               strings.Replace(good, b, b[:len(cookie)+1]+"z"+b[len(cookie)+2:], 1),
		"kind unknown":                   strings.Replace(good, b, b[:len(cookie)]+"x"+b[len(cookie)+1:], 1),
		"branch of another transaction":  strings.Replace(good, b, branchOf(two), 1),
		"branch too short":               strings.Replace(good, b, b[:len(b)-1], 1),
		"branch not base64":              strings.Replace(good, b, b[:len(b)-1]+"*", 1),
		"branch of somebody else":        strings.Replace(good, b, "z9hG4bK-d8754z-1", 1),
		"no branch":                      strings.Replace(good, ";branch="+b, "", 1),
		"another sent-by on top":         strings.Replace(good, r.pbx.proxy.String(), "127.0.0.1:1", 1),
		"another host below":             strings.Replace(good, "UDP "+r.carrier.addr.String(), "UDP 127.0.0.77:5060", 1),
		"a name below":                   strings.Replace(good, "UDP "+r.carrier.addr.String(), "UDP carrier.example.com", 1),
		"received added below":           strings.Replace(good, ";branch=z9hG4bKone", ";branch=z9hG4bKone;received=127.0.0.77", 1),
		"branch below changed":           strings.Replace(good, "z9hG4bKone", "z9hG4bKtwo", 1),
		"nothing below":                  strings.Replace(good, "Via: "+one.headers("Via")[1]+"\n", "", 1),
	}
	before := r.agent.Drops()["unproven"]
	for name, answer := range forged {
		if answer == good {
			t.Errorf("%s: nothing is forged", name)
		}
		r.pbx.send(answer)
		r.quiet()
		before++
		if got := r.agent.Drops()["unproven"]; got != before {
			t.Errorf("%s: dropped as unproven: %d, want %d", name, got, before)
			before = got
		}
	}
	r.pbx.send(good)
	r.carrier.want("SIP/2.0 200")
	if n := r.agent.Drops()["stranger"]; n != 0 {
		t.Errorf("%d dropped as stranger", n)
	}
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

// Requests of RFC 2543 have no branch, or one that is not unique.
func TestRequestsOfRFC2543(t *testing.T) {
	for _, branch := range []string{"", ";branch=1", ";branch=z9hG4bK"} {
		r := newRig(t, allowed)
		old := func(id string) *call {
			c := r.carrier.newCall(id)
			c.via = "SIP/2.0/UDP " + r.carrier.addr.String() + branch
			return c
		}
		c := old("first")
		inv := r.invite(c)
		r.carrier.send(c.request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
		r.pbx.send(inv.answer("180 Ringing"))
		r.carrier.want("SIP/2.0 180")
		other := old("second")
		otherInv := r.invite(other)
		if otherInv.header("Via") == inv.header("Via") {
			t.Errorf("two calls have the branch %q", inv.header("Via"))
		}
		r.cancel(c)
		r.pbx.send(r.pbx.want("CANCEL ").answer("200 OK"))
		r.pbx.send(inv.answer("487 Request Terminated"))
		r.pbx.want("ACK ")
		c.to = r.carrier.want("SIP/2.0 487").header("To")
		r.carrier.send(c.request("ACK", ""))
		r.quiet()

		r.pbx.send(otherInv.answer("200 OK"))
		other.established(r.carrier.want("SIP/2.0 200"), "sip:100@"+r.pbx.addr.String())
		r.carrier.send(other.request("ACK", ""))
		r.pbx.want("ACK ")
		var branches []string
		for range 2 {
			other.cseq++
			r.carrier.send(other.request("INFO", ""))
			info := r.pbx.want("INFO ")
			branches = append(branches, info.header("Via"))
			r.pbx.send(info.answer("200 OK"))
			r.carrier.want("SIP/2.0 200")
		}
		if branches[0] == branches[1] {
			t.Errorf("two requests have the branch %q", branches[0])
		}
		r.quiet()
	}
}

func TestBranchIsReadBack(t *testing.T) {
	want := branch{kind: kindRelay, in: 35, target: 9, loop: loopHash{1, 2, 3, 4, 5, 255}, token: token(bytes.Repeat([]byte{0xfe}, 12))}
	text := want.append(nil)
	if got, ok := readBranch(text); !ok || got != want {
		t.Errorf("readBranch(%q) = %+v, %v; want %+v", text, got, ok, want)
	}
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] = '*'
		if _, ok := readBranch(bad); ok {
			t.Errorf("readBranch(%q) is ok", bad)
		}
	}
}

// The token of a transaction must not depend on the method, and must depend on
// all that tells transactions apart.
func TestToken(t *testing.T) {
	read := func(text string) (*wire.Message, wire.ViaValue) {
		m := &wire.Message{}
		if err := m.Scan(sipBytes(text)); err != nil {
			t.Fatal(err)
		}
		v, _, _ := wire.ReadVia(m.Raw, m.First(wire.Via).Value)
		return m, v
	}
	base := "INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKx\nFrom: <sip:a@b>;tag=f\nTo: <sip:b@b>\nCall-ID: i\nCSeq: 1 INVITE\n\n"
	p := newProver([]byte("key"))
	token := func(text string, in byte, src string) token {
		m, v := read(text)
		return p.token(m, v, in, numeric([]byte(src), 0).Addr())
	}
	want := token(base, 0, "192.0.2.1")
	same := []string{
		strings.ReplaceAll(base, "INVITE", "CANCEL"),
		strings.ReplaceAll(base, "INVITE", "ACK"),
		strings.Replace(base, "To: <sip:b@b>", "To: <sip:b@b>;tag=t", 1),
		strings.Replace(base, "Via:", "v :", 1),
	}
	for _, text := range same {
		if token(text, 0, "192.0.2.1") != want {
			t.Errorf("another token for %q", text)
		}
	}
	other := []string{
		strings.Replace(base, "z9hG4bKx", "z9hG4bKy", 1),
		strings.Replace(base, ":5070", ":5071", 1),
		strings.Replace(base, ":5070", "", 1),
		strings.Replace(base, "UDP 192.0.2.1", "UDP 192.0.2.2", 1),
	}
	for _, text := range other {
		if token(text, 0, "192.0.2.1") == want {
			t.Errorf("the same token for %q", text)
		}
	}
	if token(base, 1, "192.0.2.1") == want || token(base, 0, "192.0.2.9") == want {
		t.Error("the same token by another listener or from another source")
	}
	old := strings.Replace(base, "z9hG4bKx", "x", 1)
	for _, text := range []string{
		strings.Replace(old, "Call-ID: i", "Call-ID: j", 1),
		strings.Replace(old, "tag=f", "tag=g", 1),
		strings.Replace(old, "CSeq: 1", "CSeq: 2", 1),
	} {
		if token(text, 0, "192.0.2.1") == token(old, 0, "192.0.2.1") {
			t.Errorf("RFC 2543: the same token for %q", text)
		}
	}
}
