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
	Directory Directory      // required
	Size      int            // numbers remembered at most; default 100000
	Known     time.Duration  // lifetime of an answer that says something; default 24h
	Unknown   time.Duration  // lifetime of "nothing known"; default 6h
	Failed    time.Duration  // rest of a number whose lookup failed; default 30s, negative: none
	Stale     time.Duration  // how long past its lifetime an answer still serves while there is no newer; default 168h, negative: not at all
	Jitter    float64        // lifetimes vary by this part, up and down; default 0.1, negative: not at all
	Flight    time.Duration  // longest a query goes on after its callers have left; default 10s
	Logger    zerolog.Logger // zero: discard
}

// Answer is a Reputation and where it came from. Its slices are shared: read only.
type Answer struct {
	Reputation
	Source Source        // SourceCache, SourceStale or SourceQuery
	Age    time.Duration // since the directory said so
}

// Cache remembers what a [Directory] said, and sees to it that nobody asks twice
// at a time. It is safe for concurrent use. Its goroutines are queries under way;
// each ends with its Directory's answer, after CacheOptions.Flight, or by Close.
type Cache struct {
	o        CacheOptions
	answers  *lru.Cache[cacheKey, remembered]
	failures *lru.Cache[cacheKey, failure]
	flights  singleflight.Group

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
	o.Jitter = max(cmp.Or(o.Jitter, 0.1), 0)
	o.Flight = cmp.Or(o.Flight, 10*time.Second)
	switch {
	case o.Directory == nil:
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

// Find returns what is remembered of n and still fresh at now. It asks nobody.
func (c *Cache) Find(n Number, now time.Time) (Answer, bool) {
	return c.recall(keyOf(n), now, 0)
}

// Lookup returns what is known of n: remembered, or else asked for. When it cannot
// be asked for before ctx ends, an answer past its lifetime serves. Only where there
// is none of those either comes the error: the Directory's own, one that wraps
// [ErrPanic], ErrClosed, or one that wraps ctx.Err. A failure is remembered
// for CacheOptions.Failed. That a caller ran out of time is no failure: the query
// goes on without him, and what it brings is remembered, since it is paid for.
func (c *Cache) Lookup(ctx context.Context, n Number) (Answer, error) {
	k := keyOf(n)
	if a, ok := c.recall(k, time.Now(), 0); ok {
		return a, nil
	}
	a, err := c.wait(ctx, k, n)
	if err == nil {
		return a, nil
	}
	if old, ok := c.recall(k, time.Now(), c.o.Stale); ok {
		return old, nil
	}
	return Answer{}, err
}

// wait joins the query for n, or starts it, and stays until either is over.
func (c *Cache) wait(ctx context.Context, k cacheKey, n Number) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, outOfTime(ctx)
	}
	if err := c.failed(k, time.Now()); err != nil {
		return Answer{}, err
	}
	landed := c.flights.DoChan(n.Key(), func() (any, error) { // ends with fly
		return c.fly(ctx, k, n)
	})
	select {
	case r := <-landed:
		return answerOf(r)
	case <-ctx.Done():
	}
	select {
	case r := <-landed: // at the same moment: it came in time
		return answerOf(r)
	default:
		return Answer{}, outOfTime(ctx)
	}
}

func outOfTime(ctx context.Context) error {
	return fmt.Errorf("screening: waiting for directory: %w", ctx.Err())
}

func answerOf(r singleflight.Result) (Answer, error) {
	if r.Err != nil {
		return Answer{}, r.Err
	}
	return r.Val.(Answer), nil
}

// fly asks for n once and remembers the outcome, whoever still waits for it.
func (c *Cache) fly(ctx context.Context, k cacheKey, n Number) (Answer, error) {
	if !c.takeOff() {
		return Answer{}, ErrClosed
	}
	defer c.underway.Done()
	// The query before may have landed after this caller looked.
	if a, ok := c.recall(k, time.Now(), 0); ok {
		return a, nil
	}
	if err := c.failed(k, time.Now()); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.o.Flight)
	defer cancel()
	defer context.AfterFunc(c.closing, cancel)()

	r, err := c.ask(ctx, n)
	if err != nil {
		c.fail(k, err)
		return Answer{}, err
	}
	c.keep(k, r)
	return Answer{Reputation: r, Source: SourceQuery}, nil
}

// takeOff counts a query, unless the cache is closed.
func (c *Cache) takeOff() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing.Err() != nil {
		return false
	}
	c.underway.Add(1)
	return true
}

// ask turns a panic of the directory into an error: singleflight would end the process.
func (c *Cache) ask(ctx context.Context, n Number) (r Reputation, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = caught(p, &c.o.Logger)
		}
	}()
	return c.o.Directory.Lookup(ctx, n)
}

// recall returns what is remembered under k, if it is fresh at now or has been so
// within grace.
func (c *Cache) recall(k cacheKey, now time.Time, grace time.Duration) (Answer, bool) {
	r, ok := c.answers.Get(k)
	if !ok || !now.Before(r.expires.Add(grace)) {
		return Answer{}, false
	}
	a := Answer{Reputation: r.reputation, Source: SourceCache, Age: max(now.Sub(r.at), 0)}
	if !now.Before(r.expires) {
		a.Source = SourceStale
	}
	return a, true
}

func (c *Cache) keep(k cacheKey, r Reputation) {
	life := c.o.Unknown
	if r.Known() {
		life = c.o.Known
	}
	if r.Keep > 0 {
		life = min(life, r.Keep)
	}
	spread := 1 + c.o.Jitter*(2*rand.Float64()-1)
	now := time.Now()
	c.answers.Add(k.clone(), remembered{r, now, now.Add(time.Duration(float64(life) * spread))})
}

// fail remembers that k cannot be asked for now, unless that is our own doing.
func (c *Cache) fail(k cacheKey, err error) {
	if c.o.Failed > 0 && c.closing.Err() == nil {
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
