package juhe

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"

	"callscreen/screening/guard"
)

// warmth is how many questions may be under way at once at a rate, as far as
// connections are kept for them.
func warmth(rate float64) int {
	if rate < 0 {
		return maxIdle
	}
	return int(min(math.Ceil(2*rate), maxIdle))
}

// Warm opens connections, so that no call pays for a TLS handshake: one that
// carries all questions at once, or over HTTP/1.1 as many as Options.Rate allows
// questions at a time, 16 at most. It sends no number and no key, and costs no
// query. The error says why the service cannot be reached; it is no reason not to start.
func (c *Client) Warm(ctx context.Context) error {
	version, err := c.touch(ctx, func() {})
	if err != nil || version > 1 || c.warmth == 1 {
		return err
	}
	var held, all sync.WaitGroup
	held.Add(c.warmth)
	errs := make([]error, c.warmth)
	for i := range errs {
		all.Go(func() { // ends with ctx
			arrive := sync.OnceFunc(held.Done)
			defer arrive()
			_, errs[i] = c.touch(ctx, func() { // nobody gives a connection back before all have one
				arrive()
				held.Wait()
			})
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// touch sends a request for nothing, calls got once there is a connection for it,
// and returns the version of HTTP that the connection speaks.
func (c *Client) touch(ctx context.Context, got func()) (version int, err error) {
	trace := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got() }})
	root := url.URL{Scheme: c.url.Scheme, Host: c.url.Host, Path: "/"}
	req, err := http.NewRequestWithContext(trace, http.MethodHead, root.String(), nil)
	if err != nil {
		return 0, errors.New("juhe: warming: url cannot be used")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, transportError(ctx, "warming", err)
	}
	return resp.ProtoMajor, resp.Body.Close()
}

// KeepWarm opens connections and keeps them open until ctx ends; see [guard.KeepWarm].
func (c *Client) KeepWarm(ctx context.Context) { guard.KeepWarm(ctx, Name, c.Warm, c.log) }
