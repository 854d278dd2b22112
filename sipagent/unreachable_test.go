package sipagent

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A PBX that is not there gets no call: the next one does, at once.
func TestRefusedTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, labelled, two)
		c.net.refuses = true
		c.pbxs[0].conn.Close()
		start := time.Now()
		k := c.call("refused")
		inv := c.pbxs[1].want("INVITE ")
		at(t, start, 0)
		if got := c.state(0); got != "refused" {
			t.Errorf("the first PBX is %s, want refused", got)
		}
		c.counts(map[string]float64{"failovers_total{refused}": 1})
		c.pbxs[1].send(inv.answer("180 Ringing"))
		c.carrier.want("SIP/2.0 180")
		c.ends(k, c.pbxs[1], inv)
		time.Sleep(2 * time.Minute)
		c.pbxs[1].silent(0)
		c.forgotten()
	})
	// With no PBX left the call is tried once more, and then ends soon.
	for _, pbxs := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster(t, allowed, func(o *Options) { o.PBX.Targets = o.PBX.Targets[:pbxs] })
			c.net.refuses = true
			for _, p := range c.pbxs {
				p.conn.Close()
			}
			start := time.Now()
			k := c.call("all-refused")
			no := c.carrier.want("SIP/2.0 480")
			if took := time.Since(start); took > seconds(0.6) {
				t.Errorf("the caller waits for %v", took)
			}
			k.to = no.header("To")
			c.carrier.send(k.request("ACK", ""))
			time.Sleep(2 * time.Minute)
			c.carrier.silent(0)
			c.forgotten()
		})
	}
	// One that has just restarted gets it after all.
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two, func(o *Options) { o.PBX.Targets = o.PBX.Targets[:1] })
		c.net.refuses = true
		c.pbxs[0].conn.Close()
		k := c.call("restarts")
		synctest.Wait()
		c.pbxs[0] = c.net.phone(t, "192.168.1.10:5060")
		c.pbxs[0].proxy = c.pbx.proxy
		c.ends(k, c.pbxs[0], c.pbxs[0].want("INVITE "))
	})
}

// OPTIONS finds out at once that nobody listens, and that somebody does again.
func TestRefusedProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two, probing)
		c.net.refuses = true
		c.answerProbe(0, "200 OK")
		c.pbxs[0].conn.Close()
		time.Sleep(11 * time.Second)
		if got := c.state(0); got != "refused" {
			t.Errorf("it is %s, want refused", got)
		}
		c.pbxs[0] = c.net.phone(t, "192.168.1.10:5060")
		c.pbxs[0].proxy = c.pbx.proxy
		c.answerProbe(0, "200 OK")
		if got := c.state(0); !strings.HasPrefix(got, "up ") {
			t.Errorf("it is %s, want up", got)
		}
	})
}

// Nobody can end a call by sending back what was never sent.
func TestForgedReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, two)
		k := c.call("forged")
		inv := c.pbxs[0].want("INVITE ")
		mine, _ := readBranch([]byte(strings.TrimPrefix(strings.Split(inv.header("Via"), ";")[1], "branch=")))
		other := mine
		other.token[3]++
		for _, b := range [][]byte{
			nil, []byte("INVITE "), []byte(inv[:40]), bytes.ReplaceAll([]byte(inv), []byte("Via"), []byte("Vix")),
			bytes.ReplaceAll([]byte(inv), mine.append(nil), other.append(nil)),
			[]byte("CANCEL " + inv[7:]), []byte("OPTIONS" + inv[6:]), []byte(strings.ReplaceAll(string(inv), "z9hG4bKs0", "z9hG4bKo0")),
		} {
			for range giveUpAfter {
				c.agent.cameBack(b)
			}
		}
		synctest.Wait()
		c.pbxs[1].silent(0)
		c.ends(k, c.pbxs[0], inv)
		for range giveUpAfter {
			c.agent.cameBack([]byte(inv)) // it has been answered
		}
		c.pbxs[1].silent(time.Second)
	})
}
