package sipagent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

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

// The first that refuses ends no wait for another one that is only slow.
func TestRefusedAfterSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two)
		start := time.Now()
		k := c.call("slow-and-busy")
		first := c.pbxs[0].want("INVITE ")
		c.pbxs[1].refuses()
		c.carrier.silent(10 * time.Second)
		c.pbxs[0].send(first.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		at(t, start, 13)
		c.pbxs[0].heardAll()
		c.ends(k, c.pbxs[0], first)
	})
}
