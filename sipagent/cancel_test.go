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

// recordFunc lets a plain function stand in for the Recorder.
type recordFunc func(d screening.Decision)

func (f recordFunc) Record(d screening.Decision) { f(d) }
func (recordFunc) Ended(screening.Ending)        {}

// cancel sends a CANCEL of the call and reads its 200.
func (r *rig) cancel(c *call) msg {
	r.t.Helper()
	r.carrier.send(c.request("CANCEL", ""))
	ok := r.carrier.want("SIP/2.0 200 OK")
	if want := fmt.Sprint(c.cseq, " CANCEL"); ok.header("CSeq") != want || ok.header("Via") != c.via {
		r.t.Errorf("answer to the CANCEL: %q", ok)
	}
	return ok
}

func TestCancelDuringLookup(t *testing.T) {
	stopped := make(chan error, 1)
	recorded := make(chan screening.Decision, 1)
	r := newRig(t, slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
		<-ctx.Done()
		stopped <- ctx.Err()
		return screening.Decision{Call: c, Mode: screening.Enforce, Verdict: screening.Verdict{Action: screening.Tag, Rule: "late", Label: "late"}}
	}), func(o *Options) { o.Recorder = recordFunc(func(d screening.Decision) { recorded <- d }) })
	c := r.carrier.newCall("lookup")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	ok := r.cancel(c)
	gone := r.carrier.want("SIP/2.0 487 Request Terminated")
	if gone.header("CSeq") != "1 INVITE" || gone.header("From") != c.from {
		t.Errorf("487 = %q", gone)
	}
	if !strings.Contains(gone.header("To"), ";tag=") || ok.header("To") != gone.header("To") {
		t.Errorf("To of the 200 = %q, of the 487 = %q; want the same tag (RFC 3261 section 9.2)", ok.header("To"), gone.header("To"))
	}
	if err := <-stopped; err != context.Canceled {
		t.Errorf("the lookup ends with %v", err)
	}
	if d := <-recorded; d.Verdict.Rule != "late" {
		t.Errorf("recorded %+v", d)
	}
	r.cancel(c) // retransmitted: the same, and no more
	c.to = gone.header("To")
	r.carrier.send(c.request("ACK", ""))
	r.quiet()
}

