package screening

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// lookupFunc lets a plain function stand in for a Directory.
type lookupFunc func(context.Context, Number) (Reputation, error)

func (f lookupFunc) Lookup(ctx context.Context, n Number) (Reputation, error) { return f(ctx, n) }

// answers is a Directory that always says r, and counts how often it is asked.
func answers(r Reputation) (lookupFunc, *atomic.Int32) {
	asked := new(atomic.Int32)
	return func(context.Context, Number) (Reputation, error) {
		asked.Add(1)
		return r, nil
	}, asked
}

// hangs is a Directory that answers nothing.
func hangs(ctx context.Context, _ Number) (Reputation, error) {
	<-ctx.Done()
	return Reputation{}, ctx.Err()
}

var (
	errDown  = errors.New("directory is down")
	sales    = Reputation{Category: CategorySales, Label: "推销", Marks: 3475, Kinds: []string{"a"}, Directory: "test"}
	salesman = Number{Country: "86", Digits: "13041439112", Class: ClassMobile}
)

// cacheOf returns a Cache without jitter in front of d, closed with the test.
func cacheOf(t testing.TB, d Directory, change func(*CacheOptions)) *Cache {
	t.Helper()
	o := CacheOptions{Directory: d, Jitter: -1}
	if change != nil {
		change(&o)
	}
	c, err := NewCache(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// lookup looks salesman up with a budget of 800 ms.
func lookup(t testing.TB, c *Cache) (Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	return c.Lookup(ctx, salesman)
}

func wantAnswer(t testing.TB, got Answer, err error, want Answer) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("answer = %+v, %v; want %+v", got, err, want)
	}
}

func TestCacheRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		c := cacheOf(t, d, nil)
		if _, ok := c.Find(salesman, time.Now()); ok {
			t.Error("an empty cache found something")
		}
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceQuery, 0})

		time.Sleep(24*time.Hour - 1)
		a, err = lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceCache, 24*time.Hour - 1})
		if a, ok := c.Find(salesman, time.Now()); !ok || a.Source != SourceCache {
			t.Errorf("Find = %+v, %v", a, ok)
		}
		time.Sleep(time.Nanosecond)
		if a, ok := c.Find(salesman, time.Now()); ok {
			t.Errorf("Find past its lifetime = %+v", a)
		}
	})
}

func TestCacheLifetimes(t *testing.T) {
	tests := []struct {
		name       string
		reputation Reputation
		want       time.Duration
	}{
		{"known", sales, 24 * time.Hour},
		{"unknown", Reputation{Directory: "test"}, 6 * time.Hour},
		{"unknown and vague", Reputation{Keep: 10 * time.Minute}, 10 * time.Minute},
		{"known and kept short", Reputation{Name: "x", Keep: time.Hour}, time.Hour},
		{"kept longer than allowed", Reputation{Name: "x", Keep: 48 * time.Hour}, 24 * time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, _ := answers(tt.reputation)
				c := cacheOf(t, d, nil)
				lookup(t, c)
				for at, want := range map[time.Duration]bool{0: true, tt.want - 1: true, tt.want: false} {
					if _, ok := c.Find(salesman, time.Now().Add(at)); ok != want {
						t.Errorf("found after %v: %v, want %v", at, ok, want)
					}
				}
			})
		})
	}
}

func TestCacheJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		c := cacheOf(t, d, func(o *CacheOptions) { o.Jitter = 0 })
		early, late := 0, 0
		for i := range 1000 {
			n := Number{Country: "86", Digits: fmt.Sprint(13000000000 + i)}
			c.Lookup(t.Context(), n)
			found := func(hours float64) bool {
				_, ok := c.Find(n, time.Now().Add(time.Duration(hours*float64(time.Hour))))
				return ok
			}
			if !found(24*0.9-0.01) || found(24*1.1+0.01) {
				t.Fatalf("%s lives outside 24h±10%%", n.Digits)
			}
			if found(24) {
				late++
			} else {
				early++
			}
		}
		if early < 400 || late < 400 {
			t.Errorf("%d live shorter than 24h and %d longer, want about half each", early, late)
		}
	})
}

