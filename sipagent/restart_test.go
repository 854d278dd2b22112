package sipagent

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

// restart puts a new agent in the place of the old one, which tells nobody.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

func TestRestartWhileTalking(t *testing.T) {
	for _, ends := range []string{"caller", "callee"} {
		r := newRig(t, labelled)
		c := r.carrier.newCall("talking-" + ends)
		inv := r.talk(c)
		back := r.pbx.callee(inv)
		r.restart()
		r.pbx.send(inv.answer("200 OK")) // retransmitted: its ACK was lost
		r.carrier.want("SIP/2.0 200")
		r.carrier.send(c.request("ACK", "ack"))
		r.pbx.want("ACK ")
		from, to, side := r.carrier, r.pbx, c
		if ends == "callee" {
			from, to, side = r.pbx, r.carrier, back
		}
		side.cseq++
		from.send(side.request("BYE", "bye"))
		to.send(to.want("BYE ").answer("200 OK"))
		if ok := from.want("SIP/2.0 200"); !strings.HasSuffix(ok.header("CSeq"), " BYE") {
			t.Errorf("answer to the BYE: %q", ok)
		}
		r.quiet()
	}
}

func TestRestartWhileRinging(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("picked-up")
	inv := r.invite(c)
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.restart()
	r.pbx.send(inv.answer("183 Session Progress"))
	r.carrier.want("SIP/2.0 183")
	r.pbx.send(inv.answer("200 OK"))
	ok := r.carrier.want("SIP/2.0 200")
	if len(ok.headers("Via")) != 1 || ok.header("Via") != c.via {
		t.Errorf("200 after the restart = %q", ok)
	}
	r.talkOver(c, ok)
}

// The phone stops ringing, and each side gets what its transaction waits for.
func TestRestartBeforeTheCancel(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("hung-up")
	inv := r.invite(c)
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.restart()
	r.carrier.send(c.request("CANCEL", ""))
	cancel := r.pbx.want("CANCEL " + c.uri)
	if via, _, _ := strings.Cut(inv.header("Via"), ";"+sealParam); cancel.header("Via") != via {
		t.Errorf("Via of the CANCEL = %q, want the INVITE's %q", cancel.header("Via"), via)
	}
	r.pbx.send(cancel.answer("200 OK"))
	r.pbx.send(inv.answer("487 Request Terminated"))
	if ok := r.carrier.want("SIP/2.0 200"); ok.header("CSeq") != "1 CANCEL" {
		t.Errorf("answer to the CANCEL: %q", ok)
	}
	gone := r.carrier.want("SIP/2.0 487")
	if gone.header("From") != c.from {
		t.Errorf("From of the 487 = %q, want the caller's own %q", gone.header("From"), c.from)
	}
	c.to = gone.header("To")
	r.carrier.send(c.request("ACK", ""))
	ack := r.pbx.want("ACK ")
	if ack.header("Via") != cancel.header("Via") || ack.header("To") != c.to {
		t.Errorf("ACK = %q, want the INVITE's Via %q", ack, inv.header("Via"))
	}
	r.quiet()
}

// A call whose INVITE comes again is screened again, and reaches the callee as the
// retransmission that it is.
func TestRestartBeforeTheInviteComesAgain(t *testing.T) {
	s := newCounted()
	r := newRig(t, s)
	c := r.carrier.newCall("again")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	s.tell <- screening.Verdict{Action: screening.Tag, Label: "x"}
	inv := r.pbx.want("INVITE ")
	r.restart()
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	s.tell <- screening.Verdict{Action: screening.Tag, Label: "x"}
	if again := r.pbx.want("INVITE "); again != inv {
		t.Errorf("INVITE again = %q, want %q", again, inv)
	}
	r.pbx.send(inv.answer("200 OK"))
	if ok := r.carrier.want("SIP/2.0 200"); ok.header("From") != c.from {
		t.Errorf("From = %q, want %q", ok.header("From"), c.from)
	}
	r.quiet()
}

func TestRestartWithAnotherKey(t *testing.T) {
	r := newRig(t, labelled)
	inv := r.invite(r.carrier.newCall("key"))
	r.options.Key = bytes.Repeat([]byte("K"), 32)
	r.restart()
	r.pbx.send(inv.answer("200 OK"))
	r.quiet()
	r.drops("unproven", 1)
}

