package juhe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// refuseSales tags callers nobody could be asked about, and refuses sales.
const refuseSales = `
mode: enforce
rules:
  - {id: no-answer, when: {lookup_failed: true}, action: tag, label: "未查到"}
  - {id: sales, when: {category: [sales, delivery, agent, harassment, fraud, recruiter, taxi, other]}, action: reject}
`

// exchange is a desk with an engine and a cache in front of it.
type exchange struct {
	*desk
	cache  *screening.Cache
	engine *screening.Engine
}

func exchangeOf(t *testing.T, change func(*Options)) *exchange {
	t.Helper()
	x := &exchange{desk: deskOf(t, nil, change)}
	var err error
	if x.cache, err = screening.NewCache(screening.CacheOptions{Directory: x.Client, Jitter: -1, Unscreened: x.Unscreened}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.cache.Close)
	policy, err := screening.ParsePolicy("policy.yaml", []byte(refuseSales))
	if err != nil {
		t.Fatal(err)
	}
	if x.engine, err = screening.New(screening.Options{Policy: policy, Cache: x.cache}); err != nil {
		t.Fatal(err)
	}
	return x
}

// call screens a call from a number, and says how many queries that took.
func (x *exchange) call(number string) (screening.Decision, int) {
	before := x.sim.Queries()
	d := x.engine.Screen(x.t.Context(), screening.Call{ID: "1@test", At: time.Now(), From: number, To: "02166668888"})
	synctest.Wait()
	return d, x.sim.Queries() - before
}

const (
	first = "13041439112"
	other = "13041439113"
)

