package store

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// A call that comes alone is written soon. Where calls keep coming a batch grows, with
// what is told of its calls, and none waits for much more than gatherFor.
func TestGather(t *testing.T) {
	for _, tt := range []struct {
		name  string
		calls int
		every time.Duration
		items int
		took  time.Duration
	}{
		{"alone", 1, time.Hour, 2, 2 * gatherStep},
		{"a few", 5, 13 * time.Millisecond, 10, 5 * gatherStep},
		{"without a pause", 1000, 7 * time.Millisecond, 144, gatherFor + gatherStep},
		{"too many", gatherMost, time.Microsecond, gatherMost, gatherStep},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &Store{queue: make(chan item, 4*gatherMost), privacy: full}
				w := &writer{store: s, id: "w"}
				start := time.Now()
				var calling sync.WaitGroup
				defer calling.Wait()
				calling.Go(func() { // ends with the calls
					for n := range tt.calls {
						d := example(n)
						s.Record(d)
						s.Ended(screening.Ending{Call: d.Call.ID, Status: 603})
						time.Sleep(tt.every)
					}
				})
				first := <-s.queue
				b := w.gather(first)
				if took := time.Since(start); b.Items != tt.items || took > tt.took {
					t.Errorf("%d items after %v; want %d within %v", b.Items, took, tt.items, tt.took)
				}
				if len(b.Endings) > 0 || b.Rows[0].Final != 603 {
					t.Errorf("%d endings for the database, the first call ended by %d; want them in their rows", len(b.Endings), b.Rows[0].Final)
				}
			})
		})
	}
}

// A closed queue is no more waited for.
func TestGatherWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{queue: make(chan item, 3), privacy: full}
		w := &writer{store: s, id: "w"}
		for n := range 3 {
			s.Record(example(n))
		}
		close(s.queue)
		start := time.Now()
		first := <-s.queue
		if b := w.gather(first); b.Items != 3 || time.Since(start) > 0 {
			t.Errorf("%d items after %v; want 3 at once", b.Items, time.Since(start))
		}
	})
}
