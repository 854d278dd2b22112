package juhe_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"callscreen/juhe"
	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// delays are how long calls were held up, and how many were not let through.
type delays struct {
	mu      sync.Mutex
	before  []time.Duration // while queries were sent
	after   []time.Duration // while they were not
	stopped int             // calls that did not go on
	back    time.Time       // the first answer of a query
}

func (d *delays) add(decision screening.Decision, asked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if asked {
		d.before = append(d.before, decision.Took)
	} else {
		d.after = append(d.after, decision.Took)
	}
	if decision.Verdict.Action != screening.Allow {
		d.stopped++
	}
	if decision.Source == screening.SourceQuery && d.back.IsZero() {
		d.back = time.Now()
	}
}

func (d *delays) recovered() (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.back, !d.back.IsZero()
}

func p99(all []time.Duration) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return float64(all[len(all)*99/100]) / float64(time.Millisecond)
}

// BenchmarkFrozenJuhe has Juhe take every question and answer none, under 200 calls
// a second of new numbers for a minute; then it comes back. Run it once:
//
//	go test -run '^$' -bench FrozenJuhe -benchtime 1x ./juhe
func BenchmarkFrozenJuhe(b *testing.B) {
	for b.Loop() {
		sim := juhesim.New()
		c := client(b, server(b, sim).URL, nil)
		cache, err := screening.NewCache(screening.CacheOptions{Directory: c, Unscreened: c.Unscreened})
		if err != nil {
			b.Fatal(err)
		}
		policy, err := screening.ParsePolicy("policy.yaml", []byte("mode: enforce\nrules:\n  - {id: sales, when: {category: sales}, action: reject}\n"))
		if err != nil {
			b.Fatal(err)
		}
		engine, err := screening.New(screening.Options{Policy: policy, Cache: cache})
		if err != nil {
			b.Fatal(err)
		}
		sim.SetAll(juhesim.Reply{Hang: true})
		d, began := new(delays), time.Now()
		var opened time.Time
		var calls sync.WaitGroup
		tick := time.NewTicker(time.Second / 200)
		n, back := 0, time.Time{}
		for ; ; n++ {
			<-tick.C
			asked := c.State().Reason == ""
			if !asked && opened.IsZero() {
				opened = time.Now()
			}
			if back.IsZero() && time.Since(began) >= time.Minute {
				report(b, d, c, sim, n, opened.Sub(began))
				sim.Restore()
				back = time.Now()
			}
			if _, ok := d.recovered(); ok || !back.IsZero() && time.Since(back) > 2*time.Minute {
				break
			}
			calls.Go(func() { // ends with the budget of the call
				call := screening.Call{ID: "1@bench", At: time.Now(), From: fmt.Sprint(13000000000 + n), To: "02166668888"}
				d.add(engine.Screen(b.Context(), call), asked)
			})
		}
		tick.Stop()
		calls.Wait()
		when, ok := d.recovered()
		if !ok || d.stopped > 0 {
			b.Fatalf("%d calls did not go on; back: %v", d.stopped, ok)
		}
		b.ReportMetric(when.Sub(back).Seconds(), "s-to-recover")
		cache.Close()
	}
}

// report prints the figures of the minute.
func report(b *testing.B, d *delays, c *juhe.Client, sim *juhesim.Sim, n int, opened time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b.ReportMetric(float64(n), "calls")
	b.ReportMetric(float64(sim.Queries()), "queries")
	b.ReportMetric(float64(c.State().Unscreened), "unscreened")
	b.ReportMetric(opened.Seconds(), "s-to-open")
	b.ReportMetric(p99(d.before), "ms-p99-before")
	b.ReportMetric(p99(d.after), "ms-p99-after")
}
