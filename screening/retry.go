package screening

import (
	"cmp"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxRefused is how many refusals are remembered for those who try again: two
// keys each, so that four seconds of a thousand a second fit.
const maxRefused = 8192

// retries remembers the calls that were refused of late. A carrier that tries one
// of them again, as the same call or by another way, gets the same answer, and
// nobody is asked again. It reads no clock and is safe for concurrent use.
type retries struct {
	mu      sync.Mutex
	refused *simplelru.LRU[attempt, *refusedCall]
	callers [1 << 15]uint16 // how many keys of refused are of a caller, by his hash
}

// attempt is what two attempts at one call have in common: the caller, and the
// Call-ID or the called number. The other of the two is empty.
type attempt struct {
	caller, id, called string
	withheld           bool
}

type refusedCall struct {
	at       time.Time // of the refusal
	policy   *Policy
	decision Decision
}

func newRetries() *retries {
	r := &retries{}
	forgotten := func(a attempt, _ *refusedCall) { *r.keysOf(a.caller)-- }
	r.refused, _ = simplelru.NewLRU(maxRefused, forgotten) // fails for a size below one only
	return r
}

// keysOf returns the count of a caller's keys. Most callers have none, so that they
// need not be looked for.
func (r *retries) keysOf(caller string) *uint16 {
	return &r.callers[hash(caller)%uint64(len(r.callers))]
}

// attempts returns what a call of n can be known by again; the second is zero for a
// caller without a number, whom his URI does not tell from others who have none.
func attempts(n Number, c *Call, called string) [2]attempt {
	if n.Digits == "" {
		return [2]attempt{{caller: c.From, id: c.ID, withheld: c.Withheld}}
	}
	return [2]attempt{
		{caller: n.Digits, id: c.ID, withheld: c.Withheld},
		{caller: n.Digits, called: called, withheld: c.Withheld},
	}
}

// note remembers that d refused a call under p, and forgets whom nobody can try
// again any more.
func (r *retries) note(d *Decision, p *Policy, called string) {
	now := d.Call.At.Add(d.Took)
	refused := &refusedCall{now, p, *d}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range attempts(d.Number, &d.Call, called) {
		if a == (attempt{}) {
			continue
		}
		if !r.refused.Contains(a) {
			*r.keysOf(a.caller)++
		}
		r.refused.Add(a, refused)
	}
	for {
		_, last, ok := r.refused.GetOldest()
		if !ok || now.Sub(last.at) <= sameCallID {
			return
		}
		r.refused.RemoveOldest()
	}
}

// forget forgets all refusals.
func (r *retries) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused.Purge()
}

// find returns what was decided of the call that a call is another attempt at: one
// with the same Call-ID within three minutes of its refusal, or from and to the
// same numbers within four seconds; nil: none. Under another policy it is none: whom
// the office has let in since then shall get through.
func (r *retries) find(f *Facts, p *Policy, called string) *Decision {
	r.mu.Lock()
	defer r.mu.Unlock()
	if *r.keysOf(cmp.Or(f.Number.Digits, f.Call.From)) == 0 {
		return nil
	}
	for _, a := range attempts(f.Number, &f.Call, called) {
		within := sameCallID
		if a.id == "" {
			within = retryAfter
		}
		was, known := r.refused.Peek(a)
		if known && was.policy == p && f.Call.At.Sub(was.at) <= within {
			return &was.decision
		}
	}
	return nil
}

// again decides a call that is another attempt at one that was refused: as that
// was.
func (s *screen) again() bool {
	first := s.retries.find(&s.facts, s.policy, s.called())
	if first == nil {
		return false
	}
	s.facts.Reputation, s.facts.Age, s.facts.Failed = first.Reputation, first.Age, first.Failed
	s.verdict, s.shadow = first.Verdict, first.Shadow
	if s.facts.Source = SourceRetry; first.Source != SourceRetry {
		s.verdict.Why = "tried again: " + first.Verdict.Why
	}
	return true
}

// refuse remembers a decision if it refuses its call. One by the office's own list
// is made anew for every attempt: the list costs nothing, and may have changed.
func (s *screen) refuse(d *Decision) {
	if d.Effective().Action != Reject {
		return
	}
	if own := d.Source == SourceList && d.Reputation.Known(); !own {
		s.retries.note(d, s.policy, s.called())
	}
	if s.remembers() {
		s.memory.refuse(d.Number, d.Call.ID, d.Call.At.Add(d.Took))
	}
}
