package screening

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
)

// renew starts a query for n, or joins it, and lets it go on by itself.
func (c *Cache) renew(ctx context.Context, k cacheKey, n Number) {
	if ctx.Err() == nil {
		c.query(ctx, k, n)
	}
}

// query returns where the outcome of the one query for n will be.
func (c *Cache) query(ctx context.Context, k cacheKey, n Number) <-chan singleflight.Result {
	return c.flights.DoChan(n.Key(), func() (any, error) { // ends with fly
		return c.fly(ctx, k, n)
	})
}

// wait joins the query for n, or starts it, and stays until either is over.
func (c *Cache) wait(ctx context.Context, k cacheKey, n Number) (Answer, error) {
	if ctx.Err() != nil {
		return Answer{}, outOfTime(ctx)
	}
	if err := c.failed(k, time.Now()); err != nil {
		return Answer{}, err
	}
	landed := c.query(ctx, k, n)
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

	c.counts.queries.Add(1)
	r, err := c.ask(ctx, n)
	if err != nil {
		c.counts.failures.Add(1)
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