// Whatever breaks in screening, the call goes on as it came.
func TestScreeningBreaks(t *testing.T) {
	breaks := func(screening.Call) screening.Decision { panic("broken") }
	tests := map[string]struct {
		s      Screener
		record func(d screening.Decision)
		rule   string
	}{
		"at once":         {screenFunc(breaks), nil, screening.RuleFailOpen},
		"while waiting":   {slowFunc(func(_ context.Context, c screening.Call) screening.Decision { return breaks(c) }), nil, screening.RuleFailOpen},
		"in the recorder": {refused, func(screening.Decision) { panic("broken") }, "fraud"},
	}
	for name, tt := range tests {
		recorded := make(chan screening.Decision, 1)
		var log bytes.Buffer
		r := newRig(t, tt.s, func(o *Options) {
			o.Logger = zerolog.New(&log)
			o.Recorder = recordFunc(func(d screening.Decision) {
				recorded <- d
				if tt.record != nil {
					tt.record(d)
				}
			})
		})
		c := r.carrier.newCall("broken")
		c.extra = []string{"X-Spam-Count: 5", "Subject: x"}
		inv := r.invite(c)
		want := strings.Replace(c.request("INVITE", ""), "X-Spam-Count: 5\n", "", 1)
		want = strings.Replace(want, "Max-Forwards: 70", "Max-Forwards: 69", 1)
		_, want, _ = strings.Cut(want, "Via: "+c.via+"\n")
		_, got, _ := strings.Cut(string(inv), "Record-Route: <sip:"+r.carrier.proxy.String()+";lr;cs=s>\r\n")
		if got != string(sipBytes(want)) {
			t.Errorf("%s: the call goes on as %q, want %q", name, got, want)
		}
		if d := <-recorded; d.Verdict.Rule != tt.rule || d.Call.ID != c.id {
			t.Errorf("%s: recorded %+v", name, d)
		}
		r.pbx.send(inv.answer("200 OK"))
		r.carrier.want("SIP/2.0 200")
		r.quiet()
		r.drops("panic", 1)
		r.stop()
		if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"call":"broken"`) || !strings.Contains(got, "panic") {
			t.Errorf("%s: log = %q, want one line about the call", name, got)
		}
	}
}

// While it drains, the agent takes new calls without screening them, and ends
// when none is being set up any more.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorded := make(chan screening.Decision, 10)
		r := newTimedRig(t, refused, func(o *Options) {
			o.Recorder = recordFunc(func(d screening.Decision) { recorded <- d })
		})
		out := r.pbx.newCall("before") // not screened: rings
		r.pbx.send(out.request("INVITE", ""))
		r.pbx.want("SIP/2.0 100")
		before := r.carrier.want("INVITE ")
		r.carrier.send(before.answer("180 Ringing"))
		r.pbx.want("SIP/2.0 180")

		start, ended := time.Now(), make(chan time.Duration, 1)
		go func() {
			r.stop()
			ended <- time.Since(start)
		}()
		time.Sleep(time.Second)
		c := r.carrier.newCall("late")
		inv := r.invite(c)
		if inv.header("From") != c.from || inv.header("X-Call-Screen") != "" {
			t.Errorf("late call = %q", inv)
		}
		if d := <-recorded; d.Verdict.Rule != screening.RuleFailOpen || d.Verdict.Why != "shutting down" || d.Call.ID != "late" {
			t.Errorf("recorded %+v", d)
		}
		r.pbx.send(inv.answer("200 OK"))
		r.carrier.want("SIP/2.0 200")
		r.carrier.send(before.answer("200 OK"))
		r.pbx.want("SIP/2.0 200")
		if took := <-ended; took < time.Second || took > 1100*time.Millisecond {
			t.Errorf("ended after %v, want it right after the last answer", took)
		}
		r.forgotten()
	})
}

func TestDrainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed)
		c := r.carrier.newCall("ringing")
		r.pbx.send(r.invite(c).answer("180 Ringing"))
		r.carrier.want("SIP/2.0 180")
		r.cancel(c)
		start := time.Now()
		r.stop()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("ended after %v, want Timers.Drain", took)
		}
		for range 4 {
			r.pbx.want("CANCEL ") // by timer E
		}
		r.pbx.silent(time.Minute)
		r.forgotten()
		r.drops("send-failed", 0)
	})
}

// Run ends queries that are under way and waits for them. Their calls go on: who
// has heard 100 Trying does not call again. Nothing runs on.
func TestRunEndsQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		r := newTimedRig(t, slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
			<-ctx.Done()
			time.Sleep(time.Second)
			ended = true
			return screening.Decision{Call: c}
		}))
		r.carrier.send(r.carrier.newCall("asking").request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
		synctest.Wait() // for the query to be asked
		r.stop()
		if !ended {
			t.Error("Run did not wait for the query")
		}
		r.pbx.want("INVITE ")
		r.carrier.silent(time.Minute)
		r.pbx.silent(0)
		r.forgotten()
		if n := r.agent.Drops()["send-failed"]; n != 0 {
			t.Errorf("%d sent after the end", n)
		}
	})
}
