package sipagent

import "time"

// epoch is where this process counts its instants from: far back, so that they are
// above zero by the clock of a test too, which begins in the year 2000.
var epoch = time.Now().Add(-1 << 61)

// instant is a moment on the monotonic clock of this process, in nanoseconds since
// epoch; zero is none. Tens of thousands of set-ups hold twenty of them each: a
// [time.Time] is three times as long, and has a pointer that the collector follows.
type instant int64

func now() instant { return instant(time.Since(epoch)) }

func instantOf(t time.Time) instant { return instant(t.Sub(epoch)) }

// Add returns the instant that is d later.
func (t instant) Add(d time.Duration) instant { return t + instant(d) }

// Sub returns how much later than u it is.
func (t instant) Sub(u instant) time.Duration { return time.Duration(t - u) }

// Before reports whether it is earlier than u.
func (t instant) Before(u instant) bool { return t < u }

// IsZero reports whether it is none.
func (t instant) IsZero() bool { return t == 0 }

// earliest returns the first of the instants that is set, or zero.
func earliest(ts ...instant) (first instant) {
	for _, t := range ts {
		if t != 0 && (first == 0 || t < first) {
			first = t
		}
	}
	return first
}

// due reports whether a timer has run out.
func due(t, now instant) bool { return t != 0 && now >= t }
