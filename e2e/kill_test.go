package e2e

import (
	"strings"
	"testing"
)

// callers that ring: nothing of what a label changed may be lost in a restart.
var ringing = map[string]string{"clean": cleanNumber, "labelled": labelledNumber}

// Killed while a call stands: whoever hangs up first, the call ends as it should.
func TestKilledBetweenAnswerAndBye(t *testing.T) {
	t.Parallel()
	for name, number := range ringing {
		t.Run("before the ACK, the caller hangs up/"+name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{})
			d, invite := o.ring(number)
			o.pbx.send(invite.answer("200 OK"))
			ok := o.carrier.want("SIP/2.0 200 ")
			o.restart()
			o.carrier.send(d.ack(ok))
			o.pbx.want("ACK ")
			o.hangUp(d, o.pbx)
		})
		t.Run("after the ACK, the callee hangs up/"+name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{})
			d, invite := o.ring(number)
			answer := invite.answer("200 OK")
			o.pbx.send(answer)
			o.carrier.send(d.ack(o.carrier.want("SIP/2.0 200 ")))
			o.pbx.want("ACK ")
			o.restart()
			o.hangUp(o.pbx.called(invite, answer), o.carrier)
			o.record("record.jsonl") // whatever the kill cut off, each line is one
		})
	}
}

// Killed while a call rings: the answer arrives all the same, and the call stands.
func TestKilledBetweenRingingAndAnswer(t *testing.T) {
	t.Parallel()
	for name, number := range ringing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{})
			d, invite := o.ring(number)
			o.restart()
			o.pbx.send(invite.answer("200 OK"))
			ok := o.carrier.want("SIP/2.0 200 ")
			if got := ok.header("Call-ID"); got != d.id {
				t.Errorf("200 of call %s, want %s", got, d.id)
			}
			o.carrier.send(d.ack(ok))
			if ack := o.pbx.want("ACK "); ack.header("To") != ok.header("To") {
				t.Errorf("ACK with To %q, want %q", ack.header("To"), ok.header("To"))
			}
			o.hangUp(d, o.pbx)
		})
	}
}

// Killed while a call rings and the caller gives up: the phone stops ringing.
func TestKilledBetweenRingingAndCancel(t *testing.T) {
	t.Parallel()
	for name, number := range ringing {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{})
			d, invite := o.ring(number)
			o.restart()
			o.carrier.send(d.cancel())
			cancel := o.pbx.want("CANCEL ")
			belongs(t, cancel, invite)
			o.pbx.send(cancel.answer("200 OK"), invite.answer("487 Request Terminated"))
			if ok := o.carrier.want("SIP/2.0 200 "); ok.header("CSeq") != "1 CANCEL" {
				t.Errorf("200 of %q, want that of the CANCEL", ok.header("CSeq"))
			}
			gone := o.carrier.want("SIP/2.0 487 ")
			if gone.header("CSeq") != "1 INVITE" || gone.header("Call-ID") != d.id {
				t.Errorf("487 of %q, call %s; want that of the INVITE of %s", gone.header("CSeq"), gone.header("Call-ID"), d.id)
			}
			o.carrier.send(d.ack(gone))
			belongs(t, o.pbx.want("ACK "), invite)
		})
	}
}

// belongs checks what makes a callee see that a CANCEL or an ACK is of its
// INVITE's transaction (RFC 3261 sections 9.2 and 17.2.3).
func belongs(t *testing.T, got, invite message) {
	t.Helper()
	for _, name := range []string{"Via", "Call-ID"} {
		want := invite.header(name)
		forgotten, _, _ := strings.Cut(want, ";cs=") // with the label goes what is sealed to undo it
		if has := got.header(name); has != want && has != forgotten {
			t.Errorf("%s %q, want that of the INVITE, %q", name, got.header(name), want)
		}
	}
	if got.uri() != invite.uri() {
		t.Errorf("Request-URI %q, want that of the INVITE, %q", got.uri(), invite.uri())
	}
}
