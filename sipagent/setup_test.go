package sipagent

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

func TestProvisionalAnswersPass(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("provisional")
	inv := r.invite(c)
	for _, status := range []string{"100 Trying", "180 Ringing", "100 Trying", "183 Session Progress", "199 Early Dialog Terminated", "180 Ringing"} {
		r.pbx.send(inv.answer(status, "X-Odd:  kept  "))
		if strings.HasPrefix(status, "100") {
			continue // swallowed: the next answer is the next to come
		}
		got := r.carrier.want("SIP/2.0 " + status)
		if got.header("From") != c.from || !strings.HasSuffix(got.header("To"), ";tag=callee") {
			t.Errorf("%s: From = %q, To = %q", status, got.header("From"), got.header("To"))
		}
		if !strings.Contains(string(got), "\r\nX-Odd:  kept  \r\n") {
			t.Errorf("%s lost its header: %q", status, got)
		}
		if via := got.headers("Via"); len(via) != 1 || via[0] != c.via {
			t.Errorf("%s: Via = %q, want the caller's own %q", status, via, c.via)
		}
	}
	r.quiet()
}

// A final answer passes with the caller's own From, and the callee gets its ACK
// at once, again for each retransmission; the caller's ACK ends here.
func TestRefusalOfTheCalleePasses(t *testing.T) {
	r := newRig(t, labelled)
	for _, status := range []string{
		"302 Moved Temporarily", "401 Unauthorized", "404 Not Found", "486 Busy Here", "488 Not Acceptable Here", "500 Server Internal Error", "603 Decline",
	} {
		c := r.carrier.newCall("final-" + status[:3])
		inv := r.invite(c)
		no := inv.answer(status, "Contact: <sip:200@192.0.2.7>", `WWW-Authenticate: Digest realm="x"`)
		r.pbx.send(no)
		ack := r.pbx.want("ACK " + strings.Fields(string(inv))[1] + " SIP/2.0")
		got := r.carrier.want("SIP/2.0 " + status)
		if got.header("From") != c.from || got.header("Contact") == "" || got.header("WWW-Authenticate") == "" {
			t.Errorf("%s arrives as %q", status, got)
		}
		checkFollows(t, ack, inv, "ACK", inv.header("To")+";tag=callee")
		for range 2 {
			r.pbx.send(no)
			if again := r.pbx.want("ACK "); again != ack {
				t.Errorf("%s: ACK of the retransmission = %q, want %q", status, again, ack)
			}
		}
		again := c.request("INVITE", "")
		c.to = got.header("To")
		r.carrier.send(c.request("ACK", ""))
		r.carrier.send(again) // acknowledged: nothing is said any more
		r.quiet()
	}
}

// checkFollows checks what RFC 3261 sections 9.1 and 17.1.1.3 want the ACK of a
// refusal and the CANCEL to have in common with the INVITE as it was sent.
func checkFollows(t *testing.T, got, inv msg, method, to string) {
	t.Helper()
	for _, h := range []string{"From", "Call-ID", "Route"} {
		if strings.Join(got.headers(h), "|") != strings.Join(inv.headers(h), "|") {
			t.Errorf("%s of the %s = %q, want the INVITE's %q", h, method, got.headers(h), inv.headers(h))
		}
	}
	if v := got.headers("Via"); len(v) != 1 || v[0] != inv.header("Via") {
		t.Errorf("Via of the %s = %q, want the INVITE's topmost alone, %q", method, v, inv.header("Via"))
	}
	if got.header("To") != to {
		t.Errorf("To of the %s = %q, want %q", method, got.header("To"), to)
	}
	if want := strings.TrimSuffix(inv.header("CSeq"), "INVITE") + method; got.header("CSeq") != want {
		t.Errorf("CSeq of the %s = %q, want %q", method, got.header("CSeq"), want)
	}
	if want := strings.Replace(strings.SplitN(string(inv), "\r\n", 2)[0], "INVITE", method, 1); !strings.HasPrefix(string(got), want+"\r\n") {
		t.Errorf("%s begins with another start line than %q: %q", method, want, got)
	}
	if got.header("Max-Forwards") == "" || got.header("Content-Length") != "0" {
		t.Errorf("%s lacks Max-Forwards or Content-Length: %q", method, got)
	}
}

func TestTwoHundredsPass(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("fork")
	inv := r.invite(c)
	first := inv.answer("200 OK")
	second := strings.ReplaceAll(first, "tag=callee", "tag=fork")
	for i, ok := range []string{first, first, second, first, second} {
		r.pbx.send(ok)
		got := r.carrier.want("SIP/2.0 200 OK")
		want := "tag=callee"
		if ok == second {
			want = "tag=fork"
		}
		if !strings.HasSuffix(got.header("To"), want) || got.header("From") != c.from || len(got.headers("Via")) != 1 {
			t.Errorf("200 number %d arrives as %q", i, got)
		}
	}
	r.carrier.send(c.request("INVITE", "")) // accepted: absorbed
	r.pbx.send(inv.answer("180 Ringing"))   // too late
	r.pbx.send(inv.answer("486 Busy Here"))
	r.quiet()
}

func TestRefusalOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, refused)
		c := r.carrier.newCall("refused")
		start := time.Now()
		r.carrier.send(c.request("INVITE", ""))
		r.carrier.want("SIP/2.0 100 Trying")
		no := r.carrier.want("SIP/2.0 603 Decline")
		for _, at := range []float64{0.5, 1.5, 3.5, 7.5} {
			if again := r.carrier.want("SIP/2.0 603"); again != no || time.Since(start) != seconds(at) {
				t.Errorf("%q after %v, want the same 603 after %vs", again, time.Since(start), at)
			}
		}
		r.carrier.send(c.request("INVITE", ""))
		if again := r.carrier.want("SIP/2.0 603"); again != no {
			t.Errorf("retransmitted INVITE gets %q, want %q", again, no)
		}
		c.to = no.header("To")
		r.carrier.send(c.request("ACK", ""))
		r.carrier.send(c.request("ACK", ""))
		r.carrier.silent(time.Minute)
		r.pbx.silent(0)
		r.forgotten()
	})
}

func TestRefusalIsNeverAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, refused)
		start := time.Now()
		r.carrier.send(r.carrier.newCall("deaf").request("INVITE", ""))
		r.carrier.want("SIP/2.0 100 Trying")
		n := 0
		for _, ok := r.carrier.next(10 * time.Second); ok; _, ok = r.carrier.next(10 * time.Second) {
			n++
		}
		if n != 11 { // at once, and by timer G until H
			t.Errorf("%d refusals, want 11", n)
		}
		if last := time.Since(start) - 10*time.Second; last != seconds(31.5) {
			t.Errorf("last refusal after %v, want 31.5s", last)
		}
		r.forgotten()
	})
}

// forgotten checks that no call is left in the table, and no timer runs.
func (r *rig) forgotten() {
	r.t.Helper()
	for _, s := range r.agent.all() {
		s.mu.Lock()
		r.t.Errorf("a call is still there: server %d, client %d, CANCEL %d", s.server.state, s.client.state, s.bye.state)
		s.mu.Unlock()
	}
}

// counted makes a Screener that decides when it is told to, and counts.
type counted struct {
	calls chan screening.Call
	tell  chan screening.Verdict
}

func newCounted() *counted {
	return &counted{calls: make(chan screening.Call, 100), tell: make(chan screening.Verdict)}
}

func (*counted) Unscreened(c screening.Call, why string) screening.Decision {
	return unscreened(c, why)
}

func (s *counted) ScreenNow(screening.Call) (d screening.Decision, ok bool) { return d, false }

func (s *counted) Screen(ctx context.Context, c screening.Call) screening.Decision {
	s.calls <- c
	d := screening.Decision{Call: c, Mode: screening.Enforce}
	select {
	case d.Verdict = <-s.tell:
	case <-ctx.Done():
		d.Failed = ctx.Err()
	}
	return d
}

func TestInviteIsRetransmitted(t *testing.T) {
	s := newCounted()
	r := newRig(t, s)
	c := r.carrier.newCall("again")
	var trying msg
	for i := range 4 { // while the call is being screened
		r.carrier.send(c.request("INVITE", ""))
		got := r.carrier.want("SIP/2.0 100 Trying")
		if i > 0 && got != trying {
			t.Errorf("100 again = %q, want %q", got, trying)
		}
		trying = got
	}
	if strings.Contains(trying.header("To"), "tag=") {
		t.Errorf("100 has a To tag: %q", trying.header("To"))
	}
	r.quiet()
	s.tell <- screening.Verdict{Rule: "default"}
	inv := r.pbx.want("INVITE ")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100 Trying")
	r.pbx.send(inv.answer("180 Ringing"))
	ringing := r.carrier.want("SIP/2.0 180")
	r.carrier.send(c.request("INVITE", ""))
	if got := r.carrier.want("SIP/2.0 180"); got != ringing {
		t.Errorf("180 again = %q, want %q", got, ringing)
	}
	r.pbx.send(inv.answer("200 OK"))
	r.carrier.want("SIP/2.0 200")
	r.carrier.send(c.request("INVITE", ""))
	r.quiet()
	if n := len(s.calls); n != 1 {
		t.Errorf("screened %d times, want once", n)
	}
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, labelled)
		c := r.carrier.newCall("nobody")
		start := time.Now()
		inv := r.invite(c)
		for _, at := range []float64{0.5, 1.5, 3.5, 7.5, 15.5, 31.5} {
			if again := r.pbx.want("INVITE "); again != inv || time.Since(start) != seconds(at) {
				t.Errorf("%q after %v, want the same INVITE after %vs", again, time.Since(start), at)
			}
		}
		timeout := r.carrier.want("SIP/2.0 480 Temporarily Unavailable")
		if time.Since(start) != seconds(32) || timeout.header("From") != c.from {
			t.Errorf("%q after %v, want it after 32s", timeout, time.Since(start))
		}
		c.to = timeout.header("To")
		r.carrier.send(c.request("ACK", ""))

		// A phone that was picked up at the last moment is heard all the same.
		r.pbx.send(inv.answer("200 OK"))
		if ok := r.carrier.want("SIP/2.0 200"); ok.header("From") != c.from {
			t.Errorf("late 200 = %q", ok)
		}
		r.carrier.silent(time.Minute)
		r.pbx.silent(0)
		r.forgotten()
	})
}

