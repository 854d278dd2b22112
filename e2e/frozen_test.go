package e2e

import (
	"flag"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

var (
	frozen     = flag.Duration("frozen", 3*time.Second, "how long Juhe answers nothing in TestFrozenJuhe")
	frozenRate = flag.Int("frozen-rate", 40, "calls a second meanwhile")
)

// strangers are calls of new numbers that the PBX is busy for, and how long each took
// to reach it.
type strangers struct {
	o     *office
	mu    sync.Mutex
	calls map[string]*placed
	order []*placed
	seen  func(message) // what comes to the PBX; nil: nobody looks
}

type placed struct {
	d          *dialog
	sent, came time.Time
}

func newStrangers(o *office) *strangers {
	t := &strangers{o: o, calls: map[string]*placed{}}
	o.pbx.serve(t.atPBX)
	o.carrier.serve(t.atCarrier)
	return t
}

// atPBX notes when an INVITE comes, and is busy.
func (t *strangers) atPBX(m message) []message {
	if m.status() != 0 || len(m) < 6 || m[:6] != "INVITE" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.calls[m.header("Call-ID")]; c != nil && c.came.IsZero() {
		c.came = time.Now()
		if t.seen != nil {
			t.seen(m)
		}
	}
	return []message{m.answer("486 Busy Here")}
}

func (t *strangers) atCarrier(m message) []message {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.calls[m.header("Call-ID")]; c != nil && m.status() >= 300 {
		return []message{c.d.ack(m)}
	}
	return nil
}

// place sends the INVITE of a number that never called.
func (t *strangers) place() {
	t.mu.Lock()
	d := t.o.carrier.dial(strconv.Itoa(13000000000 + len(t.order)))
	c := &placed{d: d, sent: time.Now()}
	t.calls[d.id] = c
	t.order = append(t.order, c)
	t.mu.Unlock()
	t.o.carrier.send(d.invite())
}

// during places calls at a rate until done says so.
func (t *strangers) during(rate int, done func() bool) {
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for !done() {
		<-tick.C
		t.place()
	}
}

// missing are the calls that have not reached the PBX.
func (t *strangers) missing() (all []*placed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.order {
		if c.came.IsZero() {
			all = append(all, c)
		}
	}
	return all
}

// arrive waits until every call has reached the PBX, and sends again what the
// network may have dropped, as a carrier does.
func (t *strangers) arrive() {
	t.o.t.Helper()
	for end := time.Now().Add(patience); len(t.missing()) > 0; time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			t.o.t.Fatalf("%d of %d calls did not reach the PBX", len(t.missing()), len(t.order))
		}
		for _, c := range t.missing() {
			t.o.carrier.send(c.d.invite())
		}
	}
}

// delays are those of the calls placed within a time, in order.
func (t *strangers) delays(from, to time.Time) (all []time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.order {
		if !c.sent.Before(from) && c.sent.Before(to) {
			all = append(all, c.came.Sub(c.sent))
		}
	}
	slices.Sort(all)
	return all
}

// opened is when the first call was placed that did not wait for Juhe.
func (t *strangers) opened(wait time.Duration) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.order {
		if !c.came.IsZero() && c.came.Sub(c.sent) < wait {
			return c.sent
		}
	}
	return time.Time{}
}

func percentile(sorted []time.Duration, n int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)*n/100]
}

// Juhe takes every question and answers none: every call goes on, after its budget
// until queries stop and at once from then on; when Juhe is back the next probe finds
// that out. The times of a quiet machine come with
//
//	go test -run TestFrozenJuhe -v ./e2e -frozen 60s -frozen-rate 200
func TestFrozenJuhe(t *testing.T) {
	t.Parallel()
	const budget, probes = 800 * time.Millisecond, 30 * time.Second
	o := newOffice(t, setting{budget: budget})
	o.juhe.SetAll(juhesim.Reply{Hang: true})
	all, began := newStrangers(o), time.Now()
	all.during(*frozenRate, func() bool { return time.Since(began) >= *frozen })
	asked, thawed := o.juhe.Queries(), time.Now()
	o.juhe.Restore()
	all.during(*frozenRate, func() bool { return o.juhe.Queries() >= asked+3 || time.Since(thawed) > 2*probes+patience })
	recovered := time.Since(thawed)
	all.arrive()
	opened := all.opened(budget / 2)
	before, after := all.delays(began, opened), all.delays(opened, thawed)
	t.Logf("%d calls, all reached the PBX; %d questions while Juhe was frozen for %v", len(all.order), asked, *frozen)
	t.Logf("queries stopped after %v; delay before: %d calls, p50 %v, p99 %v; after: %d calls, p50 %v, p99 %v; asked again %v after its return",
		opened.Sub(began).Round(time.Millisecond), len(before), percentile(before, 50), percentile(before, 99),
		len(after), percentile(after, 50), percentile(after, 99), recovered.Round(time.Millisecond))
	if o.juhe.Queries() < asked+3 {
		t.Errorf("%d questions within %v of Juhe's return", o.juhe.Queries()-asked, recovered)
	}
	if most := len(before) + 1 + int(*frozen/probes); asked > most+5 {
		t.Errorf("%d questions while Juhe was frozen; want no more than before queries stopped, and one for each probe: %d", asked, most)
	}
}
