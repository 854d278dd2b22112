package sipagent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
		c.carrier.refuses()
		c.pbx.want("SIP/2.0 503 Service Unavailable")
	})
}
