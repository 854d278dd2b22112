package sipagent

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

var soakCalls = flag.Int("calls", 3000, "calls of TestSoak; memory is compared with that after a tenth of them")

// soaked decides calls in every way, half of them after some time.
type soaked struct{ n int }

func (s *soaked) decide(c screening.Call) screening.Decision {
	d := screening.Decision{Call: c, Mode: screening.Enforce, Number: screening.Number{Digits: "13041439112"}, Verdict: verdicts[s.n%len(verdicts)]}
	s.n++
	return d
}

func (*soaked) Unscreened(c screening.Call, why string) screening.Decision { return unscreened(c, why) }

func (s *soaked) ScreenNow(c screening.Call) (d screening.Decision, ok bool) {
	if s.n%2 == 0 {
		return d, false
	}
	return s.decide(c), true
}

func (s *soaked) Screen(_ context.Context, c screening.Call) screening.Decision {
	time.Sleep(100 * time.Millisecond)
	return s.decide(c)
}

// However many calls have been, of every kind and end, what is kept of them is what
// was kept after a tenth of them.
func TestSoak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told endings
		r := newTimedRig(t, &soaked{}, func(o *Options) { o.Recorder = &told })
		var early, late runtime.MemStats
		var goroutines int
		for i := range *soakCalls {
			r.soak(i)
			if i%100 == 99 {
				time.Sleep(2 * time.Minute) // all are forgotten
				told.all = told.all[:0]
				r.carrier.trace, r.pbx.trace = strings.Builder{}, strings.Builder{}
			}
			if i == *soakCalls/10-1 {
				goroutines = measure(&early)
			}
		}
		after := measure(&late)
		t.Logf("after %d calls: %d KB and %d goroutines; after %d: %d KB and %d",
			*soakCalls/10, early.HeapAlloc>>10, goroutines, *soakCalls, late.HeapAlloc>>10, after)
		if late.HeapAlloc > early.HeapAlloc+early.HeapAlloc/10+512<<10 || after != goroutines {
			t.Error("memory or goroutines have grown")
		}
		r.forgotten()
		for reason, n := range r.agent.Drops() {
			if n != 0 {
				t.Errorf("%d dropped as %s", n, reason)
			}
		}
	})
}

// measure counts what is in use, and goroutines.
func measure(m *runtime.MemStats) int {
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(m)
	return runtime.NumGoroutine()
}

// soak makes a call and ends it in one of many ways.
func (r *rig) soak(i int) {
	c := r.carrier.newCall(fmt.Sprint("soak-", i))
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	inv := r.carrier.orRings(r.pbx)
	if !strings.HasPrefix(string(inv), "INVITE ") { // refused
		c.to = inv.header("To")
		r.carrier.send(c.request("ACK", ""))
		return
	}
	r.ringFor(inv, "180 Ringing", time.Second)
	switch i % 5 {
	case 0: // given up
		r.cancel(c)
		r.pbx.send(r.pbx.want("CANCEL ").answer("200 OK"))
		r.pbx.send(inv.answer("487 Request Terminated"))
		r.pbx.want("ACK ")
		c.to = r.carrier.want("SIP/2.0 487").header("To")
		r.carrier.send(c.request("ACK", ""))
	case 1: // busy, and the caller's ACK is lost
		r.pbx.send(inv.answer("486 Busy Here"))
		r.pbx.want("ACK ")
		r.carrier.want("SIP/2.0 486")
		r.carrier.want("SIP/2.0 486")
		c.to = inv.header("To") + ";tag=callee"
		r.carrier.send(c.request("ACK", ""))
	default:
		r.soakTalk(c, inv, i%2 == 0)
	}
}

// soakTalk answers a call, changes it and ends it from either side.
func (r *rig) soakTalk(c *call, inv msg, byCaller bool) {
	r.pbx.send(inv.answer("200 OK"))
	c.established(r.carrier.want("SIP/2.0 200"), r.pbx.uri("100"))
	r.carrier.send(c.request("ACK", "ack"))
	r.pbx.want("ACK ")
	side, from, to := r.pbx.callee(inv), r.pbx, r.carrier
	if byCaller {
		side, from, to = c, r.carrier, r.pbx
	}
	for _, method := range []string{"UPDATE", "BYE"} {
		side.cseq++
		from.send(side.request(method, method))
		to.send(to.want(method + " ").answer("200 OK"))
		from.want("SIP/2.0 200")
	}
}
