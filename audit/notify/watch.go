package notify

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"callscreen/screening"
)

// watchHours is how many hours tell what is usual.
const watchHours = 24

// WatchOptions configures a [Watch]. A zero field takes the default named beside it.
type WatchOptions struct {
	Send   func(Event) // told of a rise, and must not wait; required
	Least  int         // refusals in an hour below which nothing is said; default 20
	Factor int         // how many times as many as usual are a rise; default 3
	Past   []int       // refusals of the hours before now, the last hour first, from the record; what is missing comes to be known
}

// Watch sees a rise in refusals: it compares the hour that runs with the average of
// the 24 before it. Its methods may be called from many goroutines.
type Watch struct {
	o    WatchOptions
	mu   sync.Mutex
	hour int64 // that runs, since 1970
	now  int   // refusals in it
	past []int // refusals of the hours before, the last first
	told bool  // of this hour
}

// NewWatch returns a Watch, or says which option is wrong.
func NewWatch(o WatchOptions) (*Watch, error) {
	if o.Send == nil {
		return nil, errors.New("notify: nobody to tell of a rise")
	}
	if o.Least < 0 || o.Factor < 0 {
		return nil, errors.New("notify: a number of refusals is negative")
	}
	o.Least, o.Factor = cmp.Or(o.Least, 20), cmp.Or(o.Factor, 3)
	past := append([]int(nil), o.Past[:min(len(o.Past), watchHours)]...)
	return &Watch{o: o, hour: hourOf(time.Now()), past: past}, nil
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// Record counts a decision that refuses its call.
func (w *Watch) Record(d screening.Decision) {
	if d.Effective().Action != screening.Reject {
		return
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn(hourOf(now))
	w.now++
	usual, known := w.usual()
	if w.told || !known || w.now < w.o.Least || w.now < w.o.Factor*usual {
		return
	}
	w.told = true
	w.o.Send(Event{Kind: Refusals, At: now, Count: w.now, Limit: usual})
}

// turn goes over to another hour. A clock that is set back stays in the hour, unless it
// was ahead by more than a day: that would go on until the hour is reached again.
func (w *Watch) turn(hour int64) {
	if w.hour-hour > watchHours {
		w.hour, w.now, w.told = hour, 0, false
	}
	for ; w.hour < hour; w.hour++ {
		w.past = append([]int{w.now}, w.past[:min(len(w.past), watchHours-1)]...)
		w.now, w.told = 0, false
		if hour-w.hour > 2*watchHours { // all that was is long ago
			w.hour = hour - 2*watchHours
		}
	}
}

// usual returns the average of the hours before, once a day is known.
func (w *Watch) usual() (int, bool) {
	if len(w.past) < watchHours {
		return 0, false
	}
	sum := 0
	for _, n := range w.past {
		sum += n
	}
	return (sum + watchHours - 1) / watchHours, true
}

const (
	// checkEvery is how soon Daily sees that a clock was set.
	checkEvery = 10 * time.Minute
	// farthest is how far ahead a time of day may be that a clock was not wrong about.
	farthest = 48 * time.Hour
)

// Daily calls do every day at a time of day in a zone, with the day before, until ctx
// ends. A day whose time passed while nothing ran is left out, and none comes twice.
func Daily(ctx context.Context, at time.Duration, zone *time.Location, do func(ctx context.Context, day time.Time)) {
	next := nextDaily(time.Now().In(zone), at)
	for {
		select {
		case <-time.After(min(max(0, time.Until(next)), checkEvery)):
		case <-ctx.Done():
			return
		}
		now := time.Now().In(zone)
		if !now.Before(next) {
			do(ctx, next.AddDate(0, 0, -1))
		}
		next = following(now, next, at)
	}
}

// following returns what next is from now on: itself until it has come, unless the clock
// was ahead when it was set.
func following(now, next time.Time, at time.Duration) time.Time {
	if now.Before(next) && next.Sub(now) <= farthest {
		return next
	}
	return nextDaily(now, at)
}

// nextDaily returns when a time of day comes next after now.
func nextDaily(now time.Time, at time.Duration) time.Time {
	day := func(ahead int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+ahead, 0, 0, int(at/time.Second), 0, now.Location())
	}
	if next := day(0); next.After(now) {
		return next
	}
	return day(1)
}
