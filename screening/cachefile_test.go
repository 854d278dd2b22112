package screening

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func saveCache(t testing.TB, c *Cache) []byte {
	t.Helper()
	var file bytes.Buffer
	if err := c.Save(&file); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func restoreCache(t testing.TB, c *Cache, file []byte) {
	t.Helper()
	if err := c.Restore(bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
}

// TestCacheSurvivesARestart fills every field that a Reputation has.
func TestCacheSurvivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := Reputation{
			"fraud", "<疑似>\n诈骗", 9, "n", "d", "p", []string{"a", "b"}, []string{"c"}, "juhe", 48 * time.Hour,
		}
		d, _ := answers(all)
		before := cacheOf(t, d, nil)
		lookup(t, before)
		time.Sleep(10 * time.Hour)
		file := saveCache(t, before)
		time.Sleep(13 * time.Hour)

		after := cacheOf(t, lookupFunc(down), nil)
		restoreCache(t, after, file)
		a, err := lookup(t, after)
		wantAnswer(t, a, err, Answer{all, SourceCache, 23 * time.Hour})
		time.Sleep(time.Hour)
		if a, ok := after.Find(salesman, time.Now()); ok {
			t.Errorf("Find past its lifetime = %+v", a)
		}
		if again := saveCache(t, after); bytes.Count(again, []byte("\n")) != 1 {
			t.Errorf("saved again what can serve no longer: %s", again)
		}
	})
}

// TestCacheClockIsSetBetween: a clock that was wrong makes nothing younger.
func TestCacheClockIsSetBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		c := cacheOf(t, d, nil)
		lookup(t, c)
		time.Sleep(10 * time.Hour)
		file := saveCache(t, c)
		_, entries, _ := bytes.Cut(file, []byte("\n"))
		for _, tt := range []struct {
			passed, age time.Duration
		}{{0, 10 * time.Hour}, {5 * time.Hour, 15 * time.Hour}, {-5 * time.Hour, 10 * time.Hour}, {-365 * 24 * time.Hour, 10 * time.Hour}} {
			after := cacheOf(t, d, nil)
			head := fmt.Sprintf("{\"saved\":%q}\n", time.Now().Add(-tt.passed).Format(time.RFC3339Nano))
			restoreCache(t, after, append([]byte(head), entries...))
			a, ok := after.Find(salesman, time.Now())
			if !ok || a.Age != tt.age {
				t.Errorf("%v later: age %v, %v; want %v", tt.passed, a.Age, ok, tt.age)
			}
			if _, ok := after.Find(salesman, time.Now().Add(24*time.Hour-tt.age)); ok {
				t.Errorf("%v later: it lives longer than a day", tt.passed)
			}
		}
	})
}

func TestRestoreRefuses(t *testing.T) {
	d, _ := answers(sales)
	full := cacheOf(t, d, nil)
	lookup(t, full)
	whole := string(saveCache(t, full))
	head, _, _ := strings.Cut(whole, "\n")
	for _, text := range []string{
		"", "x", "{}", "[]", head + "{", head + "[]", head + "{}", head + `{"national":"1","marks":-1}`, head + `{"national":"1","age":-1}`,
		whole + `{"national":1}`, whole[:len(whole)-3],
	} {
		c := cacheOf(t, d, nil)
		if err := c.Restore(strings.NewReader(text)); err == nil || c.Len() != 0 {
			t.Errorf("Restore(%q) = %v with %d entries; want an error and none", text, err, c.Len())
		}
	}
	if err := full.Save(brokenWriter{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("Save = %v, want the writer's error", err)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// TestCacheRestoresIntoLess keeps those that were used last.
func TestCacheRestoresIntoLess(t *testing.T) {
	d, asked := answers(sales)
	c := cacheOf(t, d, nil)
	number := func(i int) Number { return Number{Country: "86", Digits: fmt.Sprint(13000000000 + i)} }
	for i := range 100 {
		c.Lookup(t.Context(), number(i))
	}
	c.Lookup(t.Context(), number(0))
	small := cacheOf(t, d, func(o *CacheOptions) { o.Size = 10 })
	restoreCache(t, small, saveCache(t, c))
	for i := 91; i <= 100; i++ {
		small.Lookup(t.Context(), number(i%100))
	}
	if asked.Load() != 100 || small.Len() != 10 {
		t.Errorf("%d queries, %d entries; want 100 and 10", asked.Load(), small.Len())
	}
}

func TestCacheSavesWhileCallsGoOn(t *testing.T) {
	d, _ := answers(sales)
	c := cacheOf(t, d, func(o *CacheOptions) { o.Size = 500 })
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { // ends with stop
			for ctx.Err() == nil {
				n := Number{Country: "86", Digits: fmt.Sprint(13000000000 + rand.IntN(1000))}
				c.Lookup(t.Context(), n)
				c.Forget(n)
				c.Stats()
			}
		})
	}
	for range 50 {
		restoreCache(t, cacheOf(t, d, nil), saveCache(t, c))
	}
	stop()
	all.Wait()
}

// TestSavedHasEveryField: a field that a Reputation gains must survive a restart.
func TestSavedHasEveryField(t *testing.T) {
	if n := reflect.TypeFor[Reputation]().NumField(); n != reflect.TypeFor[saved]().NumField()-4 {
		t.Errorf("a Reputation has %d fields: save them all, and count %s up", n, CacheFile)
	}
}
