package sipagent

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// cluster is a rig with three PBXs, which are tried in order.
type cluster struct {
	*rig
	pbxs [3]*phone
	net  *office
}

func newCluster(t *testing.T, s Screener, change ...func(*Options)) *cluster {
	t.Helper()
	n := &office{sockets: map[netip.AddrPort]*plug{}}
	c := &cluster{net: n, rig: &rig{t: t, bind: n.bind, carrier: n.phone(t, "203.0.113.10:5060")}}
	uris := []string{}
	for i, addr := range []string{"192.168.1.10:5060", "192.168.1.11:5060", "192.168.1.12:5060"} {
		c.pbxs[i] = n.phone(t, addr)
		uris = append(uris, "sip:"+addr)
	}
	c.pbx = c.pbxs[0]
	c.options = Options{
		Listeners: []Listener{{Name: "trunk", Addresses: []string{"udp:198.51.100.5:5060"}}, {Name: "office", Addresses: []string{"udp:192.168.1.20:5060"}}},
	}
	c.open(s, append([]func(*Options){func(o *Options) {
		o.PBX.Networks = networks(t, "192.168.1.0/28")
		o.PBX.Targets = InOrder(uris...)
	}}, change...))
	for _, p := range c.pbxs {
		p.proxy = c.pbx.proxy
	}
	return c
}

// two leaves the cluster two PBXs.
func two(o *Options) { o.PBX.Targets = o.PBX.Targets[:2] }

// call sends an INVITE of the carrier's.
func (c *cluster) call(id string) *call {
	c.t.Helper()
	k := c.carrier.newCall(id)
	c.carrier.send(k.request("INVITE", ""))
	c.carrier.want("SIP/2.0 100")
	return k
}

// at checks how long ago something was.
func at(t *testing.T, start time.Time, want float64) {
	t.Helper()
	if got := time.Since(start); got != seconds(want) {
		t.Errorf("after %v, want %vs", got, want)
	}
}

// ends answers a call with 200 at a PBX, and checks that the caller gets it.
func (c *cluster) ends(k *call, p *phone, inv msg) {
	c.t.Helper()
	p.send(inv.answer("200 OK"))
	ok := c.carrier.want("SIP/2.0 200")
	if ok.header("From") != k.from || len(ok.headers("Via")) != 1 {
		c.t.Errorf("200 arrives as %q", ok)
	}
	k.established(ok, p.uri("100"))
	c.carrier.send(k.request("ACK", "ack"))
	p.want("ACK ")
}

// silence checks that nobody says anything any more.
func (c *cluster) silence() {
	c.t.Helper()
	for _, p := range append(c.pbxs[:], c.carrier) {
		p.silent(0)
	}
}

// A silent PBX is given three seconds; then the call goes to the next one, the
// same call with the same label, and the first is no longer called.
func TestSilentTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, labelled)
		start := time.Now()
		k := c.call("silent")
		first := c.pbxs[0].want("INVITE ")
		for _, s := range []float64{0.5, 1.5} {
			c.pbxs[0].want("INVITE ")
			at(t, start, s)
		}
		second := c.pbxs[1].want("INVITE ")
		at(t, start, 3)
		via, again := first.header("Via"), second.header("Via")
		if via == again || strings.Replace(string(second), again, via, 1) != string(first) {
			t.Errorf("the second PBX gets another call than the first:\n%s\n%s", first, second)
		}
		if !strings.Contains(second.header("From"), label) {
			t.Errorf("From = %q, want it with its label", second.header("From"))
		}
		c.pbxs[1].send(second.answer("100 Trying"))
		c.pbxs[1].send(second.answer("180 Ringing"))
		if ringing := c.carrier.want("SIP/2.0 180"); ringing.header("From") != k.from {
			t.Errorf("180 arrives as %q", ringing)
		}
		c.ends(k, c.pbxs[1], second)
		time.Sleep(2 * time.Minute)
		c.silence()
		c.forgotten()
	})
}

// 100 is a sign of life.
func TestTryingIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed)
		k := c.call("trying")
		inv := c.pbxs[0].want("INVITE ")
		c.pbxs[0].send(inv.answer("100 Trying"))
		time.Sleep(time.Minute)
		c.silence()
		c.ends(k, c.pbxs[0], inv)
	})
}

