package screening

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"
)

// maxFailures bounds how many failed numbers are remembered. They have their own
// memory, so that an outage does not push out answers that were paid for.
const maxFailures = 4096

// ErrClosed reports a lookup in a [Cache] that is closed.
var ErrClosed = errors.New("screening: cache is closed")

// CacheOptions configures a [Cache]. A zero field takes the default named beside it.
type CacheOptions struct {
	Directory Directory      // nil: there is nobody to ask beside Own
	Own       OwnList        // the office's own, which comes first; nil: none
	Size      int            // numbers remembered at most; default 100000
	Known     time.Duration  // lifetime of an answer that says something; default 24h
	Unknown   time.Duration  // lifetime of "nothing known"; default 6h
	Failed    time.Duration  // rest of a number whose lookup failed; default 30s, negative: none
	Stale     time.Duration  // how long past its lifetime an answer that says something serves while it is renewed; default 168h, negative: not at all
	Outage    time.Duration  // how long past its lifetime any answer serves when a newer is not to be had; default 720h, or none without Stale; negative: not at all
	Jitter    float64        // lifetimes vary by this part, up and down; default 0.1, negative: not at all
	Flight    time.Duration  // longest a query goes on after its callers have left; default 10s
	Logger    zerolog.Logger // zero: discard

	// Unscreened is told of every Lookup that ends without an answer, and why; nil: nobody is.
	Unscreened func(error)
}

// OwnList is a list that answers at once, from memory, and is asked anew for every
// call: what an office changes in it holds from then on. What Find returns with
// false has no meaning.
type OwnList interface {
	Find(n Number) (Reputation, bool)
}

// Answer is a Reputation and where it came from. Its slices are shared: read only.
type Answer struct {
	Reputation
	Source Source        // SourceList, SourceCache, SourceStale or SourceQuery; SourceNone: there is nobody to ask
	Age    time.Duration // since the directory said so; 0 from a list
}

// Cache remembers what a [Directory] said, and sees to it that nobody asks twice
// at a time. It is safe for concurrent use. Its goroutines are queries under way;
// each ends with its Directory's answer, after CacheOptions.Flight, or by Close.
type Cache struct {
	o        CacheOptions
	answers  *lru.Cache[cacheKey, remembered]
	failures *lru.Cache[cacheKey, failure]
	flights  singleflight.Group
	counts   counts

	closing  context.Context // ends with Close
	shut     context.CancelFunc
	mu       sync.Mutex // guards Add on underway against Close
	underway sync.WaitGroup
}

// cacheKey holds the parts of [Number.Key]; making it allocates nothing.
type cacheKey struct{ country, national string }

type remembered struct {
	reputation Reputation
	at         time.Time // when it was learned
	expires    time.Time
}

type failure struct {
	err   error
	until time.Time
}

// NewCache returns an empty Cache, or says which option is wrong.
func NewCache(o CacheOptions) (*Cache, error) {
	o.Size = cmp.Or(o.Size, 100_000)
	o.Known = cmp.Or(o.Known, 24*time.Hour)
	o.Unknown = cmp.Or(o.Unknown, 6*time.Hour)
	o.Failed = cmp.Or(o.Failed, 30*time.Second)
	o.Stale = max(cmp.Or(o.Stale, 7*24*time.Hour), 0)
	if o.Stale > 0 {
		o.Outage = cmp.Or(o.Outage, 30*24*time.Hour)
	}
	o.Outage = max(o.Outage, 0)
	o.Jitter = max(cmp.Or(o.Jitter, 0.1), 0)
	o.Flight = cmp.Or(o.Flight, 10*time.Second)
	switch {
	case o.Directory == nil && o.Own == nil:
		return nil, errors.New("screening: cache without a directory")
	case o.Size < 0 || o.Known < 0 || o.Unknown < 0 || o.Flight < 0:
		return nil, errors.New("screening: cache with a negative size, lifetime or limit")
	case !(o.Jitter < 1):
		return nil, errors.New("screening: jitter of the cache must be below 1")
	}
	answers, err := lru.New[cacheKey, remembered](o.Size)
	if err != nil {
		return nil, fmt.Errorf("screening: cache: %w", err)
	}
	failures, err := lru.New[cacheKey, failure](min(o.Size, maxFailures))
	if err != nil {
		return nil, fmt.Errorf("screening: cache: %w", err)
	}
	c := &Cache{o: o, answers: answers, failures: failures}
	c.closing, c.shut = context.WithCancel(context.Background())
	return c, nil
}

// Close ends the queries under way and waits for them. What is remembered can
// still be found.
func (c *Cache) Close() {
	c.mu.Lock()
	c.shut()
	c.mu.Unlock()
	c.underway.Wait()
}

// Len returns how many numbers have an answer, fresh or not.
func (c *Cache) Len() int { return c.answers.Len() }

