package juhe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// TestClockIsSet: back, and a stop ends in its own time; forward, and one query
// finds out.
func TestClockIsSet(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, jump := range []time.Duration{time.Hour, -time.Hour, year, -year} {
		t.Run(jump.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deskOf(t, nil, nil)
				d.sim.SetAll(juhesim.Reply{Code: 10001})
				_ = d.ask()
				d.clock.set(jump)
				time.Sleep(time.Second)
				if asks := d.asks(); asks != (jump > 0) {
					t.Errorf("a query when the clock is set: %v", asks)
				}
				if d.asks() {
					t.Error("another query at once")
				}
				time.Sleep(configPause)
				if !d.asks() {
					t.Error("no query after a quarter of an hour")
				}
			})
		})
	}
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		for range 10 {
			if err := d.ask(); err != nil {
				t.Fatal(err)
			}
		}
		d.refused("rate")
		if d.State() != (State{}) {
			t.Errorf("state = %+v; too many queries are no state", d.State())
		}
		time.Sleep(200 * time.Millisecond)
		if !d.asks() || d.asks() {
			t.Error("after a fifth of a second: want one query")
		}
		if err := d.ask(); !errors.Is(err, ErrRate) {
			t.Errorf("Lookup = %v, want ErrRate", err)
		}
		time.Sleep(time.Hour)
		n := 0
		for d.asks() {
			n++
		}
		if n != 10 {
			t.Errorf("%d queries at once after an hour, want 10", n)
		}
	})
}

// TestWhoIsNotLetOutFindsNothingOut: neither the rate nor the budget may use up the
// one query that finds out whether Juhe is back.
func TestWhoIsNotLetOutFindsNothingOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, func(o *Options) { o.Rate, o.Budget, o.Store = 0.001, Budget{Day: 2}, new(memory) })
		d.sim.SetAll(juhesim.Reply{Code: 99999})
		_ = d.ask()
		time.Sleep(configPause)
		d.refused("rate")
		time.Sleep(configPause)
		if !d.asks() {
			t.Fatal("no query after the rate allows it")
		}
		time.Sleep(time.Hour)
		d.refused("budget")
		time.Sleep(24 * time.Hour)
		if !d.asks() {
			t.Error("no query after the budget allows it")
		}
	})
}

func TestRateWithoutLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, func(o *Options) { o.Rate = -1 })
		for range 1000 {
			if err := d.ask(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestSlowAnswers come and are worth what they cost, but the calls did not wait
// for them.
func TestSlowAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, func(o *Options) { o.Slow = time.Second })
		d.sim.SetDelay(time.Second + 1)
		for range 5 {
			if _, err := d.Lookup(t.Context(), caller); err != nil {
				t.Fatal(err)
			}
		}
		d.refused("timeout")
		d.sim.SetDelay(time.Second - 1)
		time.Sleep(30 * time.Second)
		if _, err := d.Lookup(t.Context(), caller); err != nil || d.State() != (State{}) {
			t.Errorf("Lookup = %v, %+v", err, d.State())
		}
	})
}

// TestFailuresMustBeInARow: an answer between them starts the count anew.
func TestFailuresMustBeInARow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		for range 5 {
			d.sim.SetAll(juhesim.Reply{Code: 10014})
			for range 4 {
				_ = d.ask()
				time.Sleep(time.Second)
			}
			d.sim.Restore()
			if err := d.ask(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestCallersWhoLeaveAreNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		d.sim.SetAll(juhesim.Reply{Hang: true})
		for range 20 {
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, nil)
			time.AfterFunc(100*time.Millisecond, cancel)
			if _, err := d.Lookup(ctx, caller); !errors.Is(err, context.Canceled) {
				t.Fatalf("Lookup = %v, want Canceled", err)
			}
			time.Sleep(time.Second)
		}
		d.sim.SetAll(juhesim.Reply{Code: 10001})
		_ = d.ask()
		d.sim.SetAll(juhesim.Reply{Hang: true})
		time.Sleep(configPause)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		d.Lookup(ctx, caller) // it was to find out, and left
		d.sim.Restore()
		if err := d.ask(); err != nil {
			t.Errorf("Lookup = %v; want another query to find out", err)
		}
	})
}

