package sipagent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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