func TestCacheKeepsSpellingsTogetherAndNumbersApart(t *testing.T) {
	d, asked := answers(sales)
	c := cacheOf(t, d, nil)
	for _, n := range []Number{
		salesman,
		{Country: "86", Digits: salesman.Digits, Class: ClassMVNO},
		{Country: "852", Digits: "+85221234567", Class: ClassInternational},
		{Country: "853", Digits: "+85321234567", Class: ClassInternational},
	} {
		c.Lookup(t.Context(), n)
	}
	if asked.Load() != 3 || c.Len() != 3 {
		t.Errorf("%d queries for %d numbers, want 3", asked.Load(), c.Len())
	}
}

func TestCacheOneFlightANumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := cacheOf(t, lookupFunc(func(context.Context, Number) (Reputation, error) {
			asked.Add(1)
			time.Sleep(300 * time.Millisecond)
			return sales, nil
		}), nil)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				started := time.Now()
				a, err := lookup(t, c)
				wantAnswer(t, a, err, Answer{sales, SourceQuery, 0})
				if took := time.Since(started); took != 300*time.Millisecond {
					t.Errorf("took %v, want 300ms", took)
				}
			})
		}
		all.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d queries for 20 callers, want 1", asked.Load())
		}
	})
}

// TestCacheLandingIsNoGap: who looked before a query landed and takes off after it
// finds what it brought.
func TestCacheLandingIsNoGap(t *testing.T) {
	for _, err := range []error{nil, errDown} {
		asked := 0
		c := cacheOf(t, lookupFunc(func(context.Context, Number) (Reputation, error) {
			asked++
			return sales, err
		}), nil)
		for range 2 {
			if _, got := c.fly(t.Context(), keyOf(salesman), salesman); got != err {
				t.Errorf("fly = %v, want %v", got, err)
			}
		}
		if asked != 1 {
			t.Errorf("%d queries that end with %v, want 1", asked, err)
		}
	}
}

func TestCacheLateAnswerLands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := cacheOf(t, lookupFunc(func(ctx context.Context, _ Number) (Reputation, error) {
			asked.Add(1)
			time.Sleep(3 * time.Second)
			return sales, ctx.Err()
		}), nil)
		started := time.Now()
		_, err := lookup(t, c)
		if took := time.Since(started); took != 800*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v: %v; want DeadlineExceeded after 800ms", took, err)
		}
		time.Sleep(3 * time.Second)
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceCache, 800 * time.Millisecond})
		if asked.Load() != 1 {
			t.Errorf("%d queries, want 1", asked.Load())
		}
	})
}

func TestCacheWhoHasLeftDoesNotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, asked := answers(sales)
		c := cacheOf(t, d, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Lookup(ctx, salesman)
		synctest.Wait()
		if !errors.Is(err, context.Canceled) || asked.Load() != 0 {
			t.Errorf("Lookup = %v after %d queries, want Canceled after none", err, asked.Load())
		}
	})
}

func TestCacheFirstCallerLeavingHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cacheOf(t, lookupFunc(func(ctx context.Context, _ Number) (Reputation, error) {
			select {
			case <-ctx.Done():
				return Reputation{}, ctx.Err()
			case <-time.After(500 * time.Millisecond):
				return sales, nil
			}
		}), nil)
		first, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(100*time.Millisecond, hangUp)
		go c.Lookup(first, salesman) // ends when the caller hangs up
		synctest.Wait()
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceQuery, 0})
	})
}

func TestCacheRemembersFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := cacheOf(t, lookupFunc(func(context.Context, Number) (Reputation, error) {
			asked.Add(1)
			return Reputation{}, errDown
		}), nil)
		for range 40 {
			if _, err := lookup(t, c); !errors.Is(err, errDown) {
				t.Errorf("Lookup = %v, want %v", err, errDown)
			}
		}
		time.Sleep(30*time.Second - 1)
		lookup(t, c)
		if asked.Load() != 1 {
			t.Errorf("%d queries within 30s, want 1", asked.Load())
		}
		time.Sleep(time.Nanosecond)
		lookup(t, c)
		if asked.Load() != 2 || c.Len() != 0 {
			t.Errorf("%d queries after 30s and %d answers, want 2 and none", asked.Load(), c.Len())
		}
	})
}

