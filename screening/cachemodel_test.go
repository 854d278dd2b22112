package screening

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// behaviour is what a directory does with a question.
type behaviour struct {
	name       string
	reputation Reputation
	err        error
	after      time.Duration
}

// Times of a directory. None is nothing, so that callers of one moment share a
// query.
const (
	soon   = 3*time.Millisecond + 11
	quick  = 301*time.Millisecond + 33
	slow   = 2003*time.Millisecond + 77
	beyond = 1000 * time.Hour
)

var behaviours = []behaviour{
	{"known", sales, nil, soon},
	{"known, quickly", sales, nil, quick},
	{"known, slowly", sales, nil, slow},
	{"unknown", Reputation{Directory: "test"}, nil, soon},
	{"unknown, quickly", Reputation{Directory: "test"}, nil, quick},
	{"brief", Reputation{Label: "x", Keep: 10 * time.Minute}, nil, soon},
	{"down", Reputation{}, errDown, soon},
	{"down, quickly", Reputation{}, errDown, quick},
	{"down, slowly", Reputation{}, errDown, slow},
	{"refuses", Reputation{}, unaskedFor{reasoned("budget")}, soon},
	{"hangs", Reputation{}, nil, beyond},
}

// Times between calls, so that every lifetime and grace is met and missed.
var pauses = []time.Duration{
	7 * time.Millisecond, 1009 * time.Millisecond, 11 * time.Second, 29 * time.Second, 31 * time.Second, 9 * time.Minute,
	11 * time.Minute, 5 * time.Hour, 7 * time.Hour, 23 * time.Hour, 25 * time.Hour, 6 * 24 * time.Hour, 8 * 24 * time.Hour, 29 * 24 * time.Hour,
}

// model is the cache as one would tell it: without locks, goroutines or an LRU.
// Time goes on in it only where it says so.
type model struct {
	now     time.Time
	numbers map[string]*modelled
	queries int
}

// modelled is all that can be said of one number.
type modelled struct {
	known   bool // an answer is remembered
	answer  Reputation
	at      time.Time
	expires time.Time

	failedUntil time.Time
	failed      error

	flying  bool // a query is under way
	lands   time.Time
	outcome behaviour
}

// result is what a caller got, and how long it took.
type result struct {
	answer Answer
	reason string
	took   time.Duration
}

func (m *model) number(digits string) *modelled {
	if m.numbers[digits] == nil {
		m.numbers[digits] = &modelled{}
	}
	return m.numbers[digits]
}

// until lets time pass, and queries land.
func (m *model) until(now time.Time) {
	for _, n := range m.numbers {
		if n.flying && !n.lands.After(now) {
			n.land()
		}
	}
	m.now = now
}

func (n *modelled) land() {
	n.flying = false
	b := n.outcome
	var unasked unaskedFor
	switch {
	case b.err == nil:
		life := 6 * time.Hour
		if b.reputation.Known() {
			life = 24 * time.Hour
		}
		if b.reputation.Keep > 0 {
			life = min(life, b.reputation.Keep)
		}
		n.known, n.answer, n.at, n.expires = true, b.reputation, n.lands, n.lands.Add(life)
	case !errors.As(b.err, &unasked):
		n.failed, n.failedUntil = b.err, n.lands.Add(30*time.Second)
	}
}

// delayed makes a query last its own time, so that no two things happen at once.
func (b behaviour) delayed(query int) behaviour {
	b.after += time.Duration(query) * time.Microsecond
	return b
}

func (m *model) takeOff(n *modelled, b behaviour) {
	if n.flying {
		return
	}
	m.queries++
	b = b.delayed(m.queries)
	if b.after > 10*time.Second {
		b.after, b.err = 10*time.Second, context.DeadlineExceeded
	}
	n.flying, n.outcome, n.lands = true, b, m.now.Add(b.after)
}

func (m *model) resting(n *modelled) bool { return m.now.Before(n.failedUntil) }

// remembered returns what serves within a grace.
func (m *model) remembered(n *modelled, grace time.Duration) (Answer, bool) {
	if n.answer.Keep > 0 {
		grace = 0
	}
	if !n.known || !m.now.Before(n.expires.Add(grace)) {
		return Answer{}, false
	}
	source := SourceCache
	if !m.now.Before(n.expires) {
		source = SourceStale
	}
	return Answer{n.answer, source, m.now.Sub(n.at)}, true
}

// lookup is what a caller with a budget of 800 ms gets.
func (m *model) lookup(digits string, b behaviour) result {
	n, began := m.number(digits), m.now
	if a, ok := m.remembered(n, 0); ok {
		return result{answer: a}
	}
	if a, ok := m.remembered(n, 7*24*time.Hour); ok && a.Known() {
		if !m.resting(n) {
			m.takeOff(n, b)
		}
		return result{answer: a}
	}
	err := n.failed
	if !m.resting(n) {
		m.takeOff(n, b)
		out := n.outcome
		if end := began.Add(800 * time.Millisecond); n.lands.After(end) {
			m.until(end)
			err = context.DeadlineExceeded
		} else {
			m.until(n.lands)
			if out.err == nil {
				return result{Answer{out.reputation, SourceQuery, 0}, "", m.now.Sub(began)}
			}
			err = out.err
		}
	}
	if a, ok := m.remembered(n, 30*24*time.Hour); ok {
		return result{a, "", m.now.Sub(began)}
	}
	return result{Answer{}, FailureReason(err), m.now.Sub(began)}
}

// restart loses what is not saved: queries under way, failures, and answers that
// can serve no longer.
func (m *model) restart() {
	for _, n := range m.numbers {
		n.flying, n.failedUntil = false, time.Time{}
		_, n.known = m.remembered(n, 30*24*time.Hour)
	}
}