// A PBX that was only slow gets the call when nobody has answered it yet, and
// else is told that it is not wanted any more.
func TestSlowTarget(t *testing.T) {
	late := func(t *testing.T) (*cluster, *call, msg, msg) {
		c := newCluster(t, labelled, two)
		k := c.call("slow")
		first := c.pbxs[0].want("INVITE ")
		c.pbxs[0].want("INVITE ")
		c.pbxs[0].want("INVITE ")
		return c, k, first, c.pbxs[1].want("INVITE ")
	}
	t.Run("the other is silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, k, first, second := late(t)
			c.pbxs[0].send(first.answer("180 Ringing"))
			c.carrier.want("SIP/2.0 180")
			c.ends(k, c.pbxs[0], first)
			c.pbxs[1].silent(time.Second) // it is not sent again
			c.pbxs[1].send(second.answer("180 Ringing"))
			cancel := c.pbxs[1].want("CANCEL ")
			checkFollows(t, cancel, second, "CANCEL", second.header("To"))
			if !strings.Contains(cancel.header("Reason"), "cause=200") {
				t.Errorf("Reason = %q", cancel.header("Reason"))
			}
			c.pbxs[1].send(cancel.answer("200 OK"))
			c.pbxs[1].send(second.answer("487 Request Terminated"))
			checkFollows(t, c.pbxs[1].want("ACK "), second, "ACK", second.header("To")+";tag=callee")
			c.pbxs[1].send(second.answer("487 Request Terminated"))
			c.pbxs[1].want("ACK ")
			time.Sleep(2 * time.Minute)
			c.silence()
			c.forgotten()
		})
	})
	t.Run("the other rings", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, k, first, second := late(t)
			c.pbxs[1].send(second.answer("180 Ringing"))
			c.carrier.want("SIP/2.0 180")
			c.pbxs[0].send(first.answer("183 Session Progress"))
			cancel := c.pbxs[0].want("CANCEL ")
			checkFollows(t, cancel, first, "CANCEL", first.header("To"))
			c.pbxs[0].want("CANCEL ") // till it is heard
			c.pbxs[0].send(cancel.answer("200 OK"))
			c.pbxs[0].send(first.answer("487 Request Terminated"))
			c.pbxs[0].want("ACK ")
			c.ends(k, c.pbxs[1], second)
			time.Sleep(2 * time.Minute)
			c.silence()
		})
	})
	t.Run("it has answered", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, k, first, second := late(t)
			c.pbxs[1].send(second.answer("180 Ringing"))
			c.carrier.want("SIP/2.0 180")
			c.ends(k, c.pbxs[0], first) // RFC 3261 section 16.7: every 2xx, at once
			cancel := c.pbxs[1].want("CANCEL ")
			c.pbxs[1].send(cancel.answer("200 OK"))
			c.pbxs[1].send(second.answer("200 OK")) // as well: the caller gets both, and ends one
			c.carrier.want("SIP/2.0 200")
			c.pbxs[0].send(first.answer("200 OK"))
			c.carrier.want("SIP/2.0 200")
			time.Sleep(2 * time.Minute)
			c.silence()
			c.forgotten()
		})
	})
	t.Run("it is busy", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _, first, second := late(t)
			c.pbxs[0].send(first.answer("486 Busy Here"))
			c.pbxs[0].want("ACK ")
			c.carrier.want("SIP/2.0 486")
			c.pbxs[1].send(second.answer("200 OK")) // nobody could know
			c.carrier.want("SIP/2.0 200")
		})
	})
}

