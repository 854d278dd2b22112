package juhe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// inMemory carries questions to a handler without a network.
type inMemory struct{ h http.Handler }

func (m inMemory) RoundTrip(r *http.Request) (*http.Response, error) {
	answered := make(chan *http.Response, 1)
	go func() { // ends with the handler, which minds the context
		w := httptest.NewRecorder()
		m.h.ServeHTTP(w, r)
		answered <- w.Result()
	}()
	select {
	case resp := <-answered:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// clock is a wall clock that can be set while time goes on.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time      { return time.Now().Round(0).Add(time.Duration(c.offset.Load())) }
func (c *clock) set(d time.Duration) { c.offset.Add(int64(d)) }

// pad is a log that others write while it is read.
type pad struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pad) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pad) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// desk is a Client with a simulated Juhe, and what is needed to watch both.
type desk struct {
	*Client
	t     *testing.T
	sim   *juhesim.Sim
	clock *clock
	log   *pad
	next  int
}

// deskOf returns a desk for a synctest bubble.
func deskOf(t *testing.T, h http.Handler, change func(*Options)) *desk {
	t.Helper()
	d := &desk{t: t, sim: juhesim.New(), clock: new(clock), log: new(pad)}
	if h == nil {
		h = d.sim
	}
	o := Options{
		Key: secretKey, HTTP: &http.Client{Transport: inMemory{h}},
		Logger: zerolog.New(d.log).Level(zerolog.InfoLevel), wall: d.clock.now,
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.Client = c
	return d
}

// ask asks for a number that was not asked for before, as a call does.
func (d *desk) ask() error {
	d.next++
	ctx, cancel := context.WithTimeout(d.t.Context(), 800*time.Millisecond)
	defer cancel()
	n := screening.Number{Country: "86", Digits: fmt.Sprint(13900000000 + d.next), Class: screening.ClassMobile}
	_, err := d.Lookup(ctx, n)
	synctest.Wait()
	return err
}

// asks reports whether ask sends a query.
func (d *desk) asks() bool {
	before := d.sim.Queries()
	_ = d.ask()
	return d.sim.Queries() > before
}

// refused holds that ask is refused at once for reason, and returns until when.
func (d *desk) refused(reason string) time.Time {
	d.t.Helper()
	before, started := d.sim.Queries(), time.Now()
	err := d.ask()
	var e *Error
	if !errors.As(err, &e) || !e.Unasked() || e.Reason() != reason {
		d.t.Fatalf("Lookup = %v; want it refused: %s", err, reason)
	}
	if d.sim.Queries() != before || time.Since(started) != 0 {
		d.t.Errorf("refusal took %d queries and %v", d.sim.Queries()-before, time.Since(started))
	}
	return e.Until
}

// fails asks until queries stop, and returns how many it took.
func (d *desk) fails(most int) int {
	d.t.Helper()
	for n := 1; n <= most; n++ {
		if err := d.ask(); err == nil {
			d.t.Fatal("Lookup brought an answer")
		}
		if d.State() != (State{}) {
			return n
		}
		time.Sleep(time.Second)
	}
	return 0
}
