// Package http asks a service that answers in JSON, as a configuration describes
// it: where, how, and where in the answer to find what.
//
// It knows HTTP and JSON, and no service by name.
package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
	"callscreen/screening/guard"
)

// Options configures a [Client]. A zero field takes the default named beside it.
//
// URL, Body and the values of Header may hold {number} (normal form), {national},
// {country} (calling code), {e164} ("+8613041439112") and {key}, which are escaped
// for where they stand. A path goes through objects by name and through arrays by
// number, as in "result.tags.0.name".
type Options struct {
	Name   string            // what Reputation.Directory says, required: "phoneblock"
	URL    string            // required; http or https, nothing in braces in its host
	Method string            // get or post; default get, with a Body post
	Body   string            // default none
	Header map[string]string // default none; with a Body the Content-Type of a form, or one of JSON
	Key    string            `json:"-"` // what {key} stands for; in no log and no error

	Proof   Proof                         // required
	Paths   Paths                         // at least one is required
	Unknown []int                         // statuses other than 200 that say "nothing known"; default none
	Texts   map[string]screening.Category // see [directory.NewCategories]

	Dial   time.Duration   // longest a connection may take to open; default 300ms
	Slow   time.Duration   // see [guard.Options]
	Rate   float64         // see [guard.Options]
	HTTP   *nethttp.Client // its transport is used; nil: one of our own, without proxy
	Logger zerolog.Logger  // zero: discard
}

// Proof is what tells an answer from an error page or an error object, which must
// not be taken for "nothing known".
type Proof struct {
	Path  string // must be there, required
	Value string // and be this text or number; empty: anything but null
}

// Paths say where in an answer to find what. An empty one is not looked for.
type Paths struct {
	Category    string // a text of Options.Texts; one that is not there is CategoryOther
	Label       string // default: the text at Category
	Marks       string
	Name        string
	Description string
	Place       string
}

// Format prints the options without key and URL, whatever the verb.
func (o Options) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "http.Options{%s}", o.Name) }

// Client asks one service. It is a [screening.Directory] and safe for concurrent use.
type Client struct {
	name     string
	question question
	reader   reader
	unknown  []int
	http     *nethttp.Client
	guard    *guard.Guard
	log      zerolog.Logger
}

// New returns a Client, or says which option is wrong. It opens no connection.
func New(o Options) (*Client, error) {
	if o.Name == "" || strings.ContainsFunc(o.Name, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("directory: name is not one word of ASCII")
	}
	c := &Client{name: o.Name, unknown: o.Unknown, http: newHTTP(o), log: o.Logger}
	var err1, err2, err3, err4 error
	c.question, err1 = newQuestion(o)
	c.reader, err2 = newReader(o)
	c.guard, err3 = guard.New(guard.Options{Name: o.Name, Slow: o.Slow, Rate: o.Rate, Logger: o.Logger})
	if o.Dial < 0 {
		err4 = errors.New("dial limit is negative")
	}
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("directory: %s: %w", o.Name, err)
	}
	return c, nil
}

// Format prints the client without key and URL, whatever the verb.
func (c *Client) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "http.Client{%s}", c.name) }

// Lookup asks for n and returns what the service says. A number that the question
// has no words for, one without a calling code where it wants {e164}, is unknown
// without asking. The error is an [*Error], a [*guard.Refusal] while the service is
// not asked, or wraps [context.Canceled] when the caller gave up. Lookup returns
// when ctx ends and follows no redirect.
func (c *Client) Lookup(ctx context.Context, n screening.Number) (r screening.Reputation, err error) {
	req, err := c.question.request(ctx, n)
	if err != nil {
		return screening.Reputation{}, fmt.Errorf("directory: %s: %w", c.name, err)
	}
	if req == nil {
		return screening.Reputation{Directory: c.name}, nil
	}
	attempt, err := c.guard.Admit()
	if err != nil {
		return screening.Reputation{}, fmt.Errorf("directory: %s: %w", c.name, err)
	}
	err = &Error{Detail: "asking broke off", reason: "upstream"} // unless ask returns
	defer func() { attempt.Settle(reaction(err)) }()
	attempt.Sent()
	started := time.Now()
	r, err = c.ask(ctx, req)
	if err != nil {
		return screening.Reputation{}, fmt.Errorf("directory: %s: %w", c.name, err)
	}
	c.log.Debug().Object("from", n).Dur("took", time.Since(started)).Msg(c.name + " answered")
	return r, nil
}

func (c *Client) ask(ctx context.Context, req *nethttp.Request) (screening.Reputation, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return screening.Reputation{}, transportError(ctx, err)
	}
	defer resp.Body.Close()
	body, err := readBody(resp.Body)
	switch {
	case err != nil:
		return screening.Reputation{}, transportError(ctx, err)
	case slices.Contains(c.unknown, resp.StatusCode):
		return screening.Reputation{Directory: c.name}, nil
	case resp.StatusCode != nethttp.StatusOK:
		return screening.Reputation{}, statusError(resp)
	}
	return c.reader.read(body)
}

// Warm opens a connection, so that the first call does not pay for a TLS handshake.
// It asks for the root of the service's host, and sends no number and no key.
func (c *Client) Warm(ctx context.Context) error {
	req, err := nethttp.NewRequestWithContext(ctx, nethttp.MethodHead, c.question.root(), nil)
	if err != nil {
		return errors.New("url cannot be used") // err holds the url
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return transportError(ctx, err)
	}
	return resp.Body.Close()
}

// KeepWarm opens a connection and keeps it open until ctx ends; see [guard.KeepWarm].
func (c *Client) KeepWarm(ctx context.Context) { guard.KeepWarm(ctx, c.name, c.Warm, c.log) }

// State returns how the service stands.
func (c *Client) State() guard.State { return c.guard.State() }

// Unscreened counts a call that went on without an answer, for [Client.State].
func (c *Client) Unscreened(err error) { c.guard.Unscreened(err) }
