package sipagent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// patient lets the callee answer before 100 Trying is said, as in an office.
func patient(o *Options) { o.Timers.Trying = 150 * time.Millisecond }

// A caller who has not heard anything for 150 ms gets 100 Trying, however long the
// lookup takes.
func TestTryingComesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounted()
		r := newTimedRig(t, s, patient)
		c := r.carrier.newCall("looked-up")
		c.extra = []string{"Timestamp: 54.21 0.5"}
		start := time.Now()
		r.carrier.send(c.request("INVITE", ""))
		trying := r.carrier.want("SIP/2.0 100 Trying")
		if took := time.Since(start); took != 150*time.Millisecond || strings.Contains(trying.header("To"), "tag=") || trying.header("Timestamp") != "54.21 0.150" {
			t.Errorf("after %v %q, want it after 150ms, without To tag, and with what it waited", took, trying)
		}
		r.carrier.send(c.request("INVITE", ""))
		if again := r.carrier.want("SIP/2.0 100 Trying"); again != trying {
			t.Errorf("100 again = %q, want %q", again, trying)
		}
		s.tell <- screening.Verdict{Rule: "default"}
		inv := r.pbx.want("INVITE ")
		r.pbx.send(inv.answer("486 Busy Here"))
		r.carrier.want("SIP/2.0 486")
	})
}

// Whoever hears of the callee in time hears nothing else.
func TestTryingIsNotNeeded(t *testing.T) {
	for _, status := range []string{"180 Ringing", "200 OK", "486 Busy Here"} {
		synctest.Test(t, func(t *testing.T) {
			r := newTimedRig(t, allowed, patient)
			c := r.carrier.newCall("answered")
			r.carrier.send(c.request("INVITE", ""))
			inv := r.pbx.want("INVITE ")
			time.Sleep(100 * time.Millisecond)
			r.pbx.send(inv.answer("100 Trying")) // stays here (RFC 3261 section 16.7)
			r.pbx.send(inv.answer(status))
			r.carrier.want("SIP/2.0 " + status)
			r.carrier.silent(300 * time.Millisecond)
		})
	}
}

// A repeated INVITE shows that its sender does not want to wait.
func TestTryingForTheImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed, patient)
		c := r.carrier.newCall("impatient")
		r.carrier.send(c.request("INVITE", ""))
		r.pbx.want("INVITE ")
		time.Sleep(60 * time.Millisecond)
		r.carrier.send(c.request("INVITE", ""))
		r.carrier.want("SIP/2.0 100 Trying")
		r.carrier.silent(400 * time.Millisecond)
	})
}

// A CANCEL may come before anything was said.
func TestCancelledBeforeTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newCounted()
		r := newTimedRig(t, s, patient)
		c := r.carrier.newCall("given-up")
		r.carrier.send(c.request("INVITE", ""))
		time.Sleep(50 * time.Millisecond)
		r.carrier.send(c.request("CANCEL", ""))
		r.carrier.want("SIP/2.0 200")
		c.to = r.carrier.want("SIP/2.0 487").header("To")
		r.carrier.send(c.request("ACK", ""))
		r.carrier.silent(time.Second)
		r.pbx.silent(0)
	})
}
