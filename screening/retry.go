package screening

import (
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
	refused *simplelru.LRU[attempt, refusedCall]
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
	l, _ := simplelru.NewLRU[attempt, refusedCall](maxRefused, nil) // fails for a size below one only
	return &retries{refused: l}
}

// attempts returns what d's call can be known by again; the second is zero for a
// caller without a number, whom his URI does not tell from others who have none.
func attempts(d *Decision, called string) [2]attempt {
	if d.Number.Digits == "" {
		return [2]attempt{{caller: d.Call.From, id: d.Call.ID, withheld: d.Call.Withheld}}
	}
	return [2]attempt{
		{caller: d.Number.Digits, id: d.Call.ID, withheld: d.Call.Withheld},
		{caller: d.Number.Digits, called: called, withheld: d.Call.Withheld},
	}
}

// note remembers that d refused a call under p, and forgets whom nobody can try
// again any more.
func (r *retries) note(d *Decision, p *Policy, called string) {
	now := d.Call.At.Add(d.Took)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range attempts(d, called) {
		if a != (attempt{}) {
			r.refused.Add(a, refusedCall{now, p, *d})
		}
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

// find returns what was decided of the call that d's is another attempt at: one
// with the same Call-ID within three minutes of its refusal, or from and to the
// same numbers within four seconds. Under another policy it is none: whom the
// office has let in since then shall get through.
func (r *retries) find(d *Decision, p *Policy, called string) (first Decision, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused.Len() == 0 {
		return first, false
	}
	for _, a := range attempts(d, called) {
		within := sameCallID
		if a.id == "" {
			within = retryAfter
		}
		was, known := r.refused.Peek(a)
		if known && was.policy == p && d.Call.At.Sub(was.at) <= within {
			return was.decision, true
		}
	}
	return first, false
}

// again decides a call that is another attempt at one that was refused: as that
// was.
func (s *screen) again() (Decision, bool) {
	first, ok := s.retries.find(&s.d, s.policy, s.called())
	if !ok {
		return first, false
	}
	s.d.Reputation, s.d.Age, s.d.Failed = first.Reputation, first.Age, first.Failed
	s.d.Verdict, s.d.Shadow = first.Verdict, first.Shadow
	if s.d.Source = SourceRetry; first.Source != SourceRetry {
		s.d.Verdict.Why = "tried again: " + first.Verdict.Why
	}
	return s.refuse(s.finish()), true
}

// refuse remembers a decision if it refuses its call. One by the office's own list
// is made anew for every attempt: the list costs nothing, and may have changed.
func (s *screen) refuse(d Decision) Decision {
	if d.Effective().Action != Reject {
		return d
	}
	if own := d.Source == SourceList && d.Reputation.Known(); !own {
		s.retries.note(&d, s.policy, s.called())
	}
	if s.remembers() {
		s.memory.refuse(d.Number, d.Call.ID, d.Call.At.Add(d.Took))
	}
	return d
}