// 503 sends a call on at once; when all say so, a carrier gets what is settable
// and never 503, and a PBX gets its carrier's own word.
func TestBusyTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, labelled)
		start := time.Now()
		k := c.call("busy")
		for i, p := range c.pbxs[:2] {
			inv := p.want("INVITE ")
			p.send(inv.answer("100 Trying"))
			no := inv.answer("503 Service Unavailable", "Retry-After: 7")
			p.send(no)
			checkFollows(t, p.want("ACK "), inv, "ACK", inv.header("To")+";tag=callee")
			p.send(no)
			p.want("ACK ")
			if i == 0 && !strings.Contains(inv.header("From"), label) {
				t.Errorf("From = %q", inv.header("From"))
			}
		}
		third := c.pbxs[2].want("INVITE ")
		at(t, start, 0)
		c.ends(k, c.pbxs[2], third)
		time.Sleep(2 * time.Minute)
		c.silence()
		c.forgotten()
	})
	for _, status := range []int{0, 500} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, allowed, func(o *Options) { o.Failover.Status = status })
			k := c.call("all-busy")
			for _, p := range c.pbxs {
				p.send(p.want("INVITE ").answer("503 Service Unavailable", "Retry-After: 7"))
				p.want("ACK ")
			}
			want := "SIP/2.0 480 Temporarily Unavailable"
			if status == 500 {
				want = "SIP/2.0 500 Server Internal Error"
			}
			no := c.carrier.want(want)
			if no.header("Retry-After") != "" {
				t.Errorf("%q would take us out of service", no)
			}
			k.to = no.header("To")
			c.carrier.send(k.request("ACK", ""))
			time.Sleep(2 * time.Minute)
			c.silence()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed)
		k := c.pbx.newCall("out")
		c.pbx.send(k.request("INVITE", ""))
		c.pbx.want("SIP/2.0 100")
		c.carrier.send(c.carrier.want("INVITE ").answer("503 Service Unavailable"))
		c.carrier.want("ACK ")
		c.pbx.want("SIP/2.0 503 Service Unavailable")
	})
}

// When no PBX says anything the caller hears so no later than if there were one.
func TestSilentTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed)
		start := time.Now()
		k := c.call("nobody")
		no, _ := c.carrier.next(33 * time.Second)
		if !strings.HasPrefix(string(no), "SIP/2.0 480") {
			t.Errorf("received %q, want 480", no)
		}
		at(t, start, 32)
		k.to = no.header("To")
		c.carrier.send(k.request("ACK", ""))
		for i, n := range []int{7, 7, 7} { // timer A goes on at each
			if got := strings.Count(c.pbxs[i].heardAll(), "INVITE sip:"); got < n-1 || got > n {
				t.Errorf("PBX %d heard %d INVITEs, want %d", i, got, n)
			}
		}
		time.Sleep(2 * time.Minute)
		c.silence()
		c.forgotten()
	})
}

// heardAll reads what has come, and returns all of it.
func (p *phone) heardAll() string {
	for ok := true; ok; {
		_, ok = p.next(time.Millisecond)
	}
	return p.trace.String()
}

// The first that refuses ends no wait for another one that is only slow.
func TestRefusedAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two)
		start := time.Now()
		k := c.call("slow-and-busy")
		first := c.pbxs[0].want("INVITE ")
		second := c.pbxs[1].want("INVITE ")
		c.pbxs[1].send(second.answer("503 Service Unavailable"))
		c.pbxs[1].want("ACK ")
		c.carrier.silent(10 * time.Second)
		c.pbxs[0].send(first.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		at(t, start, 13)
		c.pbxs[0].heardAll()
		c.ends(k, c.pbxs[0], first)
	})
}

// A caller who leaves is followed to wherever the call rings.
func TestCancelAfterFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, labelled, two)
		k := c.call("gone")
		c.pbxs[0].send(c.pbxs[0].want("INVITE ").answer("503 Service Unavailable"))
		c.pbxs[0].want("ACK ")
		inv := c.pbxs[1].want("INVITE ")
		c.pbxs[1].send(inv.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		c.carrier.send(k.request("CANCEL", ""))
		c.carrier.want("SIP/2.0 200")
		cancel := c.pbxs[1].want("CANCEL ")
		checkFollows(t, cancel, inv, "CANCEL", inv.header("To"))
		c.pbxs[1].send(cancel.answer("200 OK"))
		c.pbxs[1].send(inv.answer("487 Request Terminated"))
		c.pbxs[1].want("ACK ")
		c.carrier.want("SIP/2.0 487")
	})
	// While two are silent; both are cancelled when they say something.
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two)
		k := c.call("gone")
		first, second := c.pbxs[0].want("INVITE "), c.pbxs[1].want("INVITE ")
		c.carrier.send(k.request("CANCEL", ""))
		c.carrier.want("SIP/2.0 200")
		for i, inv := range []msg{first, second} {
			p := c.pbxs[i]
			p.heardAll()
			p.send(inv.answer("180 Ringing"))
			cancel := p.want("CANCEL ")
			checkFollows(t, cancel, inv, "CANCEL", inv.header("To"))
			p.send(cancel.answer("200 OK"))
			p.send(inv.answer("487 Request Terminated"))
			p.want("ACK ")
			if i == 0 {
				c.carrier.want("SIP/2.0 180")
				c.carrier.want("SIP/2.0 487")
			}
		}
		time.Sleep(2 * time.Minute)
		c.pbxs[0].silent(0)
		c.pbxs[1].silent(0)
	})
	// Who has left is not sent on.
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two)
		k := c.call("gone")
		inv := c.pbxs[0].want("INVITE ")
		c.carrier.send(k.request("CANCEL", ""))
		c.carrier.want("SIP/2.0 200")
		time.Sleep(5 * time.Second)
		c.pbxs[0].heardAll()
		c.pbxs[0].send(inv.answer("503 Service Unavailable"))
		c.pbxs[0].want("ACK ")
		c.carrier.want("SIP/2.0 487")
		c.pbxs[1].silent(time.Minute)
	})
}