// A decision that comes after the CANCEL changes nothing, whatever it is.
func TestDecisionAfterCancel(t *testing.T) {
	for _, v := range []screening.Verdict{
		{Rule: "default"},
		{Action: screening.Tag, Label: "x"},
		{Action: screening.Reject, Status: 603, Reason: "Decline"},
		{Action: screening.Divert, Target: "sip:8000@192.0.2.10"},
	} {
		decide, recorded := make(chan bool), make(chan bool)
		r := newRig(t, slowFunc(func(_ context.Context, c screening.Call) screening.Decision {
			<-decide
			return screening.Decision{Call: c, Mode: screening.Enforce, Verdict: v}
		}), func(o *Options) { o.Recorder = recordFunc(func(screening.Decision) { recorded <- true }) })
		c := r.carrier.newCall("late-" + v.Action.String())
		r.carrier.send(c.request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
		r.cancel(c)
		c.to = r.carrier.want("SIP/2.0 487").header("To")
		r.carrier.send(c.request("ACK", ""))
		close(decide)
		<-recorded
		r.stop() // waits for whatever the decision still does
		r.carrier.silent(time.Millisecond)
		r.pbx.silent(time.Millisecond)
	}
}

// Nor does a Recorder that breaks over it.
func TestRecorderBreaksAfterCancel(t *testing.T) {
	s := newCounted()
	r := newRig(t, s, func(o *Options) { o.Recorder = recordFunc(func(screening.Decision) { panic("broken") }) })
	c := r.carrier.newCall("broken")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.cancel(c)
	r.carrier.want("SIP/2.0 487")
	r.stop() // waits for what the end of the lookup does
	r.pbx.silent(0)
	r.drops("panic", 1)
}

// Before a provisional answer a CANCEL must wait (RFC 3261 section 9.1).
func TestCancelIsHeld(t *testing.T) {
	for _, provisional := range []string{"100 Trying", "180 Ringing"} {
		r := newRig(t, labelled)
		c := r.carrier.newCall("held")
		inv := r.invite(c)
		r.cancel(c)
		r.quiet()
		r.pbx.send(inv.answer(provisional))
		if provisional != "100 Trying" {
			r.carrier.want("SIP/2.0 180")
		}
		cancel := r.pbx.want("CANCEL ")
		checkFollows(t, cancel, inv, "CANCEL", inv.header("To"))
		r.pbx.send(cancel.answer("200 OK"))
		r.pbx.send(inv.answer("487 Request Terminated"))
		r.pbx.want("ACK ")
		r.carrier.want("SIP/2.0 487")
		r.quiet()
	}
}

func TestCancelIsHeldForNothing(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("held-refused")
	inv := r.invite(c)
	r.cancel(c)
	r.pbx.send(inv.answer("486 Busy Here"))
	r.pbx.want("ACK ")
	r.carrier.want("SIP/2.0 486")
	r.quiet()

	c = r.carrier.newCall("held-accepted")
	inv = r.invite(c)
	r.cancel(c)
	r.pbx.send(inv.answer("200 OK"))
	r.hangsUp(c)
}

// hangsUp takes the 200 of an INVITE, which must be the next to come, and ends
// the call.
func (r *rig) hangsUp(c *call) {
	r.t.Helper()
	ok := r.carrier.want("SIP/2.0 200 OK")
	if ok.header("CSeq") != "1 INVITE" || ok.header("From") != c.from {
		r.t.Fatalf("received %q, want the 200 of the INVITE", ok)
	}
	r.talkOver(c, ok)
}

func TestCancelWhileRinging(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("ringing")
	c.routes = []string{"<sip:proxy.example.com;lr>", "<sip:edge.example.com;lr>"}
	inv := r.invite(c)
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	c.extra = []string{`Reason: SIP;cause=200;text="Call completed elsewhere"`, "REASON:Q.850 ;cause=16\n ;text=\"folded\""}
	r.cancel(c)
	cancel := r.pbx.want("CANCEL ")
	checkFollows(t, cancel, inv, "CANCEL", inv.header("To"))
	if len(cancel.headers("Route")) != 2 {
		t.Errorf("CANCEL lost its Route: %q", cancel)
	}
	if want := string(sipBytes(strings.Join(c.extra, "\n") + "\n")); !strings.Contains(string(cancel), want) {
		t.Errorf("CANCEL = %q, want its Reason as it came", cancel)
	}
	r.pbx.send(cancel.answer("200 OK"))
	r.cancel(c) // retransmitted: answered here
	r.cancel(c)
	r.quiet()
	r.pbx.send(inv.answer("487 Request Terminated"))
	ack := r.pbx.want("ACK ")
	checkFollows(t, ack, inv, "ACK", inv.header("To")+";tag=callee")
	gone := r.carrier.want("SIP/2.0 487")
	if gone.header("From") != c.from {
		t.Errorf("From of the 487 = %q, want %q", gone.header("From"), c.from)
	}
	r.cancel(c) // after the final answer: answered, nothing else
	c.to, c.extra = gone.header("To"), nil
	r.carrier.send(c.request("ACK", ""))
	r.quiet()
}

// The callee picks up while the CANCEL is on its way: the caller gets the answer
// to its INVITE, and it is up to the caller to end the call.
func TestCancelCrossesTheAnswer(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("crossing")
	inv := r.invite(c)
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.cancel(c)
	cancel := r.pbx.want("CANCEL ")
	r.pbx.send(inv.answer("200 OK"))
	r.pbx.send(cancel.answer("481 Call/Transaction Does Not Exist"))
	r.hangsUp(c)
}

func TestCancelAfterTheAnswer(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("answered")
	inv := r.invite(c)
	r.pbx.send(inv.answer("200 OK"))
	r.carrier.want("SIP/2.0 200")
	r.cancel(c)
	r.quiet()

	refusing := newRig(t, refused)
	c = refusing.carrier.newCall("refused")
	refusing.carrier.send(c.request("INVITE", ""))
	refusing.carrier.want("SIP/2.0 100")
	no := refusing.carrier.want("SIP/2.0 603")
	if ok := refusing.cancel(c); ok.header("To") != no.header("To") {
		t.Errorf("To of the 200 = %q, of the 603 = %q", ok.header("To"), no.header("To"))
	}
	c.to = no.header("To")
	refusing.carrier.send(c.request("ACK", ""))
	refusing.quiet()
}

// A CANCEL that belongs to nothing here goes on as its INVITE would have gone.
func TestCancelOfAnotherTime(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("forgotten")
	r.carrier.send(c.request("CANCEL", ""))
	cancel := r.pbx.want("CANCEL ")
	if got := len(cancel.headers("Via")); got != 2 {
		t.Errorf("CANCEL has %d Via, want 2", got)
	}
	r.pbx.send(cancel.answer("481 Call/Transaction Does Not Exist"))
	if no := r.carrier.want("SIP/2.0 481"); len(no.headers("Via")) != 1 {
		t.Errorf("answer = %q", no)
	}
	inv := r.invite(c)
	if inv.header("Via") != cancel.header("Via") {
		t.Errorf("CANCEL went with Via %q, its INVITE with %q", cancel.header("Via"), inv.header("Via"))
	}
}

func TestCancelGoesNowhere(t *testing.T) {
	r := newRig(t, allowed, func(o *Options) {
		second := o.Trunks[0]
		second.Name, second.Targets = "other", InOrder("sip:127.0.0.9:5060")
		o.Trunks = append(o.Trunks, second)
		for i := range o.Trunks {
			o.Trunks[i].Networks = networks(t, fmt.Sprint("127.0.0.", 8+i))
		}
	})
	c := r.pbx.newCall("nowhere")
	c.uri = "sip:100@nobody.example.com"
	r.pbx.send(c.request("CANCEL", ""))
	r.pbx.want("SIP/2.0 481 Call/Transaction Does Not Exist")
}

func TestCalleeIgnoresTheCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, labelled)
		c := r.carrier.newCall("stubborn")
		inv := r.invite(c)
		r.pbx.send(inv.answer("180 Ringing"))
		r.carrier.want("SIP/2.0 180")
		start := time.Now()
		r.cancel(c)
		cancel := r.pbx.want("CANCEL ")
		for _, at := range []float64{0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5} {
			if again := r.pbx.want("CANCEL "); again != cancel || time.Since(start) != seconds(at) {
				t.Errorf("%q after %v, want the same CANCEL after %vs", again, time.Since(start), at)
			}
		}
		gone := r.carrier.want("SIP/2.0 487")
		if time.Since(start) != seconds(32) || gone.header("From") != c.from {
			t.Errorf("%q after %v, want it after 64*T1", gone, time.Since(start))
		}
		c.to = gone.header("To")
		r.carrier.send(c.request("ACK", ""))
		r.pbx.silent(time.Minute)
		r.carrier.silent(0)
		r.forgotten()
	})
}

