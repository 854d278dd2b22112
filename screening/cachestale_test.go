package screening

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func down(context.Context, Number) (Reputation, error) { return Reputation{}, errDown }

// refuses does not ask, and says so.
type unaskedFor struct{ reasoned }

func (unaskedFor) Unasked() bool { return true }

func refuses(context.Context, Number) (Reputation, error) {
	return Reputation{}, unaskedFor{reasoned("budget")}
}

func panics(context.Context, Number) (Reputation, error) { panic("x") }

// slowly is a Directory that says r after a while, and counts how often it is asked.
func slowly(r Reputation, after time.Duration) (lookupFunc, *atomic.Int32) {
	asked := new(atomic.Int32)
	return func(context.Context, Number) (Reputation, error) {
		asked.Add(1)
		time.Sleep(after)
		return r, nil
	}, asked
}

// TestCacheServesWhileItRenews: no call waits for the one query.
func TestCacheServesWhileItRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		c := cacheOf(t, d, nil)
		lookup(t, c)
		time.Sleep((24+168)*time.Hour - 1)
		fraud := Reputation{Category: CategoryFraud, Label: "疑似诈骗", Marks: 9}
		d, asked := slowly(fraud, 300*time.Millisecond)
		c.o.Directory = d
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				started := time.Now()
				a, err := lookup(t, c)
				wantAnswer(t, a, err, Answer{sales, SourceStale, (24+168)*time.Hour - 1})
				if took := time.Since(started); took != 0 {
					t.Errorf("took %v", took)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Second)
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{fraud, SourceCache, 700 * time.Millisecond})
		if asked.Load() != 1 {
			t.Errorf("%d queries, want 1", asked.Load())
		}
	})
}

// TestCacheOldAnswers holds how long which answers serve, and whether the call
// waits for a newer one first.
func TestCacheOldAnswers(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	unknown := Reputation{Directory: "test"}
	brief := Reputation{Label: "x", Keep: hour}
	tests := []struct {
		name       string
		reputation Reputation
		then       lookupFunc
		age        time.Duration // when it is looked up again
		serves     bool
		waited     time.Duration
	}{
		{"known, down", sales, down, 25 * hour, true, 0},
		{"known, hangs", sales, hangs, 25 * hour, true, 0},
		{"known, panics", sales, panics, 25 * hour, true, 0},
		{"known, refuses", sales, refuses, 25 * hour, true, 0},
		{"known, a week later, down", sales, down, 8 * day, true, 0},
		{"known, a week later, hangs", sales, hangs, 8 * day, true, 800 * time.Millisecond},
		{"known, a week later, refuses", sales, refuses, 8 * day, true, 0},
		{"known, last moment", sales, down, 31*day - 1, true, 0},
		{"known, too old", sales, down, 31 * day, false, 0},
		{"unknown, down", unknown, down, 7 * hour, true, 0},
		{"unknown, hangs", unknown, hangs, 7 * hour, true, 800 * time.Millisecond},
		{"unknown, too old", unknown, down, 30*day + 6*hour, false, 0},
		{"kept by its word", brief, down, hour, false, 0},
		{"kept by its word, hangs", brief, hangs, hour, false, 800 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := answers(tt.reputation)
				c := cacheOf(t, d, nil)
				lookup(t, c)
				c.o.Directory = tt.then
				time.Sleep(tt.age)
				for i := range 3 { // and again while the failure is remembered
					started := time.Now()
					a, err := lookup(t, c)
					if tt.serves {
						wantAnswer(t, a, err, Answer{tt.reputation, SourceStale, tt.age + time.Duration(i+1)*tt.waited})
					} else if err == nil {
						t.Errorf("Lookup = %+v, want an error", a)
					}
					if took := time.Since(started); took != tt.waited {
						t.Errorf("took %v, want %v", took, tt.waited)
					}
					synctest.Wait()
				}
			})
		})
	}
}

// TestCacheAsksAgainForTheUnknown: who was unknown may be notorious by now.
func TestCacheAsksAgainForTheUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(Reputation{})
		c := cacheOf(t, d, nil)
		lookup(t, c)
		time.Sleep(6 * time.Hour)
		c.o.Directory, _ = slowly(sales, 300*time.Millisecond)
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceQuery, 0})
	})
}

func TestCacheGraces(t *testing.T) {
	tests := []struct {
		stale, outage time.Duration
		at            time.Duration // past the lifetime
		serves, waits bool
	}{
		{0, 0, 168*time.Hour - 1, true, false},
		{0, 0, 720*time.Hour - time.Second, true, true},
		{0, 0, 720 * time.Hour, false, true},
		{-1, 0, 0, false, true},
		{-1, time.Hour, time.Hour - time.Second, true, true},
		{-1, time.Hour, time.Hour, false, true},
		{time.Hour, -1, time.Hour - 1, true, false},
		{time.Hour, -1, time.Hour, false, true},
	}
	for _, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			d, _ := answers(sales)
			c := cacheOf(t, d, func(o *CacheOptions) { o.Stale, o.Outage = tt.stale, tt.outage })
			lookup(t, c)
			time.Sleep(24*time.Hour + tt.at)
			c.o.Directory = lookupFunc(hangs)
			started := time.Now()
			a, err := lookup(t, c)
			if waits := time.Since(started) > 0; (err == nil) != tt.serves || waits != tt.waits {
				t.Errorf("%+v: Lookup = %+v, %v; waited %v", tt, a, err, waits)
			}
		})
	}
}

