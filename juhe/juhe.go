// Package juhe asks the Juhe number-tag service (mobileVerify/query) what it
// knows of a caller.
//
// One question, one answer: a [Client] knows the service's form, its replies and
// its error codes. It knows no cache and no policy, never asks twice for one
// question, and keeps the account's key out of everything it says.
package juhe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
	"callscreen/screening/guard"
)

// DefaultURL is the service's address over TLS; its document names the same over http.
const DefaultURL = "https://apis.juhe.cn/mobileVerify/query"

// Options configures a [Client]. A zero field takes the default named beside it.
type Options struct {
	URL            string                        // default DefaultURL
	Key            string                        `json:"-"` // the account's key, required; see [ReadKey]
	Method         string                        // "post" or "get"; default "post", which keeps the key out of the URL
	Country        string                        // calling code of a number that names none; default "86"
	Texts          map[string]screening.Category // what a label means, whatever Juhe says it does; "": nothing; default none
	LandlineFormat string                        // "0571…", "571…" or "0571-…": how a landline is asked for; default "0571…"
	Dial           time.Duration                 // longest a connection may take to open; default 300ms
	Slow           time.Duration                 // an answer later than this counts as none for stopping queries; default 800ms, the longest budget of a call is right
	Rate           float64                       // queries a second at most, twice as many at once; default 5, negative: any number
	HTTP           *http.Client                  // its transport is used, its redirects are not; nil: one of our own, without proxy
	Budget         Budget                        // queries a day and a month at most; default any number
	Store          Store                         // keeps what was spent; required with a Budget, nil: a restart forgets
	Logger         zerolog.Logger                // zero: discard

	// Low is told once of every day ("2026-11-25") and month ("2026-11") of whose
	// Budget four fifths are spent. A query waits for it. Nil: nobody is told.
	Low func(period string, spent Spent)

	wall func() time.Time // for dates; nil: time.Now
}

// Format prints the options without the key, whatever the verb.
func (o Options) Format(s fmt.State, _ rune) {
	fmt.Fprintf(s, "juhe.Options{%s %s}", cmp.Or(o.Method, "post"), cmp.Or(o.URL, DefaultURL))
}

// Client asks Juhe. It is a [screening.Directory] and safe for concurrent use.
type Client struct {
	url      *url.URL
	key      string
	get      bool
	country  string
	landline landlineFormat
	http     *http.Client
	warmth   int // connections that are kept open where each carries one question at a time
	guard    *guard.Guard
	ledger   *ledger
	texts    map[string]screening.Category // by label, folded
	log      zerolog.Logger
	wall     func() time.Time

	mu      sync.Mutex
	shouted time.Time // when a misunderstood question was logged last
}

// New returns a Client, or says which option is wrong. It opens no connection;
// see [Client.Warm].
func New(o Options) (*Client, error) {
	target, err := parseURL(cmp.Or(o.URL, DefaultURL))
	if err != nil {
		return nil, err
	}
	if err := checkKey(o.Key); err != nil {
		return nil, err
	}
	method := strings.ToLower(cmp.Or(o.Method, "post"))
	if method != "post" && method != "get" {
		return nil, fmt.Errorf("juhe: method %q is neither post nor get", o.Method)
	}
	country := cmp.Or(o.Country, "86")
	if !digits(country) {
		return nil, fmt.Errorf("juhe: country %q is not a calling code such as 86", o.Country)
	}
	landline := landlineFormat(cmp.Or(o.LandlineFormat, string(areaWithZero)))
	if !landline.valid() {
		return nil, fmt.Errorf("juhe: landline format %q is none of 0571…, 571…, 0571-…", o.LandlineFormat)
	}
	if o.Dial < 0 {
		return nil, errors.New("juhe: dial limit is negative")
	}
	if o.Budget.Day < 0 || o.Budget.Month < 0 {
		return nil, errors.New("juhe: budget is negative")
	}
	if o.Budget != (Budget{}) && o.Store == nil {
		return nil, errors.New("juhe: budget without a store would begin anew with every start")
	}
	if o.wall == nil {
		o.wall = time.Now
	}
	g, err := guard.New(guard.Options{Name: Name, Slow: o.Slow, Rate: o.Rate, Wall: o.wall, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("juhe: %w", err)
	}
	return &Client{
		url: target, key: o.Key, get: method == "get", country: country, landline: landline,
		http: newHTTP(o), warmth: warmth(cmp.Or(o.Rate, 5)), guard: g, ledger: newLedger(o), texts: foldTexts(o.Texts), log: o.Logger, wall: o.wall,
	}, nil
}

// parseURL accepts an http or https address without credentials in it.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("juhe: url cannot be read") // the text of err repeats the url
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("juhe: url needs http or https and a host")
	case u.User != nil || u.Query().Has("key"):
		return nil, errors.New("juhe: url holds a secret: give the key by itself")
	}
	return u, nil
}

