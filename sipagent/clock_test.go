package sipagent

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// ringing is a function that an alarm calls.
type ringing func()

func (f ringing) fire() { f() }

// Alone an alarm rings when it shall; those that follow within a grain go
// together, and one that was dropped or set anew does not ring.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		start := time.Now()
		var mu sync.Mutex
		var rang []time.Duration
		alarms := make([]alarm, 6)
		for i, after := range []time.Duration{500, 501, 549, 551, 520, 10_000} {
			alarms[i].whose = ringing(func() {
				mu.Lock()
				defer mu.Unlock()
				rang = append(rang, time.Since(start).Truncate(time.Millisecond))
			})
			c.set(&alarms[i], now().Add(after*time.Millisecond))
		}
		c.drop(&alarms[4])
		c.set(&alarms[5], now().Add(2*time.Second))
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		want := []time.Duration{500, 550, 550, 600, 2000}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(rang, want) {
			t.Errorf("rang at %v, want %v", rang, want)
		}
		if len(c.queue) != 0 {
			t.Errorf("%d alarms left", len(c.queue))
		}
	})
}
