package sipagent

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// probing makes the PBXs of a cluster be asked every ten seconds.
func probing(o *Options) { o.PBX.Probe = 10 * time.Second }

// asked returns the next OPTIONS at a PBX, which must come between two moments.
func (c *cluster) asked(i int, start time.Time, from, to float64) msg {
	c.t.Helper()
	m := c.pbxs[i].want("OPTIONS ")
	if at := time.Since(start); at < seconds(from) || at > seconds(to) {
		c.t.Errorf("PBX %d is asked after %v, want from %vs to %vs", i, at, from, to)
	}
	return m
}

// state returns what is told of the target of a PBX: up, or why not.
func (c *cluster) state(i int) string {
	c.t.Helper()
	synctest.Wait()
	s := c.agent.Targets()[i]
	if s.Peer != "pbx" || s.Address != c.pbxs[i].addr.String() || s.Priority != i || s.Transport != "udp" || s.Target != "sip:"+s.Address {
		c.t.Errorf("target %d is told as %+v", i, s)
	}
	if s.Up {
		return fmt.Sprint("up ", s.RTT)
	}
	return s.Why
}

// What OPTIONS looks like, how often it is sent, and what answers mean.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two, probing, func(o *Options) { o.PBX.Targets = o.PBX.Targets[:1] })
		start := time.Now()
		m := c.asked(0, start, 0, 0)
		if !strings.HasPrefix(string(m), "OPTIONS sip:192.168.1.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bKo10") {
			t.Errorf("OPTIONS = %q", m)
		}
		for h, want := range map[string]string{
			"Max-Forwards": "70", "To": "<sip:192.168.1.10:5060>", "CSeq": "1 OPTIONS", "User-Agent": "callscreen", "Content-Length": "0",
			"Contact": "<sip:192.168.1.20:5060>",
		} {
			if m.header(h) != want {
				t.Errorf("%s: %s, want %s", h, m.header(h), want)
			}
		}
		if from := m.header("From"); !strings.HasPrefix(from, "<sip:callscreen@192.168.1.20:5060>;tag=") || len(from) < 45 || m.header("Call-ID") == "" {
			t.Errorf("From: %s, Call-ID: %s", from, m.header("Call-ID"))
		}
		if c.pbx.heard.String() != "192.168.1.20:5060" {
			t.Errorf("it is sent from %v, not from the listener", c.pbx.heard)
		}
		time.Sleep(20 * time.Millisecond)
		for _, status := range []string{"200 OK", "404 Not Found", "405 Method Not Allowed", "500 Server Internal Error", "603 Decline"} {
			answered := time.Now()
			c.pbx.send(m.answer(status))
			if got := c.state(0); !strings.HasPrefix(got, "up ") || status == "200 OK" && got != "up 20ms" {
				t.Errorf("after %s it is %s", status, got)
			}
			if status == "200 OK" {
				c.counts(map[string]float64{"callscreen_target_rtt_seconds{pbx,sip:192.168.1.10:5060}": 0.02})
			}
			again := c.asked(0, answered, 9, 11)
			if again.header("Call-ID") == m.header("Call-ID") || again.header("Via") == m.header("Via") {
				t.Errorf("the next OPTIONS is the same: %q", again)
			}
			m = again
		}
		for _, tt := range []struct{ status, why string }{{"503 Service Unavailable", "busy"}, {"408 Request Timeout", "silent"}} {
			answered := time.Now()
			c.pbx.send(m.answer(tt.status))
			if got := c.state(0); got != tt.why {
				t.Errorf("after %s it is %s, want %s", tt.status, got, tt.why)
			}
			m = c.asked(0, answered, 1.8, 2.2)
		}
		c.pbx.send(m.answer("200 OK"))
		c.pbx.send(m.answer("503 Service Unavailable")) // it has answered
		if got := c.state(0); !strings.HasPrefix(got, "up ") {
			t.Errorf("it is %s", got)
		}
	})
}

// A PBX that says nothing is down after four tries, is asked more often then, and
// is up again when it answers.
func TestProbeIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two, probing)
		start := time.Now()
		var m msg
		for _, s := range []float64{0, 0.5, 1.5, 3.5} {
			m = c.asked(0, start, s, s)
			c.pbxs[1].next(0) // it is silent too
		}
		if got := c.state(0); got != "up 0s" {
			t.Errorf("before the time is over it is %s", got)
		}
		time.Sleep(seconds(0.5))
		if got := c.state(0); got != "silent" {
			t.Errorf("it is %s, want silent", got)
		}
		again := c.asked(0, start, 5.8, 6.2)
		c.pbx.send(m.answer("200 OK")) // too late, and not to this one
		if got := c.state(0); got != "silent" {
			t.Errorf("it is %s, want silent", got)
		}
		c.pbx.send(again.answer("100 Trying"))
		c.pbx.send(again.answer("200 OK"))
		if got := c.state(0); !strings.HasPrefix(got, "up ") {
			t.Errorf("it is %s, want up", got)
		}
		forged := strings.Replace(again.answer("503 Service Unavailable"), "z9hG4bKo10", "z9hG4bKo11", 1)
		c.carrier.send(forged)
		c.pbx.send(strings.Replace(forged, "1 OPTIONS", "1 INVITE", 1))
		if got := c.state(0); !strings.HasPrefix(got, "up ") {
			t.Errorf("it is %s, want up", got)
		}
	})
}

