package screening

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// attemptAt is one INVITE that a carrier sends.
type attemptAt struct {
	after     time.Duration // since the one before
	id        string
	from, to  string
	action    Action
	source    Source
	queries   int    // of the directory until then
	forgotten bool   // the office puts the same policy in force again, before
	why       string // of the verdict
}

// TestRetries plays what carriers send who do not take no for an answer. Everyone
// is a seller, and everyone is refused who is one; an
// answer holds for a second.
func TestRetries(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	const a, b, to, other = "13041439112", "13041439113", "02166668888", "02166669999"
	tests := []struct {
		name     string
		attempts []attemptAt
	}{
		{"the same Call-ID", []attemptAt{
			{0, "1", a, to, Reject, SourceQuery, 1, false, "sales"},
			{0, "1", a, to, Reject, SourceRetry, 1, false, "tried again: sales"},
			{2 * time.Minute, "1", a, other, Reject, SourceRetry, 1, false, "tried again: sales"},
			{3 * time.Minute, "1", a, to, Reject, SourceRetry, 1, false, "tried again: sales"},
			{3*time.Minute + ms, "1", a, to, Reject, SourceQuery, 2, false, "sales"},
		}},
		{"the same numbers", []attemptAt{
			{0, "1", a, to, Reject, SourceQuery, 1, false, "sales"},
			{4 * s, "2", a, to, Reject, SourceRetry, 1, false, "tried again: sales"},
			{4 * s, "3", "+86" + a, to, Reject, SourceRetry, 1, false, "tried again: sales"},
			{4*s + ms, "4", a, to, Reject, SourceQuery, 2, false, "sales"},
		}},
		{"another caller, another number", []attemptAt{
			{0, "1", a, to, Reject, SourceQuery, 1, false, "sales"},
			{0, "1", b, to, Reject, SourceQuery, 2, false, "sales"},
			{0, "2", b, other, Reject, SourceCache, 2, false, "sales"},
			{0, "3", a, other, Reject, SourceCache, 2, false, "sales"},
		}},
		{"callers without a number", []attemptAt{
			{0, "1", "anonymous@anonymous.invalid", to, Reject, SourceNone, 0, false, "hidden"},
			{0, "1", "anonymous@anonymous.invalid", to, Reject, SourceRetry, 0, false, "tried again: hidden"},
			{0, "2", "anonymous@anonymous.invalid", to, Reject, SourceNone, 0, false, "hidden"},
		}},
		{"who was let through", []attemptAt{
			{0, "1", "13800138000", to, Allow, SourceNone, 0, false, "friends"},
			{0, "1", "13800138000", to, Allow, SourceNone, 0, false, "friends"},
		}},
		{"under another policy", []attemptAt{
			{0, "1", a, to, Reject, SourceQuery, 1, false, "sales"},
			{0, "1", a, to, Reject, SourceCache, 1, true, "sales"},
		}},
	}
	const policy = `
mode: enforce
rules:
  - {id: friends, when: {number: "13800138000"}, action: allow}
  - {id: hidden, when: {class: anonymous}, action: reject}
  - {id: sales, when: {category: sales}, action: reject, kind: busy}
`
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				queries := 0
				sellers := lookupFunc(func(context.Context, Number) (Reputation, error) {
					queries++
					return Reputation{Category: CategorySales, Keep: time.Second}, nil
				})
				e := engineOf(t, nil, func(o *Options) {
					withMemory(t, policy)(o)
					o.Cache = cacheOf(t, sellers, func(o *CacheOptions) { o.Stale = -1 })
				})
				for i, at := range tt.attempts {
					time.Sleep(at.after)
					if at.forgotten {
						e.SetPolicy(policyOf(t, policy))
					}
					c := Call{ID: at.id, At: time.Now(), Trunk: "carrier", From: at.from, To: at.to}
					d, ok := e.ScreenNow(c)
					if !ok {
						d = e.Screen(t.Context(), c)
					}
					synctest.Wait()
					if v := d.Verdict; v.Action != at.action || v.Why != at.why || d.Source != at.source || queries != at.queries || d.Call != c {
						t.Errorf("attempt %d: %v because %q, from %v, after %d queries: %+v; want %+v", i, v.Action, v.Why, d.Source, queries, d.Call, at)
					}
					if at.source == SourceRetry && (d.Took != 0 || v486(d.Verdict) && d.Reputation.Category != CategorySales) {
						t.Errorf("attempt %d: %+v", i, d)
					}
				}
			})
		})
	}
}

func v486(v Verdict) bool { return v.Status == 486 }

// Attempts at one call are one call to whoever counts calls.
func TestRetriesAreNoRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, nil, withMemory(t, "mode: enforce\ndefault: {action: reject}\n"))
		for i, after := range []time.Duration{0, 3 * time.Second, 3 * time.Second, 3 * time.Second} {
			time.Sleep(after)
			if d := verdictOf(t, e, salesman.Digits, fmt.Sprint(i)); len(d.Past.Calls) != 0 || (d.Source == SourceRetry) != (i > 0) {
				t.Errorf("attempt %d: source %v, past %+v", i, d.Source, d.Past)
			}
		}
		time.Sleep(5 * time.Second)
		if d := verdictOf(t, e, salesman.Digits, "new"); len(d.Past.Calls) != 1 {
			t.Errorf("the second call has the past %+v", d.Past)
		}
	})
}

// In observe mode nobody is refused, so that nobody has to try again.
func TestNoRetriesInObserve(t *testing.T) {
	e := engineOf(t, nil, withMemory(t, "mode: observe\ndefault: {action: reject}\n"))
	for i := range 2 {
		if d := verdictOf(t, e, salesman.Digits, "1"); d.Source == SourceRetry {
			t.Errorf("call %d is a retry", i)
		}
	}
}

// What is remembered of refusals is bounded, and not for long.
func TestRefusalsAreForgotten(t *testing.T) {
	r, p := newRetries(), policyOf(t, refuseSales)
	start := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	refuse := func(i int, at time.Time) {
		d := Decision{Call: Call{ID: fmt.Sprint(i), At: at}, Number: Number{Digits: fmt.Sprint("1", i)}}
		r.note(&d, p, "100")
	}
	var all sync.WaitGroup
	for i := range 3 * maxRefused {
		all.Go(func() { refuse(i, start) })
	}
	all.Wait()
	if n := r.refused.Len(); n != maxRefused {
		t.Errorf("%d are remembered, want %d", n, maxRefused)
	}
	refuse(0, start.Add(sameCallID))
	if n := r.refused.Len(); n != maxRefused {
		t.Errorf("%d are remembered while they can be tried again", n)
	}
	refuse(0, start.Add(sameCallID+1))
	if n := r.refused.Len(); n != 2 {
		t.Errorf("%d are remembered behind their time, want 2", n)
	}
	keys := 0
	for _, n := range r.callers {
		keys += int(n)
	}
	if keys != 2 {
		t.Errorf("%d keys are counted, want 2", keys)
	}
}

// Who erases a number erases the refusals too that hold it.
func TestForgetRefusals(t *testing.T) {
	e := engineOf(t, nil, withMemory(t, "mode: enforce\ndefault: {action: reject}\n"))
	for _, want := range []Source{SourceNone, SourceRetry} {
		if d := verdictOf(t, e, salesman.Digits, "1"); d.Source != want {
			t.Errorf("source %v, want %v", d.Source, want)
		}
	}
	if e.Forget(); e.retries.refused.Len() != 0 || verdictOf(t, e, salesman.Digits, "1").Source != SourceNone {
		t.Error("a refusal is remembered")
	}
}
