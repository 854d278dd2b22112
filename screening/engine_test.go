package screening

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// refuseSales needs a lookup for everyone but one friend.
const refuseSales = `
mode: enforce
rules:
  - {id: friends, when: {number: "13800138000"}, action: allow}
  - {id: sales, when: {category: sales}, action: reject}
`

// tagFailures lets sales ring and marks callers nobody could be asked about.
const tagFailures = `
mode: enforce
rules:
  - {id: no-answer, when: {lookup_failed: true}, action: tag, label: "未查到"}
  - {id: known, when: {category: sales}, action: allow}
`

func policyOf(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := ParsePolicy("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// engineOf returns an Engine under refuseSales that asks d.
func engineOf(t testing.TB, d Directory, change func(*Options)) *Engine {
	t.Helper()
	o := Options{Policy: policyOf(t, refuseSales)}
	if d != nil {
		o.Cache = cacheOf(t, d, nil)
	}
	if change != nil {
		change(&o)
	}
	e, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// callFrom is a call that arrives now.
func callFrom(number string) Call {
	return Call{ID: "1@test", At: time.Now(), Trunk: "carrier", From: number, To: "02166668888"}
}

// TestNoCallIsLost has everything go wrong that can, and holds that the call goes
// on, in time, and that the record says why.
func TestNoCallIsLost(t *testing.T) {
	tests := []struct {
		name   string
		d      lookupFunc
		took   time.Duration
		reason string
	}{
		{"hangs", hangs, 800 * time.Millisecond, "timeout"},
		{"answers too late", func(context.Context, Number) (Reputation, error) {
			time.Sleep(801 * time.Millisecond)
			return sales, nil
		}, 800 * time.Millisecond, "timeout"},
		{"ignores its context", func(context.Context, Number) (Reputation, error) { time.Sleep(time.Hour); return sales, nil }, 800 * time.Millisecond, "timeout"},
		{"is down", func(context.Context, Number) (Reputation, error) { return Reputation{}, errDown }, 0, "failed"},
		{"is down with an answer", func(context.Context, Number) (Reputation, error) { return sales, errDown }, 0, "failed"},
		{"has no quota", func(context.Context, Number) (Reputation, error) { return Reputation{}, reasoned("quota") }, 0, "quota"},
		{"panics", func(context.Context, Number) (Reputation, error) { panic("boom") }, 0, "panic"},
		{"panics with a nil pointer", func(context.Context, Number) (Reputation, error) { var r *Reputation; return *r, nil }, 0, "panic"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := engineOf(t, tt.d, nil)
				for i := range 3 {
					c := callFrom(fmt.Sprint(13041439112 + i))
					if d, ok := e.ScreenNow(c); ok {
						t.Errorf("ScreenNow = %+v, want that it needs a lookup", d)
					}
					d := e.Screen(t.Context(), c)
					if d.Verdict.Action != Allow || FailureReason(d.Failed) != tt.reason || d.Source != SourceNone || d.Reputation.Known() {
						t.Errorf("Screen = %+v; want allow, %s", d, tt.reason)
					}
					if took := time.Since(c.At); took != tt.took || d.Took != took {
						t.Errorf("took %v and says %v, want %v", took, d.Took, tt.took)
					}
				}
			})
		})
	}
}

func TestScreenAsksAndRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []Number
		e := engineOf(t, lookupFunc(func(_ context.Context, n Number) (Reputation, error) {
			asked = append(asked, n)
			time.Sleep(200 * time.Millisecond)
			return sales, nil
		}), nil)
		c := callFrom("+86 130-4143-9112")
		d := e.Screen(t.Context(), c)
		want := Decision{
			Call: c, Number: salesman, Called: Number{Country: "86", Digits: "02166668888", Class: ClassLandline},
			Reputation: sales, Source: SourceQuery, Verdict: d.Verdict,
			Mode: Enforce, Policy: e.policy.Load().Revision(), Took: 200 * time.Millisecond,
		}
		if !reflect.DeepEqual(d, want) || d.Verdict.Action != Reject || d.Verdict.Rule != "sales" {
			t.Errorf("Screen = %+v, want %+v", d, want)
		}

		time.Sleep(time.Hour)
		want.Call = callFrom("tel:008613041439112")
		want.Source, want.Age, want.Took = SourceCache, time.Hour, 0
		d, ok := e.ScreenNow(want.Call)
		if !ok || !reflect.DeepEqual(d, want) {
			t.Errorf("ScreenNow = %+v, %v; want %+v", d, ok, want)
		}
		time.Sleep(4 * time.Minute) // it is no other attempt at the same call any more
		want.Call, want.Age = callFrom("tel:008613041439112"), time.Hour+4*time.Minute
		if d := e.Screen(t.Context(), want.Call); !reflect.DeepEqual(d, want) {
			t.Errorf("Screen = %+v; want %+v", d, want)
		}
		if !reflect.DeepEqual(asked, []Number{salesman}) {
			t.Errorf("asked for %v, want %v once", asked, salesman)
		}
	})
}

func TestScreenServesAnOldAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := answers(sales)
		e := engineOf(t, d, nil)
		e.Screen(t.Context(), callFrom(salesman.Digits))
		e.cache.o.Directory = lookupFunc(hangs)
		time.Sleep(25 * time.Hour)
		got := e.Screen(t.Context(), callFrom(salesman.Digits))
		if got.Source != SourceStale || got.Age != 25*time.Hour || got.Failed != nil || got.Verdict.Action != Reject || got.Took != 0 {
			t.Errorf("Screen = %+v; want refused at once on an answer of 25h", got)
		}
	})
}

// TestBudgetRunsFromTheArrival: time that a call spent in a queue is gone.
func TestBudgetRunsFromTheArrival(t *testing.T) {
	trunks := map[string]Trunk{"slow": {Budget: 2 * time.Second}, "fast": {Budget: 100 * time.Millisecond}}
	tests := []struct {
		trunk  string
		queued time.Duration
		want   time.Duration // that Screen may still take
	}{
		{"carrier", 0, 800 * time.Millisecond},
		{"carrier", 300 * time.Millisecond, 500 * time.Millisecond},
		{"carrier", 800 * time.Millisecond, 0},
		{"carrier", time.Minute, 0},
		{"slow", time.Second, time.Second},
		{"fast", 0, 100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.trunk, tt.queued), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := engineOf(t, lookupFunc(hangs), func(o *Options) { o.Trunks = trunks })
				c := callFrom(salesman.Digits)
				c.Trunk = tt.trunk
				time.Sleep(tt.queued)
				started := time.Now()
				d := e.Screen(t.Context(), c)
				if took := time.Since(started); took != tt.want || d.Took != tt.queued+tt.want || FailureReason(d.Failed) != "timeout" {
					t.Errorf("Screen took %v, %v in all, %v; want %v, timeout", took, d.Took, d.Failed, tt.want)
				}
			})
		})
	}
}

func TestScreenWithoutArrivalStillEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, lookupFunc(hangs), nil)
		if d := e.Screen(t.Context(), Call{From: salesman.Digits}); d.Took != 800*time.Millisecond {
			t.Errorf("took %v, want 800ms", d.Took)
		}
	})
}

func TestScreenEndsWhenTheCallerHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, lookupFunc(hangs), nil)
		ctx, hangUp := context.WithCancel(t.Context())
		time.AfterFunc(50*time.Millisecond, hangUp)
		d := e.Screen(ctx, callFrom(salesman.Digits))
		if d.Took != 50*time.Millisecond || FailureReason(d.Failed) != "canceled" || d.Verdict.Action != Allow {
			t.Errorf("Screen = %+v; want allow, canceled after 50ms", d)
		}
	})
}