// answerProbe lets a PBX be asked, and answer.
func (c *cluster) answerProbe(i int, status string) {
	c.t.Helper()
	p := c.pbxs[i]
	p.send(p.want("OPTIONS ").answer(status))
	synctest.Wait()
}

// Calls keep away from a PBX that is down, and go there all the same when no other
// is left: the OPTIONS could be wrong.
func TestDownTargetIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, probing)
		c.answerProbe(0, "503 Service Unavailable")
		c.answerProbe(1, "200 OK")
		c.answerProbe(2, "503 Service Unavailable")
		start := time.Now()
		k := c.call("second")
		c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
		at(t, start, 0)

		k = c.call("last")
		c.pbxs[1].send(c.pbxs[1].want("INVITE ").answer("503 Service Unavailable"))
		c.pbxs[1].want("ACK ")
		inv := c.pbxs[0].want("INVITE ")
		at(t, start, 0)
		c.pbxs[0].send(inv.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		if got := c.state(0); !strings.HasPrefix(got, "up ") {
			t.Errorf("a PBX that takes calls is %s", got)
		}
		c.ends(k, c.pbxs[0], inv)
	})
}

// What calls find out counts: the next call need not find it out again.
func TestCallsTellWhoIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two)
		start := time.Now()
		k := c.call("finds-out")
		c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
		at(t, start, 3)
		if got := c.state(0); got != "silent" {
			t.Errorf("it is %s, want silent", got)
		}
		c.counts(map[string]float64{
			"failovers_total{silent}": 1, "failovers_total{busy}": 0, "callscreen_target_up{pbx,sip:192.168.1.10:5060}": 0,
			"callscreen_target_up{pbx,sip:192.168.1.11:5060}": 1, "callscreen_target_up{carrier,sip:203.0.113.10:5060}": 1,
			"callscreen_target_addresses{pbx,sip:192.168.1.10:5060}": 1,
		})
		c.pbxs[0].heardAll()
		start = time.Now()
		for i := range 5 {
			k = c.call(fmt.Sprint("knows-", i))
			c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
		}
		at(t, start, 0)

		// It is not asked by OPTIONS, so one call tries it when half a minute is over,
		// and finds it back.
		time.Sleep(30 * time.Second)
		c.pbxs[0].silent(0)
		k = c.call("tries")
		inv := c.pbxs[0].want("INVITE ")
		k2 := c.call("keeps-away")
		c.ends(k2, c.pbxs[1], c.pbxs[1].want("INVITE "))
		c.ends(k, c.pbxs[0], inv)
		time.Sleep(recovery)
		k = c.call("is-back")
		c.ends(k, c.pbxs[0], c.pbxs[0].want("INVITE "))
	})
}

// A PBX that is found silent by a call is asked at once.
func TestCallHurriesTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two, probing)
		c.answerProbe(0, "200 OK")
		c.answerProbe(1, "200 OK")
		start := time.Now()
		c.call("finds-out")
		for range 3 {
			c.pbxs[0].want("INVITE ")
		}
		m := c.asked(0, start, 3, 3.1) // the clock rests a moment between alarms
		c.pbxs[0].send(m.answer("200 OK"))
		if got := c.state(0); !strings.HasPrefix(got, "up ") {
			t.Errorf("it is %s, want up", got)
		}
	})
}