// TestCallsUnderEveryErrorCode holds for every documented error code, some that
// are none, and what a network does: its class, what became of the call, what is
// cached, and whether the next calls query: of the same number a second and 41
// seconds later, and of another number after them.
func TestCallsUnderEveryErrorCode(t *testing.T) {
	tests := []struct {
		name    string
		reply   juhesim.Reply
		class   Class
		reason  string
		action  screening.Action
		cached  time.Duration // how long the answer is fresh; 0: none is kept
		same    bool          // queries a second later
		later   bool          // 41 seconds later
		another bool          // another number
	}{
		{"answer", juhesim.Reply{Type: "推销", Num: 9, FID: 2}, "", "", screening.Reject, 24 * time.Hour, false, false, true},
		{"nothing known", juhesim.Reply{}, "", "", screening.Allow, 6 * time.Hour, false, false, true},
		{"10001", juhesim.Reply{Code: 10001}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10002", juhesim.Reply{Code: 10002}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10003", juhesim.Reply{Code: 10003}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10004", juhesim.Reply{Code: 10004}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10005", juhesim.Reply{Code: 10005}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10007", juhesim.Reply{Code: 10007}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10008", juhesim.Reply{Code: 10008}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10009", juhesim.Reply{Code: 10009}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"10011", juhesim.Reply{Code: 10011}, ClassThrottle, "throttled", screening.Tag, 0, false, false, false},
		{"10012", juhesim.Reply{Code: 10012}, ClassQuota, "quota", screening.Tag, 0, false, false, false},
		{"10013", juhesim.Reply{Code: 10013}, ClassQuota, "quota", screening.Tag, 0, false, false, false},
		{"10014", juhesim.Reply{Code: 10014}, ClassUpstream, "upstream", screening.Tag, 0, false, true, true},
		{"10020", juhesim.Reply{Code: 10020}, ClassUpstream, "upstream", screening.Tag, 0, false, true, true},
		{"10021", juhesim.Reply{Code: 10021}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"251101", juhesim.Reply{Code: 251101}, ClassUpstream, "upstream", screening.Tag, 0, false, true, true},
		{"251102", juhesim.Reply{Code: 251102}, ClassRequest, "request", screening.Tag, 0, false, true, true},
		{"251103", juhesim.Reply{Code: 251103}, "", "", screening.Allow, 10 * time.Minute, false, false, true},
		{"99999", juhesim.Reply{Code: 99999}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"1", juhesim.Reply{Code: 1}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"hang", juhesim.Reply{Hang: true}, "", "timeout", screening.Tag, 0, false, true, true},
		{"HTML", juhesim.Reply{Raw: "<html>"}, ClassUpstream, "upstream", screening.Tag, 0, false, true, true},
		{"10 MB", juhesim.Reply{Raw: strings.Repeat(" ", 10<<20)}, ClassUpstream, "upstream", screening.Tag, 0, false, true, true},
		{"500", juhesim.Reply{Status: 500}, ClassUpstream, "upstream", screening.Tag, 0, false, true, true},
		{"404", juhesim.Reply{Status: 404}, ClassRequest, "request", screening.Tag, 0, false, true, true},
		{"401", juhesim.Reply{Status: 401}, ClassConfig, "key", screening.Tag, 0, false, false, false},
		{"429", juhesim.Reply{Status: 429, Raw: "-"}, ClassThrottle, "throttled", screening.Tag, 0, false, false, false},
	}
	covered := map[string]bool{}
	for _, tt := range tests {
		covered[tt.name] = true
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := exchangeOf(t, nil)
				x.sim.SetAll(tt.reply)
				d, queries := x.call(first)
				if d.Verdict.Action != tt.action || screening.FailureReason(d.Failed) != tt.reason || queries != 1 || classOf(d.Failed) != tt.class {
					t.Errorf("the call: %v, %v, %d queries; want %v, %s %s, 1", d.Verdict.Action, d.Failed, queries, tt.action, tt.class, tt.reason)
				}
				e, ok := x.cache.Get(caller)
				if cached := e.Expires.Sub(e.At); ok != (tt.cached > 0) || cached != tt.cached {
					t.Errorf("cached %v for %v, want %v", ok, cached, tt.cached)
				}
				next := func(number string, wait time.Duration, want bool) {
					t.Helper()
					time.Sleep(wait)
					if d, n := x.call(number); n == 1 != want || d.Verdict.Action != tt.action || screening.FailureReason(d.Failed) != tt.reason {
						t.Errorf("%s after %v: %d queries, %v, %v; want %v", number, wait, n, d.Verdict.Action, d.Failed, want)
					}
				}
				next(first, time.Second, tt.same)
				next(first, 41*time.Second, tt.later)
				next(other, 0, tt.another)
				noKey(t, d.Failed, x.Client, x.log)
			})
		})
	}
	for code := range codes {
		if !covered[fmt.Sprint(code)] {
			t.Errorf("no call under error %d", code)
		}
	}
}

// TestCallsUnderOddBodies screens a call under every body of testdata/juhe: what
// is no answer is a failure, and never "clean".
func TestCallsUnderOddBodies(t *testing.T) {
	reasons := map[string]string{"upstream": "upstream", "config": "key", "quota": "quota", "throttle": "throttled", "request": "request"}
	files, _ := filepath.Glob("../testdata/juhe/*.txt")
	answers := 0
	for _, file := range files {
		if filepath.Base(file) == "odd-empty.txt" {
			continue // to the simulation no body means one of its own; see faults
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				want, body := readVector(t, file)
				x := exchangeOf(t, nil)
				x.sim.SetAll(juhesim.Reply{Raw: string(body)})
				d, queries := x.call(first)
				word, _, _ := strings.Cut(want, " ")
				reason, failed := reasons[word]
				if queries != 1 || screening.FailureReason(d.Failed) != reason || (d.Verdict.Action == screening.Tag) != failed {
					t.Errorf("%d queries, %v, %v; want %s", queries, d.Verdict.Action, d.Failed, want)
				}
				if _, cached := x.cache.Get(caller); cached == failed {
					t.Errorf("cached: %v", cached)
				}
				if !failed {
					answers++
				}
				noKey(t, d.Failed, x.Client, x.log)
			})
		})
	}
	if answers == 0 || answers == len(files) {
		t.Errorf("%d of %d bodies are answers", answers, len(files))
	}
}

