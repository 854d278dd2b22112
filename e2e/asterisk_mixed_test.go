package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Calls between transports and address families that differ, from a phone of the
// carrier's to one of the office's: set-up with PRACK, hold by either, BYE of
// either. The carrier never sees the label, and every answer has the From and To
// of its request; also where every tenth datagram is lost, and where callscreen
// is killed in the middle of the call.
func TestMixedTransports(t *testing.T) {
	l := telephony(t)
	for _, c := range []crossing{
		{in: "tcp", on: "udp"},
		{in: "udp", on: "tls"},
		{in: "udp", on: "udp", ipv6: true},
	} {
		for _, lossy := range []bool{false, true} {
			c := c
			c.lossy = lossy
			t.Run(c.String(), func(t *testing.T) {
				t.Parallel()
				o := l.newCrossing(t, c, setting{more: "limits: {udp_bytes: 8000}\n"})
				t.Run("caller hangs up", func(t *testing.T) { l.newTalk(t, o).talk(true, false) })
				t.Run("callee hangs up", func(t *testing.T) { l.newTalk(t, o).talk(false, false) })
				t.Run("killed, caller hangs up", func(t *testing.T) { l.newTalk(t, o).talk(true, true) })
				t.Run("killed, callee hangs up", func(t *testing.T) { l.newTalk(t, o).talk(false, true) })
				if lost := o.outside.losses() + o.inside.losses(); c.lossy != (lost > 0) {
					t.Errorf("%d datagrams were lost", lost)
				} else {
					t.Logf("%d datagrams were lost", lost)
				}
			})
		}
	}
}

// talk is a labelled call from a phone of the carrier's to one of the office's.
type talk struct {
	*lineCall
	caller, desk *softphone
}

func (l *telecom) newTalk(t *testing.T, o *office) *talk {
	t.Helper()
	return &talk{l.newCall(t, o, sales), l.phoneAt(t, l.carrier), l.phoneAt(t, l.pbx)}
}

// talk makes the call and ends it.
func (k *talk) talk(callerHangsUp, killed bool) {
	k.Helper()
	k.setUp()
	if killed {
		k.restart()
	}
	k.holds(k.caller, k.outside, k.inside)
	if killed {
		k.restart()
	}
	k.holds(k.desk, k.inside, k.outside)
	first, other, from, to := k.caller, k.desk, k.outside, k.inside
	if !callerHangsUp {
		first, other, from, to = other, first, to, from
	}
	first.do("hangup", "")
	other.await("CALL_CLOSED")
	k.passed("BYE ", 1, from, to)
	k.unlabelled(k.from())
	k.once()
}

// setUp lets the caller's phone ring the other one, whose ringing is
// acknowledged, and lets that one answer.
func (k *talk) setUp() {
	k.Helper()
	k.carrier.do("Setvar", "Variable: CALLER"+k.caller.number, fmt.Sprintf(`Value: "ACME" <%s>`, k.lineCall.caller))
	k.carrier.do("Setvar", "Variable: WAY"+k.caller.number, "Value: PJSIP/proxy-prack/sip:"+k.desk.number+"@"+k.forCarrier)
	k.caller.do("dial", "sip:"+k.desk.number+"@"+k.tel.carrier.addr.String())
	if rings := k.desk.await("CALL_INCOMING"); rings.Name != label+" ACME" {
		k.Errorf("the phone shows %q, want %q", rings.Name, label+" ACME")
	}
	k.passed("PRACK ", 1, k.outside, k.inside)
	k.desk.do("accept", "")
	k.desk.await("CALL_ESTABLISHED")
	k.caller.await("CALL_ESTABLISHED")
	k.passed("INVITE ", 1, k.outside, k.inside)
}

// holds lets a phone hold the call and take it back: two re-INVITEs.
func (k *talk) holds(p *softphone, from, to *wire) {
	k.Helper()
	before := len(k.accepted("INVITE ", from, to))
	for i, step := range []struct{ command, direction string }{{"hold", "sendonly"}, {"resume", "sendrecv"}} {
		p.do(step.command, "")
		if got := string(k.passed("INVITE ", before+i+1, from, to)); !strings.Contains(got, "\r\na="+step.direction+"\r\n") {
			k.Errorf("%s came as %s", step.command, got)
		}
	}
}

// passed waits until so many requests of a kind have been accepted, and returns
// the last one as it came to the other side.
func (k *talk) passed(start string, n int, from, to *wire) (last message) {
	k.Helper()
	k.eventually(fmt.Sprint(n, " ", start, " and their answers"), func() bool {
		all := k.accepted(start, from, to)
		if len(all) == n {
			last = all[n-1]
		}
		return len(all) == n
	})
	return last
}

// accepted returns the requests of a kind that one side has sent and got a 200
// for, as they came to the other side. An INVITE counts with its ACK.
func (k *talk) accepted(start string, from, to *wire) (all []message) {
	sent, came := from.trace(k.lineCall.caller), to.trace(k.lineCall.caller)
	seen := map[string]bool{}
	for _, m := range came.all(false, start) {
		cseq := m.header("CSeq")
		if seen[cseq] || answerTo(sent.all(false, "SIP/2.0 "), cseq) != 200 {
			continue
		}
		ack := strings.Replace(cseq, "INVITE", "ACK", 1)
		if start != "INVITE " || slices.ContainsFunc(came.all(false, "ACK "), func(m message) bool { return m.header("CSeq") == ack }) {
			seen[cseq] = true
			all = append(all, m)
		}
	}
	return all
}

// once checks that no request has come to either side as two.
func (k *talk) once() {
	k.Helper()
	for side, w := range map[string]*wire{"carrier": k.outside, "PBX": k.inside} {
		branches := map[string]string{}
		for _, m := range w.trace(k.lineCall.caller) {
			id := m.header("CSeq")
			if b := branches[id]; m.sent || m.status() != 0 || b == m.branch() {
				continue
			} else if b != "" {
				k.Errorf("%s came to the %s twice, as %s and %s", id, side, b, m.branch())
			}
			branches[id] = m.branch()
		}
	}
}