// Format prints the client without the key, whatever the verb.
func (c *Client) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "juhe.Client{%s}", c.url.Host) }

// Lookup asks for n and returns what Juhe says, with Directory "juhe". A number
// that Juhe knows nothing of, and error 251103 (query failed), are the answer
// "nothing known"; the latter keeps for ten minutes only. The error is an
// [*Error], or wraps [context.Canceled] when the caller gave up. While queries
// are stopped or the budget is spent, or when there were too many this second, it
// comes at once and its Until is set. Lookup returns when ctx ends, asks once, and follows no redirect.
// Source: mobileVerify/query, document of 2025-02-23.
func (c *Client) Lookup(ctx context.Context, n screening.Number) (r screening.Reputation, err error) {
	once, cancel := askOnce(ctx)
	defer cancel()
	req, err := c.request(once, n)
	if err != nil {
		return screening.Reputation{}, err
	}
	attempt, err := c.guard.Admit()
	if err != nil {
		return screening.Reputation{}, refused(err)
	}
	entry, err := c.ledger.reserve(ctx)
	if err != nil {
		attempt.Settle(guard.Outcome{Void: true})
		return screening.Reputation{}, err
	}
	err = errBroken // unless ask returns
	defer func() { entry.settle(err); attempt.Settle(reaction(err, c.wall())) }()
	attempt.Sent()
	started := time.Now()
	r, err = c.ask(ctx, req)
	if err != nil {
		c.shout(err)
		return screening.Reputation{}, err
	}
	c.log.Debug().Object("from", n).Dur("took", time.Since(started)).Msg("juhe answered")
	return r, nil
}

// ask sends the question and reads the answer. ctx is the caller's.
func (c *Client) ask(ctx context.Context, req *http.Request) (screening.Reputation, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return screening.Reputation{}, transportError(ctx, "asking", err)
	}
	defer resp.Body.Close()
	body, err := readBody(resp.Body)
	if err != nil {
		return screening.Reputation{}, transportError(ctx, "reading answer", err)
	}
	if resp.StatusCode != http.StatusOK {
		return screening.Reputation{}, statusError(resp, body)
	}
	r, err := decode(body)
	return c.reword(r), err
}

// State returns how Juhe stands: what it said itself comes before our own budget.
func (c *Client) State() State {
	s := c.guard.State()
	if s.Reason == "" {
		if s = c.ledger.state(); s.Reason != "" {
			s.Unscreened = c.guard.Lost()
		}
	}
	return s
}

// Spending returns what the queries of this day and month cost.
func (c *Client) Spending() Spending { return c.ledger.spending() }

// Close saves what was spent. It belongs after the last Lookup.
func (c *Client) Close() error { return c.ledger.close() }

// Unscreened counts a call that went on without an answer, for [State]. It is made
// for [screening.CacheOptions].Unscreened.
func (c *Client) Unscreened(err error) { c.guard.Unscreened(err) }

// shout logs a question that Juhe does not understand, which a person must see
// to, once a while.
func (c *Client) shout(err error) {
	var e *Error
	if !errors.As(err, &e) || e.Class != ClassRequest {
		return
	}
	c.mu.Lock()
	now := time.Now()
	due := c.shouted.IsZero() || now.Sub(c.shouted) >= configPause
	if due {
		c.shouted = now
	}
	c.mu.Unlock()
	if due {
		c.log.Error().Str("err", e.Error()).Msg("juhe does not understand the question")
	}
}