// TestCacheFlightLimitIsAFailure: the directory, not the caller, ran out of time.
func TestCacheFlightLimitIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		c := cacheOf(t, lookupFunc(func(ctx context.Context, n Number) (Reputation, error) {
			asked.Add(1)
			return hangs(ctx, n)
		}), nil)
		lookup(t, c)
		time.Sleep(5 * time.Second)
		lookup(t, c) // joins the query, which is still under way
		time.Sleep(5 * time.Second)
		started := time.Now()
		_, err := lookup(t, c)
		if took := time.Since(started); took != 0 || asked.Load() != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after %v and %d queries: %v; want DeadlineExceeded at once after 1", took, asked.Load(), err)
		}
	})
}

func TestCacheCatchesPanics(t *testing.T) {
	var log strings.Builder
	c := cacheOf(t, lookupFunc(func(context.Context, Number) (Reputation, error) { panic("out of cheese") }),
		func(o *CacheOptions) { o.Logger = zerolog.New(&log) })
	for range 2 {
		if _, err := lookup(t, c); !errors.Is(err, ErrPanic) || !strings.Contains(err.Error(), "out of cheese") {
			t.Errorf("Lookup = %v, want ErrPanic", err)
		}
	}
	if strings.Count(log.String(), "out of cheese") != 1 || !strings.Contains(log.String(), "cache_test.go") {
		t.Errorf("log = %s; want one line with the stack", log.String())
	}
}

func TestCacheStaysWithinItsSize(t *testing.T) {
	d, _ := answers(sales)
	c := cacheOf(t, d, func(o *CacheOptions) { o.Size = 5000 })
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		n := Number{Country: "86", Digits: fmt.Sprint(13000000000 + random.IntN(1e9))}
		c.Lookup(t.Context(), n)
	}
	if c.Len() != 5000 {
		t.Errorf("%d numbers remembered, want 5000", c.Len())
	}
	c.o.Directory = lookupFunc(func(context.Context, Number) (Reputation, error) { return Reputation{}, errDown })
	for i := range 10_000 {
		c.Lookup(t.Context(), Number{Country: "86", Digits: fmt.Sprint(19000000000 + i)})
	}
	if c.Len() != 5000 || c.failures.Len() != maxFailures {
		t.Errorf("after an outage %d answers and %d failures, want 5000 and %d", c.Len(), c.failures.Len(), maxFailures)
	}
}

func TestCacheCloseEndsQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine outlives it
		c := cacheOf(t, lookupFunc(hangs), nil)
		for i := range 50 {
			go c.Lookup(t.Context(), Number{Country: "86", Digits: fmt.Sprint(13000000000 + i)}) // ends with Close
		}
		synctest.Wait()
		started := time.Now()
		c.Close()
		if took := time.Since(started); took != 0 {
			t.Errorf("Close took %v", took)
		}
		if c.failures.Len() != 0 {
			t.Error("Close was remembered as a failure of the directory")
		}
		if _, err := lookup(t, c); !errors.Is(err, ErrClosed) {
			t.Errorf("Lookup after Close = %v, want ErrClosed", err)
		}
	})
}

func TestNewCacheRefuses(t *testing.T) {
	d, _ := answers(sales)
	for _, o := range []CacheOptions{{}, {Directory: d, Size: -1}, {Directory: d, Known: -1}, {Directory: d, Unknown: -1}, {Directory: d, Flight: -1}, {Directory: d, Jitter: 1}} {
		if _, err := NewCache(o); err == nil {
			t.Errorf("NewCache(%+v) took it", o)
		}
	}
}

func TestCacheFindAllocatesNothing(t *testing.T) {
	d, _ := answers(sales)
	c := cacheOf(t, d, nil)
	lookup(t, c)
	now := time.Now()
	if n := testing.AllocsPerRun(100, func() { c.Find(salesman, now) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkCacheFind(b *testing.B) {
	d, _ := answers(sales)
	c := cacheOf(b, d, nil)
	c.Lookup(b.Context(), salesman)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Find(salesman, now); !ok {
			b.Fatal("not found")
		}
	}
}
