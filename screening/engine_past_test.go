package screening

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// knowing refuses the third call within an hour, and lets in whom the office called.
const knowing = `
mode: enforce
rules:
  - {id: we-called, when: {we_called: 1d}, action: allow}
  - {id: storm, when: {calls: {count: ">=3", within: 1h}}, action: reject}
`

func withMemory(t testing.TB, policy string) func(*Options) {
	return func(o *Options) {
		o.Policy, o.Memory = policyOf(t, policy), memoryOf(t, MemoryOptions{})
	}
}

// verdictOf screens a call as sipagent does: now, and if need be with a lookup.
func verdictOf(t *testing.T, e *Engine, from, id string) Decision {
	t.Helper()
	c := callFrom(from)
	c.ID = id
	if d, ok := e.ScreenNow(c); ok {
		return d
	}
	return e.Screen(t.Context(), c)
}

func TestEngineRemembersCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, nil, withMemory(t, knowing))
		for i, want := range []struct {
			id     string
			after  time.Duration
			action Action
		}{
			{"a", 0, Allow},
			{"b", time.Minute, Allow},
			{"c", time.Minute, Reject},
			{"d", 2 * time.Second, Reject}, // the carrier tries c again
			{"e", 61 * time.Minute, Allow},
			{"f", time.Minute, Allow},
		} {
			time.Sleep(want.after)
			if got := verdictOf(t, e, salesman.Digits, want.id); got.Verdict.Action != want.action {
				t.Errorf("call %d: %+v on %+v; want %v", i, got.Verdict, got.Past, want.action)
			}
		}
		if d := verdictOf(t, e, "13800138000", "g"); d.Past.Calls != nil {
			t.Errorf("another caller has the past %+v", d.Past)
		}
	})
}

// A call that needs a lookup comes to the engine twice and counts once.
func TestEngineCountsACallOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := lookupFunc(func(context.Context, Number) (Reputation, error) { time.Sleep(time.Millisecond); return sales, nil })
		e := engineOf(t, d, withMemory(t, "mode: observe\nrules:\n- {id: a, when: {marks: '>=1', calls: {count: '>=2', within: 1h}}, action: reject}\n- {id: b, action: tag}\n"))
		c := callFrom(salesman.Digits)
		if _, ok := e.ScreenNow(c); ok {
			t.Error("the call needs no lookup")
		}
		if got := e.Screen(t.Context(), c); got.Verdict.Rule != "b" || got.Past.Calls != nil {
			t.Errorf("Screen = %+v on %+v; want b and no past", got.Verdict, got.Past)
		}
		c.ID = "2@test"
		if got, ok := e.ScreenNow(c); !ok || got.Verdict.Rule != "a" {
			t.Errorf("ScreenNow = %+v, %v; want a", got.Verdict, ok)
		}
	})
}

// What is only observed is refused by nobody, so that a caller who tries again is
// a repeat.
func TestEngineRemembersWhatHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, nil, withMemory(t, "mode: observe\ndefault: reject"))
		verdictOf(t, e, salesman.Digits, "a")
		time.Sleep(time.Second)
		if got := verdictOf(t, e, salesman.Digits, "b"); len(got.Past.Calls) != 1 {
			t.Errorf("past is %+v; want one call", got.Past)
		}
	})
}

func TestEngineRemembersWhomTheOfficeCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineOf(t, nil, withMemory(t, knowing))
		e.Dialed("carrier", "0"+salesman.Digits, time.Now())
		e.Dialed("carrier", "anonymous", time.Now())
		for range 3 {
			time.Sleep(7 * time.Hour)
			if got := verdictOf(t, e, "+86"+salesman.Digits, time.Now().String()); got.Verdict.Rule != "we-called" {
				t.Errorf("verdict %+v on %+v; want we-called", got.Verdict, got.Past)
			}
		}
		time.Sleep(4 * time.Hour)
		if got := verdictOf(t, e, salesman.Digits, "late"); got.Verdict.Rule != RuleDefault {
			t.Errorf("verdict %+v on %+v; want the default after a day", got.Verdict, got.Past)
		}
	})
}

