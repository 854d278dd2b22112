package sipagent

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// A caller who leaves is followed to wherever the call rings.
func TestCancelAfterFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, labelled, two)
		k := c.call("gone")
		c.pbxs[0].refuses()
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
			first := c.pbxs[0].refuses()
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
		c.pbxs[0].refuses()
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
			p.refuses()
			next := c.pbxs[(i+1)%3]
			if i > 0 {
				next = c.pbxs[0]
			}
			next.want("INVITE ")
		}
	})
}
