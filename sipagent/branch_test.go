package sipagent

import (
	"bytes"
	"strings"
	"testing"

	"callscreen/sipagent/wire"
)

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

// A request loops only if nothing has changed that decides where it goes (RFC
// 5393 section 4.2).
func TestLoopHash(t *testing.T) {
	base := "INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\nRoute: <sip:r;lr>\n" +
		"From: <sip:a@b>;tag=f\nTo: <sip:b@b>\nCall-ID: i\nCSeq: 1 INVITE\n\n"
	hash := func(text string, in byte, trunk bool) loopHash {
		m := &wire.Message{}
		if err := m.Scan(sipBytes(text)); err != nil {
			t.Fatal(err)
		}
		return loopOf(m, in, trunk)
	}
	want := hash(base, 0, true)
	for _, same := range [][2]string{{"Via:", "v:"}, {"z9hG4bKx", "z9hG4bKy"}, {"<sip:b@b>", "<sip:b@b>;tag=t"}, {"\n\n", "\nSubject: x\n\n"}} {
		if hash(strings.Replace(base, same[0], same[1], 1), 0, true) != want {
			t.Errorf("%q for %q changes the hash", same[1], same[0])
		}
	}
	for _, other := range [][2]string{
		{"sip:a@b SIP", "sip:a@c SIP"}, {"<sip:r;lr>", "<sip:s;lr>"}, {"Route:", "X:"}, {"tag=f", "tag=g"}, {"Call-ID: i", "Call-ID: j"}, {"CSeq: 1", "CSeq: 2"},
	} {
		if hash(strings.Replace(base, other[0], other[1], 1), 0, true) == want {
			t.Errorf("%q for %q does not change the hash", other[1], other[0])
		}
	}
	if hash(base, 1, true) == want || hash(base, 0, false) == want {
		t.Error("the hash does not tell listeners or sides apart")
	}
}
