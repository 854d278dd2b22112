package screening

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"
)

func TestCacheStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		own := ownList{}
		c := cacheOf(t, d, func(o *CacheOptions) { o.Size, o.Own = 2, own })
		lookup(t, c) // query
		lookup(t, c) // cache
		c.Find(salesman, time.Now())
		c.Find(Number{Digits: "1"}, time.Now())
		time.Sleep(25 * time.Hour)
		lookup(t, c) // stale, and a query that renews it
		synctest.Wait()
		own["7"] = sales
		c.Find(Number{Digits: "7"}, time.Now())
		c.o.Directory = lookupFunc(down)
		c.Lookup(t.Context(), Number{Digits: "8"})
		c.o.Directory = d
		for i := range 3 {
			c.Lookup(t.Context(), Number{Country: "86", Digits: fmt.Sprint(13000000000 + i)})
		}
		want := CacheStats{
			Entries: 2, Size: 2,
			Hits:       map[Source]uint64{SourceQuery: 4, SourceCache: 2, SourceStale: 1, SourceList: 1},
			Unscreened: map[string]uint64{"failed": 1},
			Queries:    6, Failures: 1, Evictions: 2,
		}
		if got := c.Stats(); !reflect.DeepEqual(got, want) {
			t.Errorf("stats = %+v, want %+v", got, want)
		}
	})
}

func TestCacheGetAndForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, asked := answers(sales)
		c := cacheOf(t, d, nil)
		if e, ok := c.Get(salesman); ok || c.Forget(salesman) {
			t.Errorf("Get = %+v in an empty cache", e)
		}
		lookup(t, c)
		at := time.Now()
		time.Sleep(100 * time.Hour)
		e, ok := c.Get(salesman)
		if want := (CacheEntry{sales, at, at.Add(24 * time.Hour)}); !ok || !reflect.DeepEqual(e, want) {
			t.Errorf("Get = %+v, %v; want %+v", e, ok, want)
		}
		if !c.Forget(salesman) || c.Len() != 0 {
			t.Error("not forgotten")
		}
		a, err := lookup(t, c)
		wantAnswer(t, a, err, Answer{sales, SourceQuery, 0})
		if asked.Load() != 2 {
			t.Errorf("%d queries, want 2", asked.Load())
		}
	})
}

func TestCacheForgetsFailuresToo(t *testing.T) {
	for name, forget := range map[string]func(*Cache){
		"Forget": func(c *Cache) { c.Forget(salesman) },
		"Purge":  func(c *Cache) { c.Purge() },
	} {
		c := cacheOf(t, lookupFunc(down), nil)
		lookup(t, c)
		d, _ := answers(sales)
		c.o.Directory = d
		forget(c)
		if a, err := lookup(t, c); err != nil || a.Source != SourceQuery {
			t.Errorf("%s: Lookup = %+v, %v", name, a, err)
		}
	}
}

func TestCachePurge(t *testing.T) {
	d, _ := answers(sales)
	c := cacheOf(t, d, nil)
	for i := range 10 {
		c.Lookup(t.Context(), Number{Country: "86", Digits: fmt.Sprint(13000000000 + i)})
	}
	if n := c.Purge(); n != 10 || c.Len() != 0 || c.Stats().Evictions != 0 {
		t.Errorf("purged %d, %+v", n, c.Stats())
	}
}

// TestCacheAskCountsNoCall: what it brings is remembered all the same.
func TestCacheAskCountsNoCall(t *testing.T) {
	d, asked := answers(sales)
	told := 0
	c := cacheOf(t, d, func(o *CacheOptions) { o.Unscreened = func(error) { told++ } })
	for _, want := range []Source{SourceQuery, SourceCache} {
		if a, err := c.Ask(t.Context(), salesman); err != nil || a.Source != want || a.Label != sales.Label {
			t.Errorf("Ask = %+v, %v; want %s", a, err, want)
		}
	}
	c.Close()
	c.Forget(salesman)
	if _, err := c.Ask(t.Context(), salesman); !errors.Is(err, ErrClosed) {
		t.Errorf("Ask of a closed cache: %v", err)
	}
	if s := c.Stats(); told != 0 || asked.Load() != 1 || s.Hits[SourceQuery]+s.Hits[SourceCache] != 0 || len(s.Unscreened) != 0 {
		t.Errorf("told %d times, asked %d times, %+v", told, asked.Load(), s)
	}
}