// TestCacheRestsAfterAFailedRenewal: thirty seconds, as after any other.
func TestCacheRestsAfterAFailedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		c := cacheOf(t, d, nil)
		lookup(t, c)
		time.Sleep(25 * time.Hour)
		asked := 0
		c.o.Directory = lookupFunc(func(context.Context, Number) (Reputation, error) {
			asked++
			return Reputation{}, errDown
		})
		for second := range 60 {
			lookup(t, c)
			synctest.Wait()
			if want := 1 + second/30; asked != want {
				t.Fatalf("%d queries after %d seconds, want %d", asked, second, want)
			}
			time.Sleep(time.Second)
		}
	})
}

// TestCacheDoesNotRememberRefusals: the number did nothing to rest for.
func TestCacheDoesNotRememberRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cacheOf(t, lookupFunc(refuses), nil)
		if _, err := lookup(t, c); FailureReason(err) != "budget" || c.failures.Len() != 0 {
			t.Errorf("Lookup = %v, %d failures; want budget and none", err, c.failures.Len())
		}
		d, _ := answers(sales)
		c.o.Directory = d
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceQuery, 0})
	})
}

// ownList is a list of one number.
type ownList map[string]Reputation

func (l ownList) Find(n Number) (Reputation, bool) { r, ok := l[n.Digits]; return r, ok }

// TestCacheOwnListComesFirst: it beats what is remembered, at once, and costs no query.
func TestCacheOwnListComesFirst(t *testing.T) {
	d, asked := answers(sales)
	own := ownList{}
	c := cacheOf(t, d, func(o *CacheOptions) { o.Own = own })
	lookup(t, c)
	customer := Reputation{Name: "a customer", Directory: "office"}
	own[salesman.Digits] = customer
	a, err := lookup(t, c)
	wantAnswer(t, a, err, Answer{customer, SourceList, 0})
	if a, ok := c.Find(salesman, time.Now()); !ok || a.Name != customer.Name || a.Source != SourceList {
		t.Errorf("Find = %+v, %v", a, ok)
	}
	delete(own, salesman.Digits)
	a, err = lookup(t, c)
	if err != nil || a.Label != sales.Label || a.Source != SourceCache || asked.Load() != 1 {
		t.Errorf("Lookup = %+v, %v after %d queries", a, err, asked.Load())
	}
}

// TestCacheOfAnOwnListAlone: who is not on it is a stranger at once, and remains none
// when somebody can be asked one day.
func TestCacheOfAnOwnListAlone(t *testing.T) {
	customer := Reputation{Name: "a customer", Directory: "office"}
	c := cacheOf(t, nil, func(o *CacheOptions) { o.Own = ownList{salesman.Digits: customer} })
	a, err := lookup(t, c)
	wantAnswer(t, a, err, Answer{customer, SourceList, 0})
	stranger := Number{Country: "86", Digits: "13800138000", Class: ClassMobile}
	if a, ok := c.Find(stranger, time.Now()); !ok || !reflect.DeepEqual(a, Answer{Source: SourceNone}) {
		t.Errorf("Find = %+v, %v", a, ok)
	}
	a, err = c.Lookup(t.Context(), stranger)
	wantAnswer(t, a, err, Answer{Source: SourceNone})
	if s := c.Stats(); s.Entries != 0 || s.Queries != 0 || s.Hits[SourceList] != 1 {
		t.Errorf("Stats = %+v", s)
	}
}

func TestCacheTellsOfCallsWithoutAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		c := cacheOf(t, lookupFunc(hangs), func(o *CacheOptions) {
			o.Unscreened = func(err error) { told = append(told, FailureReason(err)) }
		})
		lookup(t, c)
		time.Sleep(10 * time.Second)
		lookup(t, c) // while the failure is remembered
		c.o.Directory = lookupFunc(refuses)
		time.Sleep(time.Minute)
		lookup(t, c)
		d, _ := answers(sales)
		c.o.Directory = d
		lookup(t, c)
		if len(told) != 3 || told[0] != "timeout" || told[1] != "timeout" || told[2] != "budget" {
			t.Errorf("told of %v, want timeout, timeout, budget", told)
		}
		if s := c.Stats(); s.Unscreened["timeout"] != 2 || s.Unscreened["budget"] != 1 || len(s.Unscreened) != 2 {
			t.Errorf("stats = %+v", s)
		}
	})
}

// TestCacheCloseDuringRenewal holds that it is waited for.
func TestCacheCloseDuringRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine outlives it
		d, _ := answers(sales)
		c := cacheOf(t, d, nil)
		lookup(t, c)
		time.Sleep(25 * time.Hour)
		c.o.Directory = lookupFunc(hangs)
		lookup(t, c)
		synctest.Wait()
		c.Close()
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceStale, 25 * time.Hour})
		if c.failures.Len() != 0 || errors.Is(err, ErrClosed) {
			t.Errorf("%d failures, %v", c.failures.Len(), err)
		}
	})
}
