package sipagent

import (
	"testing"
	"time"
)

// BenchmarkClock sets the alarms of a call at 2,000 calls a second: one that rings in
// 200 ms, and then one that rings when the call is forgotten, in 32 s. Of those
// there are always 64,000.
func BenchmarkClock(b *testing.B) {
	var c clock
	now := now().Add(24 * time.Hour) // so that the timer itself keeps still
	calls := make([]*setup, 66_000)
	for i := range calls {
		s := new(setup)
		calls[i] = s
		s.alarm.whose = ringing(func() {
			if now.Before(s.came.Add(time.Second)) {
				c.set(&s.alarm, s.came.Add(32*time.Second))
			}
		})
	}
	n := 0
	step := func() {
		s := calls[n%len(calls)]
		n++
		now = now.Add(500 * time.Microsecond)
		s.came = now
		c.set(&s.alarm, now.Add(200*time.Millisecond))
		if n%100 != 0 {
			return
		}
		for _, a := range c.due(now) {
			a.whose.fire()
		}
	}
	for range calls {
		step()
	}
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}
