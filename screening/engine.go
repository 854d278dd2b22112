package screening

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// Options configures an [Engine]. A zero field takes the default named beside it.
type Options struct {
	Policy *Policy          // required
	Cache  *Cache           // nil: decide without looking numbers up
	Memory *Memory          // nil: every caller is a stranger to the policy
	Trunks map[string]Trunk // by name; a trunk that is not here has the zero Trunk
	Budget time.Duration    // longest a decision may take, from Call.At; default 800ms
	Logger zerolog.Logger   // zero: discard

	// AskWithheld has callers looked up who asked to stay unknown and whose number
	// the trunk tells all the same: directories are third parties. Default: not.
	AskWithheld bool
}

// Trunk is what an [Engine] knows of a trunk.
type Trunk struct {
	Habits
	Budget time.Duration // default: that of the Engine
}

// Engine decides what becomes of calls. It is safe for concurrent use and has no
// goroutines of its own.
type Engine struct {
	policy  atomic.Pointer[Policy]
	cache   *Cache
	memory  *Memory
	retries *retries
	trunks  map[string]Trunk
	budget  time.Duration
	log     zerolog.Logger

	askWithheld bool
}

// New returns an Engine ready to screen, or says which option is wrong.
func New(o Options) (*Engine, error) {
	if o.Policy == nil {
		return nil, errors.New("screening: no policy")
	}
	if o.Budget < 0 {
		return nil, errors.New("screening: budget is negative")
	}
	e := &Engine{
		cache: o.Cache, memory: o.Memory, retries: newRetries(), trunks: make(map[string]Trunk, len(o.Trunks)),
		budget: cmp.Or(o.Budget, 800*time.Millisecond), log: o.Logger, askWithheld: o.AskWithheld,
	}
	maps.Copy(e.trunks, o.Trunks)
	for name, t := range e.trunks {
		if t.Budget < 0 {
			return nil, fmt.Errorf("screening: budget of trunk %q is negative", name)
		}
		if err := t.Validate(); err != nil {
			return nil, fmt.Errorf("screening: trunk %q: %w", name, err)
		}
	}
	e.policy.Store(o.Policy)
	return e, nil
}

// SetPolicy puts p in the place of the policy; nil changes nothing. A call under way
// is judged by the one it began with.
func (e *Engine) SetPolicy(p *Policy) {
	if p != nil {
		e.policy.Store(p)
		e.retries.forget()
	}
}

// Policy returns the policy in force.
func (e *Engine) Policy() *Policy { return e.policy.Load() }

// Facts returns what the policy would be given of c before its lookup, for
// [Policy.Explain]. It notes nothing and asks nobody.
func (e *Engine) Facts(c Call) Facts {
	s := e.begin(c)
	s.identify()
	if s.remembers() {
		s.facts.Past = e.memory.past(s.facts.Number, c.ID, s.called(), s.facts.Call.At)
	}
	return s.facts
}

// Forget forgets which calls were refused of late, so that one that is tried again
// is decided anew. It is for who erases a number.
func (e *Engine) Forget() { e.retries.forget() }

// Dialed notes that the office called a number by a trunk, as the PBX wrote it: who
// owns that number is no stranger when they call back. It costs what a map does
// and never panics.
func (e *Engine) Dialed(trunk, to string, at time.Time) {
	if e.memory == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			_ = caught(p, &e.log) // logged; the call goes on without a note
		}
	}()
	if n, err := e.trunks[trunk].Normalize(to); err == nil {
		e.memory.dial(n, at)
	}
}

// ScreenNow decides c if nobody has to be asked for it: a list or the number
// itself decides, or the cache knows the caller. It returns false, and a Decision
// without meaning, if [Engine.Screen] is needed. It takes microseconds, starts no
// goroutine and never panics.
func (e *Engine) ScreenNow(c Call) (d Decision, ok bool) {
	s := e.begin(c)
	defer func() {
		if p := recover(); p != nil {
			d, ok = s.failOpen(caught(p, &e.log)), true
		}
	}()
	if ok = s.now(); ok {
		d = s.finish()
	}
	return d, ok
}

// Screen decides c, always, and no later than its trunk's budget after c.At, or as
// soon as ctx ends. Where the directory does not answer by then the policy
// decides without it, with the reason in Decision.Failed; should screening itself
// fail the call is let through under RuleFailOpen. It never panics.
func (e *Engine) Screen(ctx context.Context, c Call) (d Decision) {
	s := e.begin(c)
	defer func() {
		if p := recover(); p != nil {
			d = s.failOpen(caught(p, &e.log))
		}
	}()
	if !s.now() {
		s.lookUp(ctx)
	}
	return s.finish()
}

