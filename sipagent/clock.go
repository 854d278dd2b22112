package sipagent

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// grain is how close to each other the clock wakes the process. SIP's shortest
// interval is T1, 500 ms.
const grain = 50 * time.Millisecond

// clock calls set-ups when their time has come. A timer of its own for each of
// them would wake a thread thousands of times a second under load; here those
// that fall due within a grain go together. Without load it is exact.
//
// Every call sets alarms and most move or drop them, with tens of thousands waiting,
// so that is to touch few of the others: they lie in buckets, and not in a heap.
type clock struct {
	mu      sync.Mutex
	buckets []bucket // those that hold alarms, in the order of time
	timer   *time.Timer
	rings   instant // when the timer does; zero when it does not
	rests   instant // until when it does not, having just done so
	turns   turns
}

// bucket holds the alarms of one grain.
type bucket struct {
	number instant // counted in grains
	first  instant // none of them rings before that
	alarms []*alarm
}

// alarm is when a set-up wants to be called. The clock's lock guards it.
type alarm struct {
	at    instant
	place int // in its bucket, plus one; 0 outside
	whose interface{ fire() }
}

// set makes a ring at a time, and at no other.
func (c *clock) set(a *alarm, at instant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(a)
	a.at = at
	c.put(a)
	c.wind()
}

// drop makes a not ring.
func (c *clock) drop(a *alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.take(a)
}

// put puts a into the bucket for its time.
func (c *clock) put(a *alarm) {
	i, found := c.bucketOf(a.at)
	if !found {
		c.buckets = slices.Insert(c.buckets, i, bucket{number: a.at / instant(grain), first: a.at})
	}
	b := &c.buckets[i]
	b.first = earliest(b.first, a.at)
	b.alarms = append(b.alarms, a)
	a.place = len(b.alarms)
}

// take takes a out of its bucket, if it is in one.
func (c *clock) take(a *alarm) {
	if a.place == 0 {
		return
	}
	i, _ := c.bucketOf(a.at)
	b := &c.buckets[i]
	last := len(b.alarms) - 1
	b.alarms[last].place = a.place
	b.alarms[a.place-1], b.alarms[last] = b.alarms[last], nil
	b.alarms, a.place = b.alarms[:last], 0
	if last == 0 {
		c.buckets = slices.Delete(c.buckets, i, i+1)
	}
}

// bucketOf returns where the bucket for a time is or belongs.
func (c *clock) bucketOf(at instant) (i int, found bool) {
	return slices.BinarySearchFunc(c.buckets, at/instant(grain), func(b bucket, number instant) int { return cmp.Compare(b.number, number) })
}

// wind starts the timer for the first alarm, unless it rings before that.
func (c *clock) wind() {
	if len(c.buckets) == 0 {
		return
	}
	next := c.buckets[0].first
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

// due takes the alarms out of their buckets that are due by now.
func (c *clock) due(now instant) (all []*alarm) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buckets) > 0 && !now.Before(c.buckets[0].first) {
		b := c.buckets[0]
		c.buckets = slices.Delete(c.buckets, 0, 1)
		for _, a := range b.alarms {
			if a.place = 0; now.Before(a.at) {
				c.put(a)
			} else {
				all = append(all, a)
			}
		}
	}
	c.rings, c.rests = 0, now.Add(grain)
	c.wind()
	return all
}
