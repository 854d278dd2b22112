package screening

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// What a Memory keeps, and so the most that a policy may ask for.
const (
	maxCalls   = 32 // calls of one number, the one that comes in included
	keepCalls  = 7 * 24 * time.Hour
	keepDialed = 180 * 24 * time.Hour
)

// Attempts that a carrier makes for one and the same call count as one: those
// with the same Call-ID, and those that follow a refusal at once.
const (
	sameCallID = 3 * time.Minute // as long as a call may ring (RFC 3261, timer C)
	retryAfter = 4 * time.Second // behind a refusal
)

// MemoryOptions configures a [Memory]. A zero field takes the default named beside it.
type MemoryOptions struct {
	Callers int // callers whose calls are remembered at most; default 50000
	Dialed  int // numbers that the office called remembered at most; default 100000
}

// Memory remembers who called, and whom the office called, for as long as a
// policy may ask: [Past] says how long that is. When it is full it forgets whom
// nothing was heard of for longest. It opens no file and is safe for concurrent use;
// [Memory.Save] and [Memory.Load] let its owner keep it over a restart.
//
// Times that have a monotonic clock are told by it, so that a clock that is set makes
// no call older or younger.
type Memory struct {
	began   time.Time // what all times here are counted from, in nanoseconds
	mu      sync.Mutex
	callers *simplelru.LRU[cacheKey, *caller]
	dialed  *simplelru.LRU[cacheKey, int64]
}

// never is the time of what has not happened.
const never = math.MinInt64

// caller is what is remembered of one number: its calls, the newest last.
type caller struct{ calls []heard }

// heard is one call, in whatever number of attempts.
type heard struct {
	at, refused int64  // refused is when we last refused it
	id, to      uint64 // hashes of the Call-ID and the called number
}

// NewMemory returns an empty Memory, or says which option is wrong.
func NewMemory(o MemoryOptions) (*Memory, error) {
	if o.Callers < 0 || o.Dialed < 0 {
		return nil, errors.New("screening: memory of a negative size")
	}
	callers, err1 := simplelru.NewLRU[cacheKey, *caller](cmp.Or(o.Callers, 50_000), nil)
	dialed, err2 := simplelru.NewLRU[cacheKey, int64](cmp.Or(o.Dialed, 100_000), nil)
	if err := errors.Join(err1, err2); err != nil {
		return nil, fmt.Errorf("screening: memory: %w", err)
	}
	return &Memory{began: time.Now(), callers: callers, dialed: dialed}, nil
}

func (m *Memory) time(at time.Time) int64 { return int64(at.Sub(m.began)) }

func (m *Memory) heard(id, to string, at time.Time) heard {
	return heard{at: m.time(at), refused: never, id: hash(id), to: hash(to)}
}

// arrive notes a call of n to a number and returns what was before it. A second
// attempt at a call has the past of the first one.
func (m *Memory) arrive(n Number, id, to string, at time.Time) Past {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := keyOf(n)
	c, ok := m.callers.Get(k)
	if !ok {
		c = &caller{}
		m.callers.Add(k.clone(), c)
	}
	return Past{Calls: c.arrive(m.heard(id, to, at)), Dialed: m.sinceDialed(k, at)}
}

// past returns what arrive would, and notes nothing.
func (m *Memory) past(n Number, id, to string, at time.Time) Past {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := keyOf(n)
	past := Past{Dialed: m.sinceDialed(k, at)}
	if c, ok := m.callers.Peek(k); ok {
		as := caller{calls: slices.Clone(c.calls)}
		past.Calls = as.arrive(m.heard(id, to, at))
	}
	return past
}

func (m *Memory) sinceDialed(k cacheKey, at time.Time) time.Duration {
	dialed, ok := m.dialed.Peek(k)
	since := time.Duration(m.time(at) - dialed)
	if !ok || since > keepDialed {
		return 0
	}
	return max(since, 1)
}

// arrive adds a call and returns those before it, the newest first.
func (c *caller) arrive(h heard) []PastCall {
	c.calls = slices.DeleteFunc(c.calls, func(old heard) bool { return h.at-old.at > int64(keepCalls) || h.attemptOf(old) })
	past := slices.Grow([]PastCall(nil), len(c.calls))
	for _, old := range slices.Backward(c.calls) {
		past = append(past, PastCall{Ago: max(time.Duration(h.at-old.at), 0), Same: old.to == h.to})
	}
	if len(c.calls) == maxCalls-1 {
		c.calls = slices.Delete(c.calls, 0, 1)
	}
	c.calls = append(c.calls, h)
	return past
}

// attemptOf reports whether h is the same call as old.
func (h heard) attemptOf(old heard) bool {
	return h.id == old.id && h.at-old.at <= int64(sameCallID) ||
		h.to == old.to && old.refused != never && h.at-old.refused <= int64(retryAfter)
}

// refuse notes that the call with a Call-ID was refused.
func (m *Memory) refuse(n Number, id string, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.callers.Peek(keyOf(n))
	if !ok {
		return
	}
	h := hash(id)
	for i := range c.calls {
		if c.calls[i].id == h {
			c.calls[i].refused = m.time(at)
		}
	}
}

// dial notes that the office called n.
func (m *Memory) dial(n Number, at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dialed.Add(keyOf(n).clone(), m.time(at))
}

// Forget removes all that is remembered of a number, and reports whether there was
// anything.
func (m *Memory) Forget(n Number) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	called := m.callers.Remove(keyOf(n))
	dialed := m.dialed.Remove(keyOf(n))
	return called || dialed
}

// hash tells texts apart (FNV-1a). It is the same in every process, so that a
// Memory can be saved.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}
