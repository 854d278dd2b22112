package e2e

import (
	"strconv"
	"strings"
	"testing"
)

// A callee that answers at once sends 180 and 200 back to back. Both arrive, and
// in this order, for every one of 300 calls.
func TestAnswersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	const calls, atOnce = 300, 30
	o := newOffice(t, setting{})
	arrived, inOrder := 0, 0
	for range calls / atOnce {
		open := map[string]*dialog{}
		for range atOnce {
			d := o.carrier.dial(cleanNumber)
			open[d.id] = d
			o.carrier.send(d.invite())
		}
		for range atOnce {
			invite := o.pbx.want("INVITE ")
			o.pbx.send(invite.answer("180 Ringing"), invite.answer("200 OK"))
		}
		heard := map[string]string{}
		for range 2 * atOnce {
			m := o.carrier.want("SIP/2.0 ")
			id := m.header("Call-ID")
			heard[id] += " " + strconv.Itoa(m.status())
			if m.status() == 200 {
				o.carrier.send(open[id].ack(m))
			}
		}
		for range atOnce {
			o.pbx.want("ACK ")
		}
		for _, h := range heard {
			arrived += len(strings.Fields(h)) / 2
			if h == " 180 200" {
				inOrder++
			}
		}
	}
	t.Logf("calls %d, 180 and 200 arrived %d, in order %d", calls, arrived, inOrder)
	if arrived != calls || inOrder != calls {
		t.Errorf("of %d calls both answers arrived for %d, in order for %d", calls, arrived, inOrder)
	}
}

// A caller who gives up at once: INVITE and CANCEL back to back. Each of 200
// callers gets 200 and 487, and no phone rings on.
func TestCancelRightBehindInvite(t *testing.T) {
	t.Parallel()
	const calls, atOnce = 200, 20
	o := newOffice(t, setting{})
	rung, cancelled := map[string]message{}, map[string]bool{}
	stop := o.pbx.serve(func(m message) []message {
		id := m.header("Call-ID")
		switch method, _, _ := strings.Cut(string(m), " "); method {
		case "INVITE":
			rung[id] = m
			return []message{m.answer("180 Ringing")}
		case "CANCEL":
			cancelled[id] = true
			return []message{m.answer("200 OK"), rung[id].answer("487 Request Terminated")}
		}
		return nil
	})
	oks, gones := 0, 0
	for i := range calls / atOnce {
		open := map[string]*dialog{}
		for range atOnce {
			d := o.carrier.dial(strconv.Itoa(13900000100 + i)) // one lookup in each round, for the first of them
			open[d.id] = d
			o.carrier.send(d.invite(), d.cancel())
		}
		for finals := 0; finals < 2*atOnce; {
			m := o.carrier.want("SIP/2.0 ")
			switch of := m.header("CSeq"); {
			case m.status() == 180:
				continue
			case m.status() == 200 && of == "1 CANCEL":
				oks++
			case m.status() == 487 && of == "1 INVITE":
				gones++
				o.carrier.send(open[m.header("Call-ID")].ack(m))
			default:
				t.Errorf("%d to %s", m.status(), of)
			}
			finals++
		}
	}
	stop()
	t.Logf("calls %d, 200 to CANCEL %d, 487 to INVITE %d, reached the PBX %d, cancelled there %d", calls, oks, gones, len(rung), len(cancelled))
	if oks != calls || gones != calls {
		t.Errorf("200 %d times and 487 %d times, want %d", oks, gones, calls)
	}
	for id := range rung {
		if !cancelled[id] {
			t.Errorf("call %s rings on", id)
		}
	}
}

// CANCEL and 200 cross: the caller gets the answer, and can end the call.
func TestCancelCrossesAnswer(t *testing.T) {
	t.Parallel()
	for name, number := range ringing {
		t.Run("answer first/"+name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{})
			d, invite := o.ring(number)
			o.pbx.send(invite.answer("200 OK"))
			o.carrier.send(d.cancel())
			o.endAfterCancel(d)
		})
		t.Run("CANCEL first/"+name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{})
			d, invite := o.ring(number)
			o.carrier.send(d.cancel())
			o.pbx.send(invite.answer("200 OK"))
			cancel := o.pbx.want("CANCEL ")
			belongs(t, cancel, invite)
			o.pbx.send(cancel.answer("200 OK"))
			o.endAfterCancel(d)
		})
	}
}

// endAfterCancel takes the caller's two 200, acknowledges the one of the INVITE
// and hangs up.
func (o *office) endAfterCancel(d *dialog) {
	o.t.Helper()
	got := map[string]message{}
	for range 2 {
		m := o.carrier.want("SIP/2.0 200 ")
		got[m.header("CSeq")] = m
	}
	ok := got["1 INVITE"]
	if ok == "" || got["1 CANCEL"] == "" {
		o.t.Fatalf("200 to %v, want one to the INVITE and one to the CANCEL", got)
	}
	o.carrier.send(d.ack(ok))
	o.pbx.want("ACK ")
	o.hangUp(d, o.pbx)
}