// Find returns what the own list says of n, or else what is remembered of it and
// still fresh at now. It asks nobody.
func (c *Cache) Find(n Number, now time.Time) (Answer, bool) {
	a, ok := c.atHand(n)
	if !ok {
		a, ok = c.recall(keyOf(n), now, 0)
	}
	if ok {
		c.counts.hit(a.Source)
	}
	return a, ok
}

// Lookup returns what is known of n: on the own list, remembered, or else asked
// for. An answer that says something serves for CacheOptions.Stale past its
// lifetime, while one query renews it. One that says nothing does not: who was
// unknown last week may be notorious today. It serves, like one that is older still,
// for CacheOptions.Outage, when the query fails or is not answered before ctx ends.
// An answer with a Keep of its own never serves longer.
//
// Only where there is none of those either comes the error: the Directory's own,
// one that wraps [ErrPanic], ErrClosed, or one that wraps ctx.Err. A failure is
// remembered for CacheOptions.Failed, unless the Directory says that it did not ask
// (a method Unasked of the error). That a caller ran out of time is no failure: the
// query goes on without him, and what it brings is remembered, since it is paid for.
func (c *Cache) Lookup(ctx context.Context, n Number) (Answer, error) {
	a, err := c.lookup(ctx, n)
	if err != nil {
		c.counts.miss(err)
		if c.o.Unscreened != nil {
			c.o.Unscreened(err)
		}
		return Answer{}, err
	}
	c.counts.hit(a.Source)
	return a, nil
}

// Ask is [Cache.Lookup] for who is no call: nothing is counted, and nobody is told
// that there was no answer.
func (c *Cache) Ask(ctx context.Context, n Number) (Answer, error) { return c.lookup(ctx, n) }

func (c *Cache) lookup(ctx context.Context, n Number) (Answer, error) {
	if a, ok := c.atHand(n); ok {
		return a, nil
	}
	k := keyOf(n)
	if a, ok := c.recall(k, time.Now(), c.o.Stale); ok && (a.Source == SourceCache || a.Known()) {
		if a.Source == SourceStale {
			c.renew(ctx, k, n)
		}
		return a, nil
	}
	a, err := c.wait(ctx, k, n)
	if err == nil {
		return a, nil
	}
	if old, ok := c.recall(k, time.Now(), c.o.Outage); ok {
		return old, nil
	}
	return Answer{}, err
}

// atHand returns what can be said of n without memory or question.
func (c *Cache) atHand(n Number) (Answer, bool) {
	if c.o.Own != nil {
		if r, ok := c.o.Own.Find(n); ok {
			return Answer{Reputation: r, Source: SourceList}, true
		}
	}
	return Answer{Source: SourceNone}, c.o.Directory == nil
}

// recall returns what is remembered under k, if it is fresh at now or has been so
// within grace.
func (c *Cache) recall(k cacheKey, now time.Time, grace time.Duration) (Answer, bool) {
	r, ok := c.answers.Get(k)
	if !ok || !r.serves(now, grace) {
		return Answer{}, false
	}
	a := Answer{Reputation: r.reputation, Source: SourceCache, Age: max(now.Sub(r.at), 0)}
	if !now.Before(r.expires) {
		a.Source = SourceStale
	}
	return a, true
}

func (r *remembered) serves(now time.Time, grace time.Duration) bool {
	if r.reputation.Keep > 0 {
		grace = 0
	}
	return now.Before(r.expires.Add(grace))
}

func (c *Cache) keep(k cacheKey, r Reputation) {
	life := c.o.Unknown
	if r.Known() {
		life = c.o.Known
	}
	life = time.Duration(float64(life) * (1 + c.o.Jitter*(2*rand.Float64()-1)))
	if r.Keep > 0 {
		life = min(life, r.Keep)
	}
	now := time.Now()
	c.add(k.clone(), remembered{r, now, now.Add(life)})
}

func (c *Cache) add(k cacheKey, r remembered) {
	if c.answers.Add(k, r) {
		c.counts.evictions.Add(1)
	}
}

// fail remembers that k cannot be asked for now, unless that is our own doing or
// says nothing of k.
func (c *Cache) fail(k cacheKey, err error) {
	if c.o.Failed > 0 && c.closing.Err() == nil && !unasked(err) {
		c.failures.Add(k.clone(), failure{err, time.Now().Add(c.o.Failed)})
	}
}

// failed returns the error of a lookup that failed a moment ago.
func (c *Cache) failed(k cacheKey, now time.Time) error {
	if f, ok := c.failures.Get(k); ok && now.Before(f.until) {
		return f.err
	}
	return nil
}

func keyOf(n Number) cacheKey { return cacheKey{n.Country, n.National()} }

// clone lets go of the message that the number came in.
func (k cacheKey) clone() cacheKey {
	return cacheKey{strings.Clone(k.country), strings.Clone(k.national)}
}