// Who asks to be left alone is, whatever it says to OPTIONS; but not for ever.
func TestRetryAfter(t *testing.T) {
	for _, tt := range []struct {
		value string
		rest  float64
	}{{"60", 60}, {" 30 (soon);duration=9", 30}, {"4294967295", 300}, {"0", 0}, {"soon", 0}, {"99999999999", 0}} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, allowed, two, probing)
			c.answerProbe(0, "200 OK")
			c.answerProbe(1, "200 OK")
			start := time.Now()
			k := c.call("busy")
			c.pbxs[0].send(c.pbxs[0].want("INVITE ").answer("503 Service Unavailable", "Retry-After: "+tt.value))
			c.pbxs[0].want("ACK ")
			c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
			pool := c.agent.pbx().roster.Load()
			for time.Since(start) < 400*time.Second {
				x := pool.choose(overUDP, 0, 0) // let in as early as any
				if rests := time.Since(start) < seconds(tt.rest); rests != (x.index == 1) {
					t.Fatalf("Retry-After: %s: after %v calls go to PBX %d", tt.value, time.Since(start), x.index)
				}
				time.Sleep(time.Second)
				for i, p := range c.pbxs[:2] {
					for ok := true; ok; {
						var m msg
						if m, ok = p.next(time.Millisecond); strings.HasPrefix(string(m), "OPTIONS") {
							c.pbxs[i].send(m.answer("200 OK"))
						}
					}
				}
			}
		})
	}
}

// Calls come back to a PBX little by little: it has just started.
func TestRecoverySpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two, probing)
		c.answerProbe(1, "200 OK")
		c.answerProbe(0, "503 Service Unavailable")
		c.answerProbe(0, "200 OK")
		r := c.agent.pbx().roster.Load()
		random := rand.New(rand.NewPCG(1, 2))
		for _, tt := range []struct{ after, want float64 }{{0, 0}, {1, 10}, {5, 50}, {9, 90}, {10, 100}} {
			time.Sleep(seconds(tt.after) - time.Since(c.agent.pbx().places[0].now().since))
			got := 0.0
			for range 10_000 {
				if r.choose(overUDP, 0, random.Uint64()).index == 0 {
					got += 0.01
				}
			}
			if got < tt.want-2 || got > tt.want+2 {
				t.Errorf("%v s after it came back it gets %.1f %% of the calls, want %v", tt.after, got, tt.want)
			}
		}
	})
}

// A call that rings at a PBX which dies rings on at another one, and at neither if
// none is there.
func TestTargetDiesInMidRing(t *testing.T) {
	ringing := func(t *testing.T, second string) (*cluster, *call, msg) {
		c := newCluster(t, labelled, two, probing)
		c.answerProbe(0, "200 OK")
		c.answerProbe(1, second)
		k := c.call("mid-ring")
		inv := c.pbxs[0].want("INVITE ")
		c.pbxs[0].send(inv.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		return c, k, inv
	}
	// dies has the first PBX say nothing more, and returns what the second one gets
	// beside OPTIONS, which it answers.
	dies := func(c *cluster) msg {
		for range 2000 {
			if m, ok := c.pbxs[1].next(10 * time.Millisecond); ok && !strings.HasPrefix(string(m), "OPTIONS ") {
				return m
			} else if ok {
				c.pbxs[1].send(m.answer("200 OK"))
			}
		}
		c.t.Fatal("nothing comes")
		return ""
	}
	// cancelled returns the CANCEL behind all OPTIONS.
	cancelled := func(c *cluster) (m msg) {
		for !strings.HasPrefix(string(m), "CANCEL ") {
			var ok bool
			if m, ok = c.pbxs[0].next(time.Second); !ok {
				c.t.Fatal("nothing is cancelled")
			}
		}
		return m
	}
	synctest.Test(t, func(t *testing.T) {
		c, k, first := ringing(t, "200 OK")
		second := dies(c)
		if second.header("From") != first.header("From") {
			t.Errorf("From = %q, want %q", second.header("From"), first.header("From"))
		}
		cancel := cancelled(c) // should it live after all
		checkFollows(t, cancel, first, "CANCEL", first.header("To"))
		c.pbxs[1].send(strings.Replace(second.answer("180 Ringing"), "tag=callee", "tag=second", 1))
		if to := c.carrier.want("SIP/2.0 180").header("To"); !strings.HasSuffix(to, "tag=second") {
			t.Errorf("180 of %s", to)
		}
		c.ends(k, c.pbxs[1], second)
	})
	// It was only deaf to OPTIONS, and is picked up at that very moment.
	synctest.Test(t, func(t *testing.T) {
		c, k, first := ringing(t, "200 OK")
		dies(c)
		cancelled(c)
		c.ends(k, c.pbxs[0], first)
	})
	synctest.Test(t, func(t *testing.T) {
		c, k, first := ringing(t, "503 Service Unavailable")
		for range 200 {
			if m, ok := c.pbxs[1].next(50 * time.Millisecond); ok {
				c.pbxs[1].send(m.answer("503 Service Unavailable"))
			}
			if m, _ := c.pbxs[0].next(50 * time.Millisecond); strings.HasPrefix(string(m), "CANCEL") {
				t.Errorf("%q: nobody else could take the call", m)
			}
		}
		c.ends(k, c.pbxs[0], first)
	})
}