// classOf is the class of an Error within err.
func classOf(err error) Class {
	for e := err; e != nil; {
		if e, ok := e.(*Error); ok {
			return e.Class
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			return ""
		}
		e = u.Unwrap()
	}
	return ""
}

// TestManyCallsOfANewNumber cost one query.
func TestManyCallsOfANewNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := exchangeOf(t, nil)
		x.sim.SetAll(juhesim.Reply{Type: "推销", Num: 9, FID: 2, Delay: 200 * time.Millisecond})
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				d := x.engine.Screen(t.Context(), screening.Call{At: time.Now(), From: first})
				if d.Verdict.Action != screening.Reject || d.Took != 200*time.Millisecond {
					t.Errorf("%v after %v", d.Verdict.Action, d.Took)
				}
			})
		}
		calls.Wait()
		if n := x.sim.Queries(); n != 1 {
			t.Errorf("%d queries for 1000 calls of one number, want 1", n)
		}
	})
}

// TestManyCallsOfSomeNumbers cost a query for each number, and after a restart none.
func TestManyCallsOfSomeNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "cache")
		for _, want := range []int{1000, 0} {
			x := exchangeOf(t, func(o *Options) { o.Rate = -1 })
			x.sim.SetAll(juhesim.Reply{Type: "推销", Num: 9, FID: 2})
			if want == 0 {
				file, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := x.cache.Restore(file); err != nil {
					t.Fatal(err)
				}
				file.Close()
			}
			for i := range 10_000 {
				d, _ := x.call(fmt.Sprint(13900000000 + i*7919%1000))
				if d.Verdict.Action != screening.Reject {
					t.Fatalf("call %d: %v, %v", i, d.Verdict.Action, d.Failed)
				}
			}
			if n := x.sim.Queries(); n != want {
				t.Errorf("%d queries for 10000 calls of 1000 numbers, want %d", n, want)
			}
			file, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := x.cache.Save(file); err != nil {
				t.Fatal(err)
			}
			file.Close()
		}
	})
}

// TestCallsUnderABudget: the call after the last query of the day goes on, and
// so does every one until midnight, across a restart; metric, log and health say so.
func TestCallsUnderABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(memory)
		open := func() *exchange {
			return exchangeOf(t, func(o *Options) { o.Rate, o.Store, o.Budget = -1, store, Budget{Day: 100} })
		}
		x := open()
		for i := range 110 {
			d, n := x.call(fmt.Sprint(13900000000 + i))
			if queried := i < 100; n == 1 != queried || queried != (d.Failed == nil) {
				t.Fatalf("call %d: %d queries, %v", i, n, d.Failed)
			}
		}
		if d, _ := x.call("13900000000"); d.Source != screening.SourceCache || d.Failed != nil {
			t.Errorf("a number that was paid for: %s, %v", d.Source, d.Failed)
		}
		for range 2 {
			if s := x.State(); s.Reason != "budget" || x.cache.Stats().Unscreened["budget"] == 0 || s.Unscreened == 0 || x.lines("budget stops queries") != 1 || x.Spending().Day.Billed != 100 {
				t.Errorf("state %+v, stats %+v, spent %+v, log %s", s, x.cache.Stats(), x.Spending(), x.log)
			}
			x.cache.Close()
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			x = open()
			if d, n := x.call(first); n != 0 || d.Verdict.Action != screening.Tag || screening.FailureReason(d.Failed) != "budget" {
				t.Errorf("after a restart: %d queries, %v, %v", n, d.Verdict.Action, d.Failed)
			}
		}
		time.Sleep(16 * time.Hour) // midnight in Shanghai
		if d, n := x.call(first); n != 1 || d.Failed != nil || x.State() != (State{}) {
			t.Errorf("after midnight: %d queries, %v, %+v", n, d.Failed, x.State())
		}
	})
}