// step is one thing that happens; which fields are used follows from kind.
type step struct {
	kind   string
	number string
	now    behaviour
	pause  time.Duration
}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		rapid.SampledFrom([]string{
			"behave", "behave", "pause", "pause", "pause", "pause", "lookup", "lookup", "lookup", "lookup", "at once", "at once", "find",
			"forget", "purge", "restart",
		}).Draw(t, "kind"),
		rapid.SampledFrom([]string{"13041439112", "95204657"}).Draw(t, "number"),
		rapid.SampledFrom(behaviours).Draw(t, "behaviour"),
		rapid.SampledFrom(pauses).Draw(t, "pause"),
	}
})

// GoString is how a failure prints the steps that led to it.
func (s step) GoString() string { return s.String() }

func (s step) String() string {
	switch s.kind {
	case "behave":
		return s.now.name
	case "pause":
		return s.pause.String()
	case "purge":
		return s.kind
	case "restart":
		return "restart after " + s.pause.String()
	}
	return s.kind + " " + s.number
}

// world is a Cache beside its model.
type world struct {
	cache *Cache
	model model

	mu      sync.Mutex
	now     behaviour
	queries int
}

// Lookup is the directory's.
func (w *world) Lookup(ctx context.Context, _ Number) (Reputation, error) {
	w.mu.Lock()
	w.queries++
	b := w.now.delayed(w.queries)
	w.mu.Unlock()
	select {
	case <-time.After(b.after):
		return b.reputation, b.err
	case <-ctx.Done():
		return Reputation{}, ctx.Err()
	}
}

func (w *world) open() (err error) {
	w.cache, err = NewCache(CacheOptions{Directory: w, Jitter: -1})
	return err
}

// run lets the steps happen, and returns where cache and model differ.
func (w *world) run(all []step) error {
	w.now, w.model = behaviours[0], model{now: time.Now(), numbers: map[string]*modelled{}}
	if err := w.open(); err != nil {
		return err
	}
	defer func() { w.cache.Close() }()
	for i, s := range all {
		if err := errors.Join(w.take(s), w.compare()); err != nil {
			return fmt.Errorf("step %d, %v: %w", i, s, err)
		}
		w.pass(time.Millisecond)
	}
	return nil
}

func (w *world) take(s step) error {
	n := Number{Country: "86", Digits: s.number}
	m := w.model.number(s.number)
	switch s.kind {
	case "behave":
		w.now = s.now
	case "pause":
		w.pass(s.pause)
	case "lookup":
		return w.calls(n, 1)
	case "at once":
		return w.calls(n, 5)
	case "find":
		got, ok := w.cache.Find(n, time.Now())
		if want, wantOK := w.model.remembered(m, 0); ok != wantOK || !reflect.DeepEqual(got, want) {
			return fmt.Errorf("found %+v, %v; want %+v, %v", got, ok, want, wantOK)
		}
	case "forget":
		if got := w.cache.Forget(n); got != m.known {
			return fmt.Errorf("forgot: %v, want %v", got, m.known)
		}
		m.forget()
	case "purge":
		w.cache.Purge()
		for _, m := range w.model.numbers {
			m.forget()
		}
	case "restart":
		return w.restart(s.pause)
	}
	return nil
}

func (n *modelled) forget() { n.known, n.failedUntil = false, time.Time{} }

func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	w.model.until(time.Now())
}

// calls has several callers look up one number at the same moment.
func (w *world) calls(n Number, callers int) error {
	got := make([]result, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 800*time.Millisecond)
			defer cancel()
			began := time.Now()
			a, err := w.cache.Lookup(ctx, n)
			got[i] = result{a, FailureReason(err), time.Since(began)}
		})
	}
	all.Wait()
	synctest.Wait()
	want := w.model.lookup(n.Digits, w.now)
	for _, g := range got {
		if !reflect.DeepEqual(g, want) {
			return fmt.Errorf("directory %s: got %+v, want %+v", w.now.name, g, want)
		}
	}
	return nil
}

// restart gives what is saved to another cache, a while later.
func (w *world) restart(pause time.Duration) error {
	var file bytes.Buffer
	err := w.cache.Save(&file)
	w.cache.Close()
	if err = errors.Join(err, w.open()); err != nil {
		return err
	}
	w.model.restart()
	w.pass(pause)
	return w.cache.Restore(&file)
}

// compare holds that the queries and the answers remembered are as many.
func (w *world) compare() error {
	known := 0
	for _, m := range w.model.numbers {
		if m.known {
			known++
		}
	}
	if n := w.cache.Len(); w.queries != w.model.queries || n != known {
		return fmt.Errorf("%d queries and %d answers, want %d and %d", w.queries, n, w.model.queries, known)
	}
	return nil
}

// TestCacheAgainstItsModel lets calls, failures, restarts and time itself come in
// any order, and holds that the Cache does what its model says: who is answered
// what, from where, how old, after how long, and how many queries it cost.
func TestCacheAgainstItsModel(t *testing.T) {
	for range 5 { // a hundred cases each
		rapid.Check(t, checkCache(t))
	}
}

func checkCache(t *testing.T) func(*rapid.T) {
	return func(rt *rapid.T) {
		n := rapid.SampledFrom([]int{3, 100}).Draw(rt, "length") // drawn freely, most stories are short
		all := rapid.SliceOfN(steps, n, n).Draw(rt, "steps")
		var err error
		synctest.Test(t, func(*testing.T) { err = new(world).run(all) })
		if err != nil {
			rt.Fatal(err)
		}
	}
}
