package screening

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// CacheStats is what a [Cache] did since it was made.
type CacheStats struct {
	Entries    int               // numbers with an answer now, fresh or not
	Size       int               // that there may be
	Hits       map[Source]uint64 // lookups with an answer, by where it came from
	Unscreened map[string]uint64 // lookups without one, by [FailureReason]
	Queries    uint64            // that the Directory was asked, renewals among them
	Failures   uint64            // of these queries, those that brought no answer
	Evictions  uint64            // answers that made room for others
}

// Stats returns the figures so far.
func (c *Cache) Stats() CacheStats {
	s := CacheStats{
		Entries: c.answers.Len(), Size: c.o.Size, Hits: map[Source]uint64{},
		Queries: c.counts.queries.Load(), Failures: c.counts.failures.Load(), Evictions: c.counts.evictions.Load(),
	}
	for i, source := range cacheSources {
		s.Hits[source] = c.counts.hits[i].Load()
	}
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	s.Unscreened = maps.Clone(c.counts.unscreened)
	return s
}

// cacheSources are the sources of an [Answer].
var cacheSources = [...]Source{SourceCache, SourceStale, SourceQuery, SourceList}

type counts struct {
	hits                         [len(cacheSources)]atomic.Uint64
	queries, failures, evictions atomic.Uint64

	mu         sync.Mutex
	unscreened map[string]uint64
}

func (c *counts) hit(s Source) {
	for i := range cacheSources {
		if cacheSources[i] == s {
			c.hits[i].Add(1)
		}
	}
}

func (c *counts) miss(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unscreened == nil {
		c.unscreened = map[string]uint64{}
	}
	c.unscreened[FailureReason(err)]++
}

// CacheEntry is what a [Cache] remembers of a number.
type CacheEntry struct {
	Reputation
	At      time.Time // when the directory said so
	Expires time.Time // when its lifetime ends; it may serve longer
}

// Get returns what is remembered of n, however old, and asks and counts nothing.
func (c *Cache) Get(n Number) (CacheEntry, bool) {
	r, ok := c.answers.Peek(keyOf(n))
	return CacheEntry{r.reputation, r.at, r.expires}, ok
}

// Forget drops what is remembered of n, failures too, and reports whether there was
// an answer. What a query under way brings is remembered again.
func (c *Cache) Forget(n Number) bool {
	k := keyOf(n)
	c.failures.Remove(k)
	return c.answers.Remove(k)
}

// Purge drops everything that is remembered, and returns how many answers that were.
func (c *Cache) Purge() int {
	n := c.answers.Len()
	c.failures.Purge()
	c.answers.Purge()
	return n
}