// TestWhatIsNeverAsked holds which callers no directory hears of.
func TestWhatIsNeverAsked(t *testing.T) {
	tests := []struct {
		name string
		call Call
		rule string
	}{
		{"withheld", Call{From: salesman.Digits, Withheld: true}, RuleDefault},
		{"anonymous", Call{From: "sip:anonymous@anonymous.invalid"}, RuleDefault},
		{"extension", Call{From: "1001"}, RuleDefault},
		{"name", Call{From: "alice"}, RuleDefault},
		{"nonsense", Call{From: "\x00\xff%zz<>;;@@"}, RuleDefault},
		{"police", Call{From: "110"}, RuleNeverReject},
		{"anti-fraud line", Call{From: "02596110"}, RuleNeverReject},
		{"friend", Call{From: "13800138000"}, "friends"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, asked := answers(sales)
			e := engineOf(t, d, nil)
			tt.call.At = time.Now()
			got, ok := e.ScreenNow(tt.call)
			if !ok || got.Verdict.Action != Allow || got.Verdict.Rule != tt.rule || got.Failed != nil {
				t.Errorf("ScreenNow = %+v, %v; want allow by %s", got, ok, tt.rule)
			}
			if want := tt.rule == RuleNeverReject; (got.Source == SourceList) != want {
				t.Errorf("source = %s", got.Source)
			}
			e.Screen(t.Context(), tt.call)
			if asked.Load() != 0 {
				t.Error("a directory was asked")
			}
		})
	}
}

func TestWithheldIsNotLookedUpInTheCacheEither(t *testing.T) {
	d, _ := answers(sales)
	e := engineOf(t, d, nil)
	e.Screen(t.Context(), callFrom(salesman.Digits))
	c := callFrom(salesman.Digits)
	c.Withheld = true
	if got, ok := e.ScreenNow(c); !ok || got.Reputation.Known() {
		t.Errorf("ScreenNow = %+v, %v; want nothing known", got, ok)
	}
}

func TestWithheldIsLookedUpWhereThatIsWanted(t *testing.T) {
	d, asked := answers(sales)
	e := engineOf(t, d, func(o *Options) { o.AskWithheld = true })
	c := callFrom(salesman.Digits)
	c.Withheld = true
	if got := e.Screen(t.Context(), c); got.Source != SourceQuery || got.Verdict.Action != Reject || asked.Load() != 1 {
		t.Errorf("Screen = %+v after %d queries; want refused by what was asked", got, asked.Load())
	}
	anonymous := callFrom("anonymous")
	anonymous.Withheld = true
	if got := e.Screen(t.Context(), anonymous); got.Source != SourceNone || asked.Load() != 1 {
		t.Errorf("Screen = %+v after %d queries; want nobody asked about nobody", got, asked.Load())
	}
}

func TestScreenWithoutCache(t *testing.T) {
	e := engineOf(t, nil, nil)
	d, ok := e.ScreenNow(callFrom(salesman.Digits))
	if !ok || d.Verdict.Action != Allow || d.Failed != nil || d.Source != SourceNone {
		t.Errorf("ScreenNow = %+v, %v; want allow", d, ok)
	}
}

// A call that is not screened is recorded with its numbers, and why.
func TestUnscreened(t *testing.T) {
	d, asked := answers(sales)
	e := engineOf(t, d, nil)
	c := callFrom("+86 130-4143-9112")
	got := e.Unscreened(c, "over limits")
	if v := (Verdict{Rule: RuleFailOpen, Why: "over limits"}); got.Verdict != v || got.Number != salesman || got.Called.Digits != "02166668888" ||
		got.Mode != Enforce || got.Policy != e.Policy().Revision() || got.Call != c || asked.Load() != 0 {
		t.Errorf("Unscreened = %+v after %d queries", got, asked.Load())
	}
}