// The CANCEL is answered, the INVITE is not (RFC 3261 section 9.1, last paragraph).
func TestCalleeForgetsTheInvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, labelled)
		c := r.carrier.newCall("forgetful")
		inv := r.invite(c)
		r.cancel(c) // held
		time.Sleep(10 * time.Second)
		for range 4 {
			r.pbx.want("INVITE ")
		}
		r.pbx.send(inv.answer("100 Trying"))
		r.pbx.send(r.pbx.want("CANCEL ").answer("200 OK"))
		start := time.Now()
		gone, _ := r.carrier.next(time.Minute)
		if got := time.Since(start); got != seconds(32) || !strings.HasPrefix(string(gone), "SIP/2.0 487") {
			t.Errorf("%q %v after the CANCEL left, want 487 after 32s", gone, got)
		}
		c.to = gone.header("To")
		r.carrier.send(c.request("ACK", ""))
		r.pbx.silent(time.Minute)
		r.forgotten()
	})
}

// INVITE and CANCEL in one burst: each call ends with 200 and 487, and the callee
// either never hears of it or is told that it is over.
func TestCancelRightBehindTheInvite(t *testing.T) {
	for name, s := range map[string]Screener{
		"decided at once": labelled,
		"looked up":       slowFunc(func(_ context.Context, c screening.Call) screening.Decision { d, _ := labelled.ScreenNow(c); return d }),
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, s)
			invites, cancels := r.pbx.hearCancels()
			for i := range 200 {
				c := r.carrier.newCall(fmt.Sprint("burst-", i))
				r.carrier.send(c.request("INVITE", ""))
				r.carrier.send(c.request("CANCEL", ""))
				r.carrier.want("SIP/2.0 100")
				r.carrier.want("SIP/2.0 200")
				c.to = r.carrier.want("SIP/2.0 487").header("To")
				r.carrier.send(c.request("ACK", ""))
			}
			r.carrier.send(r.carrier.newCall("stop").request("OPTIONS", ""))
			if in, out := <-invites, <-cancels; in != out {
				t.Errorf("%d INVITEs reached the callee, %d were cancelled", in, out)
			} else {
				t.Logf("%d of 200 reached the callee", in)
			}
		})
	}
}

// hearCancels makes the phone ring and be cancelled until an OPTIONS comes; then
// it tells how many calls rang and how many of them were cancelled.
func (p *phone) hearCancels() (invites, cancels chan int) {
	invites, cancels = make(chan int, 1), make(chan int, 1)
	go func() { // ends with the OPTIONS
		rings, over := map[string]msg{}, 0
		for {
			m, ok := p.next(patience)
			method, _, _ := strings.Cut(string(m), " ")
			switch {
			case !ok || method == "OPTIONS":
				invites <- len(rings)
				cancels <- over
				return
			case method == "INVITE":
				rings[m.header("Call-ID")] = m
				p.conn.WriteToUDPAddrPort(sipBytes(m.answer("100 Trying")), p.proxy)
			case method == "CANCEL":
				over++
				p.conn.WriteToUDPAddrPort(sipBytes(m.answer("200 OK")), p.proxy)
				p.conn.WriteToUDPAddrPort(sipBytes(rings[m.header("Call-ID")].answer("487 Request Terminated")), p.proxy)
			}
		}
	}()
	return invites, cancels
}