// A late 200 passes a 480 that nobody has acknowledged; the 480 stays what it
// was.
func TestLateTwoHundred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed)
		c := r.carrier.newCall("late")
		inv := r.invite(c)
		for range 6 {
			r.pbx.want("INVITE ")
		}
		timeout := r.carrier.want("SIP/2.0 480")
		r.pbx.send(inv.answer("200 OK"))
		r.carrier.want("SIP/2.0 200")
		if again := r.carrier.want("SIP/2.0 480"); again != timeout {
			t.Errorf("480 again = %q, want %q", again, timeout)
		}
		r.carrier.send(c.request("INVITE", ""))
		if again := r.carrier.want("SIP/2.0 480"); again != timeout {
			t.Errorf("480 for the retransmitted INVITE = %q, want %q", again, timeout)
		}
	})
}

func TestCallRingsTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, labelled, func(o *Options) { o.Timers.C = 200 * time.Second })
		c := r.carrier.newCall("ringing")
		start := time.Now()
		inv := r.invite(c)
		r.pbx.send(inv.answer("180 Ringing"))
		r.carrier.want("SIP/2.0 180")
		time.Sleep(150 * time.Second)
		r.pbx.send(inv.answer("180 Ringing")) // sets timer C again
		r.carrier.want("SIP/2.0 180")
		cancel, ok := r.pbx.next(201 * time.Second)
		if !ok || time.Since(start) != 350*time.Second {
			t.Fatalf("%q after %v, want a CANCEL after 350s", cancel, time.Since(start))
		}
		checkFollows(t, cancel, inv, "CANCEL", inv.header("To"))
		r.pbx.send(cancel.answer("200 OK"))
		r.pbx.send(inv.answer("487 Request Terminated"))
		r.pbx.want("ACK ")
		gone := r.carrier.want("SIP/2.0 487")
		c.to = gone.header("To")
		r.carrier.send(c.request("ACK", ""))
		r.carrier.silent(time.Minute)
		r.pbx.silent(0)
		r.forgotten()
	})
}

// Who holds on for ever is let go: a PBX that answers neither INVITE nor CANCEL
// when timer C has run out, and a Screener that breaks its word.
func TestNobodyHoldsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed, func(o *Options) { o.Timers.C = 200 * time.Second })
		inv := r.invite(r.carrier.newCall("silent-pbx"))
		r.pbx.send(inv.answer("180 Ringing"))
		r.carrier.want("SIP/2.0 180")
		got, ok := r.carrier.next(300 * time.Second)
		if !ok || !strings.HasPrefix(string(got), "SIP/2.0 487") {
			t.Errorf("received %q, want 487", got)
		}
		time.Sleep(2 * time.Minute)
		r.forgotten()
	})
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
			<-ctx.Done() // long past any budget
			return screening.Decision{Call: c}
		}))
		r.carrier.send(r.carrier.newCall("silent-screener").request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
		if got, ok := r.carrier.next(33 * time.Second); !ok || !strings.HasPrefix(string(got), "SIP/2.0 408") {
			t.Errorf("received %q, want 408", got)
		}
		time.Sleep(2 * time.Minute)
		r.forgotten()
		r.pbx.silent(0)
	})
}

func TestTableIsFull(t *testing.T) {
	s := newCounted()
	r := newRig(t, s, func(o *Options) { o.Limits.Setups = 2 })
	for i := range 2 {
		r.carrier.send(r.carrier.newCall(fmt.Sprint("fits-", i)).request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
	}
	c := r.carrier.newCall("too-many")
	r.carrier.send(c.request("INVITE", ""))
	full := r.carrier.want("SIP/2.0 480 Temporarily Unavailable")
	c.to = full.header("To")
	r.carrier.send(c.request("ACK", "")) // ends here: nobody knows of the call
	r.quiet()
	if n := r.agent.Open(); n != 2 {
		t.Errorf("%d calls open, want 2", n)
	}
}

// 180 and 200 back to back arrive both, in order.
func TestAnswersKeepTheirOrder(t *testing.T) {
	r := newRig(t, labelled)
	for i := range 300 {
		inv := r.invite(r.carrier.newCall(fmt.Sprint("burst-", i)))
		r.pbx.send(inv.answer("180 Ringing"))
		r.pbx.send(inv.answer("200 OK"))
		r.carrier.want("SIP/2.0 180")
		r.carrier.want("SIP/2.0 200")
	}
	r.quiet()
}