type panics struct{}

func (panics) RoundTrip(*http.Request) (*http.Response, error) { panic("boom") }

func TestPanicIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, func(o *Options) { o.HTTP = &http.Client{Transport: panics{}} })
		ask := func() (err error) {
			defer func() {
				if recover() != nil {
					err = errBroken
				}
			}()
			return d.ask()
		}
		for range 5 {
			if err := ask(); err != errBroken {
				t.Fatal(err)
			}
		}
		d.refused("upstream")
	})
}

// TestUnscreenedCalls are counted until Juhe answers.
func TestUnscreenedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		cache, err := screening.NewCache(screening.CacheOptions{Directory: d, Jitter: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer cache.Close()
		_ = d.ask()
		d.sim.SetAll(juhesim.Reply{Hang: true})
		for i := range 40 {
			ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
			_, err := cache.Lookup(ctx, screening.Number{Country: "86", Digits: fmt.Sprint(13700000000 + i)})
			cancel()
			d.Unscreened(err)
		}
		synctest.Wait()
		if s := d.State(); s.Unscreened != 40 || s.Reason != "timeout" {
			t.Errorf("state = %+v, want 40 calls", s)
		}
		since := d.State().Since.Format(time.RFC3339)
		d.sim.Restore()
		time.Sleep(30 * time.Second)
		_ = d.ask()
		if want := "juhe answers again: 40 calls without an answer since " + since; d.lines(want) != 1 {
			t.Errorf("log = %s; want %s", d.log, want)
		}
		d.sim.SetAll(juhesim.Reply{Code: 10001})
		_ = d.ask()
		if s := d.State(); s.Unscreened != 0 {
			t.Errorf("state = %+v; the calls before the last answer are counted", s)
		}
	})
}

// TestAskedOnce: net/http sends a GET again when an idle connection turns out
// broken, and each costs money.
func TestAskedOnce(t *testing.T) {
	for _, method := range []string{"get", "post"} {
		var asked atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodHead && asked.Add(1) == 1 {
				panic(http.ErrAbortHandler) // closes the connection
			}
			fmt.Fprint(w, okBody)
		}))
		c, err := New(Options{URL: s.URL + juhesim.Path, Key: secretKey, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = c.Lookup(t.Context(), caller)
		if !errors.Is(err, ErrUpstream) || asked.Load() != 1 {
			t.Errorf("%s: Lookup = %v after %d questions, want ErrUpstream after one", method, err, asked.Load())
		}
		if r, err := c.Lookup(t.Context(), caller); err != nil || r.Marks != 3475 {
			t.Errorf("%s: the next Lookup = %+v, %v", method, r, err)
		}
		s.Close()
	}
}

func TestKeepWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked, down atomic.Int32
		d := deskOf(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodHead || r.URL.Path != "/" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			asked.Add(1)
			if down.Load() > 0 {
				<-r.Context().Done()
			}
		}), func(o *Options) { o.Rate = 0.5 }) // one question at a time
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.KeepWarm(ctx); close(done) }() // ends with cancel
		at := func(second, want int32, lines int) {
			t.Helper()
			time.Sleep(time.Duration(second) * time.Second)
			synctest.Wait()
			if asked.Load() != want || strings.Count(d.log.String(), "\n") != lines {
				t.Errorf("asked %d times, log %s; want %d and %d lines", asked.Load(), d.log, want, lines)
			}
		}
		at(0, 1, 0)
		at(49, 1, 0)
		at(2, 2, 0)
		down.Store(1)
		at(100, 4, 1)
		down.Store(0)
		at(50, 5, 2)
		cancel()
		<-done
	})
}