// Facts are what a call would be judged by, and leave no trace.
func TestEngineFacts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, asked := answers(sales)
		e := engineOf(t, d, withMemory(t, knowing))
		verdictOf(t, e, salesman.Digits, "a")
		e.Dialed("carrier", salesman.Digits, time.Now())
		time.Sleep(time.Minute)
		c := callFrom(salesman.Digits)
		c.ID, c.DivertedBy = "b", "02188886666"
		for range 3 {
			f := e.Facts(c)
			if len(f.Past.Calls) != 1 || f.Past.Calls[0] != (PastCall{time.Minute, true}) || f.Past.Dialed != time.Minute || f.Diverter.Digits != c.DivertedBy || f.Number != salesman {
				t.Errorf("Facts = %+v", f)
			}
		}
		if f := e.Facts(callFrom("10086")); f.Past.Calls != nil || f.Past.Dialed != 0 || asked.Load() != 0 {
			t.Errorf("Facts = %+v, %d lookups", f, asked.Load())
		}
		if got := verdictOf(t, e, salesman.Digits, "b"); e.Policy().Decide(e.Facts(c)) != got.Verdict || got.Policy != e.Policy().Revision() {
			t.Errorf("verdict %+v; Facts give %+v", got.Verdict, e.Policy().Decide(e.Facts(c)))
		}
	})
}

// Without a memory, and with one that is broken, calls go on.
func TestEngineDialedIsSafe(t *testing.T) {
	engineOf(t, nil, nil).Dialed("carrier", salesman.Digits, time.Now())
	e := engineOf(t, nil, func(o *Options) { o.Memory = &Memory{} })
	e.Dialed("carrier", salesman.Digits, time.Now())
	if d, ok := e.ScreenNow(callFrom(salesman.Digits)); !ok || d.Verdict.Rule != RuleFailOpen {
		t.Errorf("ScreenNow = %+v, %v; want allow by %s", d, ok, RuleFailOpen)
	}
}

func TestIdentityFacts(t *testing.T) {
	tests := []struct {
		name              string
		claimed, asserted string
		want              bool
	}{
		{"no assertion", "sip:10086@a", "", false},
		{"the same in another spelling", "sip:+8613041439112@a", "tel:013041439112", false},
		{"another number", "sip:10086@a", "tel:13041439112", true},
		{"anonymous From", "sip:anonymous@anonymous.invalid", "tel:13041439112", false},
		{"a name in From", "sip:alice@a", "tel:13041439112", false},
		{"nonsense asserted", "sip:13041439112@a", "<>;;@", false},
		{"no From", "", "tel:13041439112", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := callFrom(salesman.Digits)
			c.Claimed, c.Asserted, c.DivertedBy = tt.claimed, tt.asserted, "<sip:02188886666@a>"
			d, ok := engineOf(t, nil, nil).ScreenNow(c)
			if !ok || d.Mismatch != tt.want || d.Diverter.Digits != "02188886666" {
				t.Errorf("ScreenNow = %+v, %v; want mismatch %v", d, ok, tt.want)
			}
		})
	}
}

// The facts of a decision are those it was reached on.
func TestDecisionFacts(t *testing.T) {
	d, _ := answers(sales)
	e := engineOf(t, d, withMemory(t, refuseSales))
	c := callFrom(salesman.Digits)
	c.DivertedBy = "02188886666"
	e.Dialed("carrier", salesman.Digits, c.At.Add(-time.Hour))
	got := e.Screen(t.Context(), c)
	f := got.Facts()
	if e.policy.Load().Decide(f) != got.Verdict || f.Past.Dialed != time.Hour || f.Source != SourceQuery || f.Diverter != got.Diverter {
		t.Errorf("facts %+v give %+v; want %+v", f, e.policy.Load().Decide(f), got.Verdict)
	}
}

// A list decides without a lookup and says so; what shadow rules would have done is
// in the record and nowhere else.
func TestEngineListsAndShadow(t *testing.T) {
	d, asked := answers(sales)
	e := engineOf(t, d, func(o *Options) {
		o.Policy = policyOf(t, "mode: enforce\nallow: ['13800138000']\nblock: ['10086']\nrules:\n"+
			"- {id: strict, shadow: true, when: {category: sales}, action: reject, kind: busy}\n- {id: soft, when: {category: sales}, action: tag}\n")
	})
	tests := []struct {
		from, rule, shadow string
		action             Action
		source             Source
	}{
		{"13800138000", RuleAllowList, "", Allow, SourceList},
		{"10086", RuleBlockList, "", Reject, SourceList},
		{"110", RuleNeverReject, "", Allow, SourceList},
		{"1001", RuleDefault, "", Allow, SourceNone},
		{salesman.Digits, "soft", "strict", Tag, SourceQuery},
	}
	for _, tt := range tests {
		got := e.Screen(t.Context(), callFrom(tt.from))
		if got.Verdict.Rule != tt.rule || got.Effective().Action != tt.action || got.Source != tt.source || got.Shadow.Rule != tt.shadow {
			t.Errorf("%s: %+v; want %+v", tt.from, got, tt)
		}
	}
	if asked.Load() != 1 {
		t.Errorf("%d lookups; want 1", asked.Load())
	}
}
