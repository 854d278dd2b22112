package sipagent

import (
	"math/rand/v2"
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
		for i, after := range []time.Duration{501, 500, 549, 551, 520, 10_000} {
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
		if len(c.buckets) != 0 {
			t.Errorf("%d buckets left", len(c.buckets))
		}
	})
}

// However alarms are set, moved and dropped, each rings once, within a grain of its
// time.
func TestAlarmsRingInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c clock
		var mu sync.Mutex
		alarms, wants := make([]alarm, 300), make([]instant, 300)
		for i := range alarms {
			alarms[i].whose = ringing(func() {
				mu.Lock()
				defer mu.Unlock()
				if late := now().Sub(wants[i]); wants[i].IsZero() || late < 0 || late > grain {
					t.Errorf("alarm %d rings at %v, want %v", i, now(), wants[i])
				}
				wants[i] = 0
			})
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 5000 {
			mu.Lock()
			if i := random.IntN(len(alarms)); random.IntN(4) == 0 {
				wants[i] = 0
				c.drop(&alarms[i])
			} else {
				wants[i] = now().Add(time.Duration(random.Int64N(1<<(25+random.Int64N(10)))) + time.Millisecond) // up to 17 s, mostly less
				c.set(&alarms[i], wants[i])
			}
			mu.Unlock()
			time.Sleep(time.Duration(random.Int64N(int64(5 * time.Millisecond))))
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, want := range wants {
			if !want.IsZero() {
				t.Errorf("alarm %d has not rung, want %v", i, want)
			}
		}
		if len(c.buckets) != 0 {
			t.Errorf("%d buckets left", len(c.buckets))
		}
	})
}