// TestScreenSurvivesItself: a cache that nobody made stands for any bug of ours.
func TestScreenSurvivesItself(t *testing.T) {
	e := engineOf(t, nil, func(o *Options) { o.Cache = &Cache{o: CacheOptions{Directory: lookupFunc(hangs)}} })
	c := callFrom(salesman.Digits)
	now, ok := e.ScreenNow(c)
	for _, d := range []Decision{now, e.Screen(t.Context(), c)} {
		if d.Verdict.Action != Allow || d.Verdict.Rule != RuleFailOpen || !errors.Is(d.Failed, ErrPanic) ||
			d.Number != salesman || d.Mode != Enforce || !reflect.DeepEqual(d.Call, c) {
			t.Errorf("decision = %+v; want allow by %s", d, RuleFailOpen)
		}
	}
	if !ok {
		t.Error("ScreenNow = false; want the call let through at once")
	}
}

func TestFailedLookupIsAFact(t *testing.T) {
	down := lookupFunc(func(context.Context, Number) (Reputation, error) { return Reputation{}, errDown })
	e := engineOf(t, down, func(o *Options) { o.Policy = policyOf(t, tagFailures) })
	d := e.Screen(t.Context(), callFrom(salesman.Digits))
	if d.Verdict.Action != Tag || d.Verdict.Rule != "no-answer" || !errors.Is(d.Failed, errDown) {
		t.Errorf("Screen = %+v; want tag by no-answer", d)
	}
}

// TestOneCallOnePolicy swaps the policy while calls are under way.
func TestOneCallOnePolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, lookupFunc(func(context.Context, Number) (Reputation, error) {
			time.Sleep(500 * time.Millisecond)
			return sales, nil
		}), nil)
		before, after := e.policy.Load(), policyOf(t, tagFailures)
		time.AfterFunc(100*time.Millisecond, func() { e.SetPolicy(after); e.SetPolicy(nil) })
		d := e.Screen(t.Context(), callFrom(salesman.Digits))
		if d.Policy != before.Revision() || d.Verdict.Action != Reject {
			t.Errorf("Screen = %+v; want refused by the policy it began with", d)
		}
		d, ok := e.ScreenNow(callFrom(salesman.Digits))
		if !ok || d.Policy != after.Revision() || d.Verdict.Action != Allow {
			t.Errorf("ScreenNow = %+v, %v; want allowed by the new policy", d, ok)
		}
	})
}

func TestScreenLeavesNoGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine outlives it
		e := engineOf(t, lookupFunc(hangs), nil)
		var calls sync.WaitGroup
		for i := range 200 {
			calls.Go(func() { e.Screen(t.Context(), callFrom(fmt.Sprint(13000000000+i%50))) })
		}
		calls.Wait()
	})
}

func TestNewRefuses(t *testing.T) {
	p := policyOf(t, refuseSales)
	for _, o := range []Options{
		{},
		{Policy: p, Budget: -1},
		{Policy: p, Trunks: map[string]Trunk{"a": {Budget: -1}}},
		{Policy: p, Trunks: map[string]Trunk{"a": {Habits: Habits{AreaCode: "9"}}}},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) took it", o)
		}
	}
}

func TestTrunkHabits(t *testing.T) {
	d, _ := answers(sales)
	e := engineOf(t, d, func(o *Options) { o.Trunks = map[string]Trunk{"carrier": {Habits: Habits{AreaCode: "0571"}}} })
	if d := e.Screen(t.Context(), callFrom("88991122")); d.Number.Digits != "057188991122" || d.Source != SourceQuery {
		t.Errorf("number = %+v from %s, want 057188991122", d.Number, d.Source)
	}
}

func BenchmarkScreenNow(b *testing.B) {
	d, _ := answers(Reputation{Category: CategoryDelivery, Marks: 45}) // whom the policy lets in: refusals are remembered
	e := engineOf(b, d, nil)
	for _, bb := range []struct{ name, from string }{
		{"cached", "13041439112"}, {"cached-uri", "<sip:+8613041439112@203.0.113.10:5060;user=phone>"}, {"friend", "13800138000"}, {"anonymous", "anonymous"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			c := callFrom(bb.from)
			e.Screen(b.Context(), c)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := e.ScreenNow(c); !ok {
					b.Fatal("needs a lookup")
				}
			}
		})
	}
}