// A call that is not screened in time, or diverted, goes on to the next as well.
func TestFailoverOfOtherCalls(t *testing.T) {
	for _, s := range []Screener{
		slowFunc(func(_ context.Context, c screening.Call) screening.Decision {
			time.Sleep(time.Second)
			return screening.Decision{Call: c, Mode: screening.Enforce, Verdict: screening.Verdict{Action: screening.Tag, Label: label, Rule: "r"}}
		}),
		verdict(screening.Verdict{Action: screening.Divert, Rule: "menu", Target: "sip:8000@192.0.2.10"}),
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, s, two)
			k := c.call("other")
			first := c.pbxs[0].want("INVITE ")
			c.pbxs[0].send(first.answer("503 Service Unavailable"))
			c.pbxs[0].want("ACK ")
			second := c.pbxs[1].want(strings.SplitN(string(first), "\r\n", 2)[0])
			if second.header("From") != first.header("From") {
				t.Errorf("From = %q, want %q", second.header("From"), first.header("From"))
			}
			c.ends(k, c.pbxs[1], second)
		})
	}
}

// Wherever a call rings, its CANCEL finds it over a restart, and so does the ACK
// of what then comes.
func TestRestartAfterFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, labelled)
		k := c.call("restart")
		c.pbxs[0].send(c.pbxs[0].want("INVITE ").answer("503 Service Unavailable"))
		c.pbxs[0].want("ACK ")
		inv := c.pbxs[1].want("INVITE ")
		c.pbxs[1].send(inv.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		c.restart()
		c.carrier.send(k.request("CANCEL", ""))
		for i, p := range c.pbxs {
			cancel := p.want("CANCEL ")
			status := "481 Call/Transaction Does Not Exist"
			if strings.HasPrefix(inv.header("Via"), cancel.header("Via")) {
				status = "200 OK"
			}
			if (status == "200 OK") != (i == 1) {
				t.Errorf("PBX %d is sent %q; the INVITE's Via was %q", i, cancel.header("Via"), inv.header("Via"))
			}
			p.send(cancel.answer(status))
			c.carrier.want("SIP/2.0 " + status)
		}
		c.pbxs[1].send(inv.answer("487 Request Terminated"))
		k.to = c.carrier.want("SIP/2.0 487").header("To")
		c.carrier.send(k.request("ACK", ""))
		for _, p := range c.pbxs {
			p.want("ACK ")
		}
		c.silence()
	})
}

// A call that a PBX sends out comes back to that one, and goes to another only if
// it does not take it.
func TestOutAndBackToTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, turned)
		for i, p := range c.pbxs {
			k := p.newCall("out-" + p.addr.String())
			p.proxy = c.carrier.proxy
			p.send(k.request("INVITE", ""))
			p.want("SIP/2.0 100")
			p.send(p.want("INVITE ").answer("503 Service Unavailable"))
			p.want("ACK ")
			next := c.pbxs[(i+1)%3]
			if i > 0 {
				next = c.pbxs[0]
			}
			next.want("INVITE ")
		}
	})
}
