package sipagent

import (
	"sync"
	"sync/atomic"
	"time"
)

// Times of places that do not answer.
const (
	rest      = 30 * time.Second // till a place that is not asked by OPTIONS is tried with a call again
	longRest  = 5 * time.Minute  // the longest that a 503 keeps calls away by its Retry-After
	recovery  = 10 * time.Second // in which calls come back to a place that is up again, more and more
	probeTime = 4 * time.Second  // for an answer to OPTIONS
)

// health is what is known of a place.
type health struct {
	state atomic.Pointer[condition] // nil: nothing yet
	mu    sync.Mutex                // of who changes it
}

// condition is how a place is. It does not change.
type condition struct {
	down  bool
	why   failure       // if it is down
	since time.Time     // it is so
	until time.Time     // when a place that is down may be tried with a call; zero: not while it says nothing to OPTIONS
	rose  bool          // it was down before
	took  time.Duration // its last answer to OPTIONS; zero: none
}

// now is the condition at this moment.
func (h *health) now() condition {
	if c := h.state.Load(); c != nil {
		return *c
	}
	return condition{}
}

// standing says how readily a call goes to a place: 0 as to any, 1 if there is no
// other, since it has just come back, 2 only as a last resort. The seed is the
// call's, so that of those that come while it recovers a growing part is let in.
func (h *health) standing(now time.Time, seed uint64) int {
	c := h.state.Load()
	switch {
	case c == nil:
		return 0
	case c.down && (c.until.IsZero() || now.Before(c.until)):
		return 2
	case c.down || !c.rose:
		return 0
	}
	const parts = 1 << 16
	if part := now.Sub(c.since) * parts / recovery; part < time.Duration(seed>>20%parts) {
		return 1
	}
	return 0
}

// change puts another condition in the place of the one there is.
func (h *health) change(to func(c condition) condition) (before, after condition) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before = h.now()
	after = to(before)
	h.state.Store(&after)
	return before, after
}

// alive notes that a place has said something, and how long that took if it
// was asked by OPTIONS.
func (a *Agent) alive(x *place, took time.Duration) {
	if c := x.state.Load(); c != nil && !c.down && took == 0 {
		return // the usual case
	}
	now := time.Now()
	before, after := x.change(func(c condition) condition {
		if took != 0 {
			c.took = took
		}
		switch asked := took != 0; {
		case c.since.IsZero():
			c.since = now
		case c.down && !(asked && c.why == failedBusy && now.Before(c.until)): // who asked for rest gets it
			c = condition{since: now, rose: true, took: c.took}
		}
		return c
	})
	if before.down && !after.down {
		a.log.Info().Str("trunk", x.link.peer.name).Str("to", x.addr.String()).Dur("took", now.Sub(before.since)).Msg("target is up again")
	}
}

// heard notes an answer to a call.
func (a *Agent) heard(x *place, status int) {
	if x != nil && status != 503 {
		a.alive(x, 0)
	}
}

// ailing notes that a place did not take a call or an OPTIONS. wait is how long
// it asks to be left alone; zero: it does not.
func (a *Agent) ailing(x *place, why failure, wait time.Duration) {
	now := time.Now()
	before, _ := x.change(func(c condition) condition {
		if !c.down {
			c = condition{down: true, since: now}
		}
		c.why, c.took = why, 0
		switch {
		case wait > 0:
			c.until = now.Add(min(wait, longRest))
		case x.prober.Load() == nil:
			c.until = now.Add(rest)
		default:
			c.until = time.Time{}
		}
		return c
	})
	if !before.down {
		a.log.Warn().Str("trunk", x.link.peer.name).Str("to", x.addr.String()).Str("err", failureNames[why]).Msg("target is down")
	}
}

// taken notes that a call goes to a place. One that is down and may be tried is
// tried with one call at a time.
func (a *Agent) taken(x *place) {
	c := x.state.Load()
	if c == nil || !c.down {
		return // the usual case
	}
	if now := time.Now(); !c.until.IsZero() && !now.Before(c.until) {
		x.change(func(c condition) condition {
			if c.down {
				c.until = now.Add(rest)
			}
			return c
		})
	}
}

// ails notes that the place where the call is does not take it, and has it asked
// at once whether it is there.
func (s *setup) ails(why failure, wait time.Duration) {
	x := s.to.place
	if x == nil {
		return
	}
	s.agent.ailing(x, why, wait)
	if p := x.prober.Load(); p != nil {
		p.hurry()
	}
}
