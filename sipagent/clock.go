package sipagent

import (
	"container/heap"
	"sync"
	"time"
)

// grain is how close to each other the clock wakes the process. SIP's shortest
// interval is T1, 500 ms.
const grain = 50 * time.Millisecond

// clock calls set-ups when their time has come. A timer of its own for each of
// them would wake a thread thousands of times a second under load; here those
// that fall due within a grain go together. Without load it is exact.
type clock struct {
	mu    sync.Mutex
	queue alarms
	timer *time.Timer
	rings instant // when the timer does; zero when it does not
	rests instant // until when it does not, having just done so
	turns turns
}

// alarm is when a set-up wants to be called. The clock's lock guards it.
type alarm struct {
	at    instant
	place int // in the queue, plus one; 0 outside
	whose interface{ fire() }
}

// set makes a ring at a time, and at no other.
func (c *clock) set(a *alarm, at instant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.at = at
	if a.place == 0 {
		heap.Push(&c.queue, a)
	} else {
		heap.Fix(&c.queue, a.place-1)
	}
	c.wind()
}

// drop makes a not ring.
func (c *clock) drop(a *alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.place > 0 {
		heap.Remove(&c.queue, a.place-1)
	}
}

// wind starts the timer for the first alarm, unless it rings before that.
func (c *clock) wind() {
	if len(c.queue) == 0 {
		return
	}
	next := c.queue[0].at
	if next.Before(c.rests) {
		next = c.rests
	}
	switch {
	case !c.rings.IsZero() && !next.Before(c.rings):
		return
	case c.timer == nil:
		c.timer = time.AfterFunc(next.Sub(now()), c.ring)
	default:
		c.timer.Reset(next.Sub(now()))
	}
	c.rings = next
}

// ring calls whoever is due.
func (c *clock) ring() {
	c.turns.begin()
	defer c.turns.end()
	for _, a := range c.due(now()) {
		a.whose.fire()
	}
}

// due takes the alarms off the queue that are due by now.
func (c *clock) due(now instant) (all []*alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && !now.Before(c.queue[0].at) {
		all = append(all, heap.Pop(&c.queue).(*alarm))
	}
	c.rings, c.rests = 0, now.Add(grain)
	c.wind()
	return all
}

// alarms is a heap by time.
type alarms []*alarm

func (q alarms) Len() int           { return len(q) }
func (q alarms) Less(i, j int) bool { return q[i].at.Before(q[j].at) }

func (q alarms) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i+1, j+1
}

// Push implements [heap.Interface].
func (q *alarms) Push(x any) {
	a := x.(*alarm)
	*q = append(*q, a)
	a.place = len(*q)
}

// Pop implements [heap.Interface].
func (q *alarms) Pop() any {
	last := len(*q) - 1
	a := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	a.place = 0
	return a
}
