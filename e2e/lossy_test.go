package e2e

import (
	"flag"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var lossyTime = flag.Duration("lossy", 5*time.Second, "how long calls are placed over a bad network")

// badWay is a way of datagrams on which one in ten is lost, one in twenty comes twice, and
// each takes 100 ms, some a little more, so that they overtake each other.
type badWay struct {
	mu     sync.Mutex
	random *rand.Rand
	over   sync.WaitGroup // what is on the way
	lost   int
	twice  int
}

func newBadWay() *badWay { return &badWay{random: rand.New(rand.NewPCG(3, 4))} }

// pass hands on what came, in its time.
func (b *badWay) pass(on func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	times := 1
	switch n := b.random.IntN(20); {
	case n < 2:
		b.lost++
		return
	case n == 2:
		b.twice++
		times = 2
	}
	for range times {
		b.over.Add(1)
		time.AfterFunc(100*time.Millisecond+time.Duration(b.random.IntN(5))*time.Millisecond, func() {
			defer b.over.Done()
			on()
		})
	}
}

// Calls come through a network that loses, delays, doubles and turns around, on both
// sides: they are set up, talk and end, each of them asked about and recorded once.
func TestLossyNetwork(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{})
	way := newBadWay()
	t.Cleanup(way.over.Wait)
	o.carrier.way, o.pbx.way = way, way
	l := o.startLoad(rate)
	time.Sleep(*lossyTime)
	calls, failed := o.sum(l.stop())
	o.stop()
	decided, ended := map[string]int{}, map[string]int{}
	for _, e := range o.recordLines("record.jsonl") {
		switch e.Event {
		case "decision":
			decided[e.Call]++
		case "end":
			ended[e.Call]++
		}
	}
	way.mu.Lock()
	t.Logf("%d calls, %d failed; %d datagrams lost, %d doubled, %d requests sent again; %d questions, %d decisions, %d ends",
		calls, failed, way.lost, way.twice, l.repeated.Load(), o.juhe.Queries(), len(decided), len(ended))
	way.mu.Unlock()
	if failed > calls/200 {
		t.Errorf("%d of %d calls failed, want one in 200 at the most", failed, calls)
	}
	if n := o.juhe.Queries(); n != calls || len(decided) != calls {
		t.Errorf("%d questions and %d calls in the record, want one of each for %d calls", n, len(decided), calls)
	}
	for call, n := range decided {
		if n != 1 || ended[call] > 1 {
			t.Errorf("call %s has %d decisions and %d ends", call, n, ended[call])
		}
	}
}