// Unscreened is the decision on a call that shall be let through unscreened, and
// why: with the numbers in it, under RuleFailOpen. It asks nobody and never panics.
func (e *Engine) Unscreened(c Call, why string) (d Decision) {
	s := e.begin(c)
	defer func() {
		if p := recover(); p != nil {
			d = s.failOpen(caught(p, &e.log))
		}
	}()
	s.identify()
	s.verdict = Verdict{Action: Allow, Rule: RuleFailOpen, Why: why}
	return s.finish()
}

// screen is one call on its way to a Decision, under one policy throughout.
type screen struct {
	*Engine
	policy  *Policy
	trunk   Trunk
	facts   Facts
	verdict Verdict
	shadow  Verdict
}

// begin takes what cannot go wrong: nothing in it looks at what a caller wrote.
func (e *Engine) begin(c Call) screen {
	if c.At.IsZero() {
		c.At = time.Now()
	}
	return screen{Engine: e, policy: e.policy.Load(), trunk: e.trunks[c.Trunk], facts: Facts{Call: c, Source: SourceNone}}
}

// now decides if the cache is all that has to be asked.
func (s *screen) now() bool {
	s.identify()
	if s.remembers() {
		s.facts.Past = s.memory.arrive(s.facts.Number, s.facts.Call.ID, s.called(), s.facts.Call.At)
	}
	if s.again() {
		return true
	}
	if s.needsLookup() {
		a, ok := s.cache.Find(s.facts.Number, time.Now())
		if !ok {
			return false
		}
		s.learn(a)
	}
	s.decide()
	return true
}

// identify reads the numbers of the call.
func (s *screen) identify() {
	c := &s.facts.Call
	// A number that cannot be read is one too: its class says so.
	s.facts.Number, _ = s.trunk.Normalize(c.From)
	s.facts.Called, _ = s.trunk.Normalize(c.To)
	if c.DivertedBy != "" {
		s.facts.Diverter, _ = s.trunk.Normalize(c.DivertedBy)
	}
	s.facts.Mismatch = s.mismatch(c)
}

// called tells the called numbers apart.
func (s *screen) called() string { return cmp.Or(s.facts.Called.Digits, s.facts.Call.To) }

// mismatch reports whether the caller says to be another than the network does.
func (s *screen) mismatch(c *Call) bool {
	if c.Asserted == "" || c.Claimed == c.Asserted {
		return false
	}
	claimed, err1 := s.trunk.Normalize(c.Claimed)
	asserted, err2 := s.trunk.Normalize(c.Asserted)
	return err1 == nil && err2 == nil && claimed.Key() != asserted.Key()
}

// remembers reports whether the caller is one that can be known again.
func (s *screen) remembers() bool { return s.memory != nil && s.facts.Number.Digits != "" }

// needsLookup keeps from directories whom the policy does not ask about, and
// callers who shall stay unknown.
func (s *screen) needsLookup() bool {
	secret := s.facts.Call.Withheld && !s.askWithheld
	return s.cache != nil && !secret && s.policy.needsLookup(&s.facts)
}

// lookUp asks for the caller while there is time, and decides with what came.
func (s *screen) lookUp(ctx context.Context) {
	ctx, cancel := context.WithDeadline(ctx, s.facts.Call.At.Add(cmp.Or(s.trunk.Budget, s.budget)))
	defer cancel()
	a, err := s.cache.Lookup(ctx, s.facts.Number)
	if err != nil {
		s.facts.Failed = err
	} else {
		s.learn(a)
	}
	s.decide()
}

func (s *screen) learn(a Answer) {
	s.facts.Reputation, s.facts.Source, s.facts.Age = a.Reputation, a.Source, a.Age
}

func (s *screen) decide() {
	s.verdict = s.policy.verdict(&s.facts)
	s.shadow, _ = s.policy.shadow(&s.facts)
	switch s.verdict.Rule {
	case RuleNeverReject, RuleAllowList, RuleBlockList:
		s.facts.Source = SourceList
	}
}

// failOpen lets the call through, whatever went wrong.
func (s *screen) failOpen(err error) Decision {
	s.facts.Failed = err
	s.verdict = Verdict{Action: Allow, Rule: RuleFailOpen, Why: "screening failed: " + FailureReason(err)}
	return s.finish()
}

// finish puts down what was decided and, if that is a refusal, remembers it.
func (s *screen) finish() Decision {
	f := &s.facts
	d := Decision{
		Call: f.Call, Number: f.Number, Called: f.Called, Diverter: f.Diverter, Mismatch: f.Mismatch, Past: f.Past,
		Reputation: f.Reputation, Source: f.Source, Age: f.Age, Failed: f.Failed, Verdict: s.verdict, Shadow: s.shadow,
		Mode: s.policy.Mode(), Policy: s.policy.Revision(), Took: time.Since(f.Call.At),
	}
	s.refuse(&d)
	return d
}
