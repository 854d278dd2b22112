package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit/notify"
	"callscreen/audit/store"
	"callscreen/juhe"
	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// receiver takes what webhooks send.
type receiver struct {
	mu     sync.Mutex
	events []notify.Event
}

func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	var e notify.Event
	err := json.NewDecoder(req.Body).Decode(&e)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(""))}, err
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if _, err := r.RoundTrip(req); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// told returns what came so far, as "kind name why count/limit".
func (r *receiver) told() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		all = append(all, fmt.Sprintf("%s %s %s %d/%d", e.Kind, e.Name, e.Why, e.Count, e.Limit))
	}
	return all
}

// wavering is a directory that stands as it is told to.
type wavering struct {
	guarded
	mu    sync.Mutex
	state juhe.State
}

func (s *wavering) State() juhe.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

func (s *wavering) set(state juhe.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// A directory that is back soon is not told of, one that stays away is, once, and
// that it is back.
func TestDirectoriesAreWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		h, err := notify.Open(notify.Options{URL: "https://example.com/hook", Transport: r})
		if err != nil {
			t.Fatal(err)
		}
		n := notifier{hooks: []*notify.Hook{h}}
		d := new(wavering)
		ctx, cancel := context.WithCancel(t.Context())
		watching := make(chan struct{})
		go func() { // ends by cancel
			defer close(watching)
			n.watchDirectories(ctx, func(yield func(string, guarded) bool) { yield("juhe", d) })
		}()
		away := func() juhe.State { return juhe.State{Reason: "timeout", Detail: "no answer", Since: time.Now()} }

		d.set(away())
		time.Sleep(downToldAfter - lookEvery)
		d.set(juhe.State{})
		time.Sleep(time.Minute)
		if got := r.told(); len(got) != 0 {
			t.Errorf("told %q of one who was back soon; want nothing", got)
		}
		d.set(away())
		time.Sleep(10 * time.Minute)
		d.set(juhe.State{})
		time.Sleep(time.Minute)
		want := []string{"directory_down juhe no answer 0/0", "directory_up juhe  0/0"}
		if got := r.told(); !slices.Equal(got, want) {
			t.Errorf("told %q; want %q", got, want)
		}
		n.low("2026-11-25", juhe.Spent{Billed: 80, Limit: 100})
		synctest.Wait()
		if got := r.told(); len(got) != 3 || got[2] != "quota juhe 2026-11-25  80/100" {
			t.Errorf("told %q; want that the budget is low", got)
		}
		cancel()
		<-watching
		if err := n.close(); err != nil {
			t.Error(err)
		}
	})
}

// TestLowBudgetIsTold: that most of a day's queries are spent, once.
func TestLowBudgetIsTold(t *testing.T) {
	r := new(receiver)
	hook, sim := httptest.NewServer(r), httptest.NewServer(juhesim.New())
	defer hook.Close()
	defer sim.Close()
	o := newOffice(t)
	p, stop := o.start(fmt.Sprintf("juhe: {url: %q, key: k, budget: {day: 5}}\nnotify: {hooks: [{url: %q}]}\n", sim.URL+juhesim.Path, hook.URL))
	for i := range 5 {
		o.call(p, fmt.Sprint(13041439112+i), o.pbx, "INVITE sip:")
	}
	stop() // which waits for what is queued
	if got := r.told(); len(got) != 1 || !strings.HasPrefix(got[0], "quota juhe 20") || !strings.HasSuffix(got[0], " 4/5") {
		t.Errorf("told %q; want once that 4 of 5 are spent", got)
	}
}

// TestDigestOfTheDay: the day's refusals go to every webhook, masked, from calls as
// they were recorded.
func TestDigestOfTheDay(t *testing.T) {
	r := new(receiver)
	server := httptest.NewServer(r)
	defer server.Close()
	o := newOffice(t)
	o.write("policy.yaml", "mode: enforce\nrules: [{id: mobiles, when: {class: mobile}, action: reject}]\n")
	p, stop := o.start(fmt.Sprintf("notify: {hooks: [{url: %q}, {url: %q, language: en}]}\n", server.URL, server.URL))
	o.call(p, "13041439112", o.carrier, "SIP/2.0 603")
	if !eventually(func() bool { return p.record.store.State().Written >= 1 }) {
		t.Fatalf("store is %+v; want the call written", p.record.store.State())
	}
	p.record.sendDigest(t.Context(), time.Now())
	stop() // which waits for what is queued
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) != 2 {
		t.Fatalf("%d events; want a digest for each webhook", len(r.events))
	}
	for _, e := range r.events {
		if e.Kind != notify.DailyDigest || e.Digest.Refused != 1 || len(e.Digest.Callers) != 1 || e.Digest.Callers[0].Number != "130****9112" {
			t.Errorf("event %+v with %+v; want a digest with the caller", e, e.Digest)
		}
	}
	if log := o.log.String(); strings.Contains(log, server.URL) {
		t.Errorf("the log tells the URL: %s", log)
	}
}

// TestUsualRefusals: how many refusals are usual is known from the record, once it is
// a day old.
func TestUsualRefusals(t *testing.T) {
	s, err := store.Open(store.Options{File: t.TempDir() + "/record.db"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := &record{store: s}
	now := time.Date(2026, 11, 25, 10, 20, 0, 0, time.UTC)
	calls := 0
	call := func(ago time.Duration, action screening.Action, mode screening.Mode) {
		calls++
		s.Record(screening.Decision{
			Call: screening.Call{ID: fmt.Sprint(calls), At: now.Add(-ago)}, Verdict: screening.Verdict{Action: action, Rule: "r"}, Mode: mode,
		})
	}
	stored := func() bool { return s.State().Written == uint64(calls) }
	call(20*time.Minute, screening.Reject, screening.Enforce) // in this hour: 10:00
	call(time.Hour, screening.Reject, screening.Enforce)
	call(time.Hour, screening.Reject, screening.Enforce)
	call(time.Hour, screening.Reject, screening.Observe)
	call(time.Hour, screening.Allow, screening.Enforce)
	if !eventually(stored) {
		t.Fatal("not stored")
	}
	if past := r.pastRefusals(now); past != nil {
		t.Errorf("past = %v of a young record; want nil", past)
	}
	call(24*time.Hour+10*time.Minute, screening.Reject, screening.Enforce)
	if !eventually(stored) {
		t.Fatal("not stored")
	}
	want := make([]int, 24)
	want[0], want[23] = 3-1, 1 // one of this hour began before it: 10:00 is 20 minutes ago
	if past := r.pastRefusals(now); !slices.Equal(past, want) {
		t.Errorf("past = %v; want %v", past, want)
	}
	if past := (&record{}).pastRefusals(now); past != nil {
		t.Errorf("past = %v without a database; want nil", past)
	}
}

func TestWebhooksNeedAnOption(t *testing.T) {
	r := &record{}
	c := mustConfig(t, "c.yaml", examples)
	if err := r.openNotifier(c, nil, zerolog.Nop()); err != nil || len(r.hooks)+len(r.decided) != 0 {
		t.Errorf("openNotifier = %v, %d webhooks, %d decided; want none", err, len(r.hooks), len(r.decided))
	}
}
