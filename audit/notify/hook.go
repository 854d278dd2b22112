// Package notify tells people and other programs what they should hear of: by
// webhooks, with forms ready for 企业微信 (WeCom) and 钉钉 (DingTalk).
//
// It knows HTTP, and nothing of SIP or policy. Events wait in a queue and are sent in
// their order, again and again where that is of use; whoever sends one never waits.
package notify

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	askWithin   = 10 * time.Second // one attempt
	retryFirst  = time.Second      // doubled with every failure
	retryLast   = 5 * time.Minute
	giveUpAfter = 24 * time.Hour // an event that is older is of no use
	closeWithin = 5 * time.Second
	maxReply    = 64 << 10
)

// Options configures a [Hook]. A zero field takes the default named beside it.
type Options struct {
	URL       string            // where events go, http or https; never logged, since it may be a secret
	Form      string            // "json" (default), "wecom" or "dingtalk"
	Secret    string            // json: signs the event; dingtalk: the robot's; empty: no signature
	Language  Language          // default Chinese
	Queue     int               // events that may wait; default 256
	Transport http.RoundTripper // default: one of its own
	Logger    zerolog.Logger    // told of events that are lost; zero: discard
}

// Hook sends events to one receiver. Its methods may be called from many goroutines.
type Hook struct {
	o       Options
	form    form
	client  *http.Client
	queue   chan item
	closing sync.RWMutex // held for writing while closed changes
	closed  bool
	done    chan struct{}

	// waiting ends with Close, asking a while later.
	waiting, asking   context.Context
	stopWait, stopAsk context.CancelFunc
	sent              atomic.Uint64
	lost              atomic.Uint64
}

// item is an event with the name that it keeps in every attempt.
type item struct {
	id    string
	since time.Time
	event Event
}

// Validate says which option is wrong.
func (o Options) Validate() error {
	_, err := o.form()
	return err
}

func (o Options) form() (form, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("notify: URL is not one of http or https") // which, is a secret
	}
	if o.Queue < 0 {
		return nil, fmt.Errorf("notify: queue %d is negative", o.Queue)
	}
	if o.Language != "" && o.Language != Chinese && o.Language != English {
		return nil, fmt.Errorf("notify: language %q: want zh or en", o.Language)
	}
	return newForm(o)
}

// Open returns a Hook that is ready to send, or says which option is wrong.
func Open(o Options) (*Hook, error) {
	o.Language = cmp.Or(o.Language, Chinese)
	form, err := o.form()
	if err != nil {
		return nil, err
	}
	h := &Hook{o: o, form: form, queue: make(chan item, cmp.Or(o.Queue, 256)), done: make(chan struct{})}
	transport := o.Transport
	if transport == nil {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, IdleConnTimeout: time.Minute}
	}
	h.client = &http.Client{
		Transport: transport, Timeout: askWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	h.waiting, h.stopWait = context.WithCancel(context.Background())
	h.asking, h.stopAsk = context.WithCancel(context.Background())
	go h.run() // ends when Close closes the queue
	return h, nil
}

// Send queues an event and returns at once. When the queue is full or the Hook
// closed, the event is lost and counted.
func (h *Hook) Send(e Event) {
	h.closing.RLock()
	defer h.closing.RUnlock()
	if h.closed {
		h.lose(&e, errors.New("closed"))
		return
	}
	select {
	case h.queue <- item{rand.Text(), time.Now(), e}:
	default:
		h.lose(&e, errors.New("queue full"))
	}
}

// Queued returns how many events wait behind the one that is being sent.
func (h *Hook) Queued() int { return len(h.queue) }

// Sent returns how many events the receiver took since Open.
func (h *Hook) Sent() uint64 { return h.sent.Load() }

// Lost returns how many events were lost since Open.
func (h *Hook) Lost() uint64 { return h.lost.Load() }

// Close tries every event that waits once more, for at most five seconds in all.
func (h *Hook) Close() error {
	h.closing.Lock()
	if !h.closed {
		h.closed = true
		close(h.queue)
		h.stopWait()
	}
	h.closing.Unlock()
	last := time.AfterFunc(closeWithin, h.stopAsk)
	<-h.done
	last.Stop()
	h.stopAsk()
	h.client.CloseIdleConnections()
	return nil
}

func (h *Hook) run() {
	defer close(h.done)
	for i := range h.queue {
		h.deliver(&i)
	}
}

// deliver sends an event until the receiver takes it, or for as long as it is of use.
func (h *Hook) deliver(i *item) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		closing := h.waiting.Err() != nil
		err := h.ask(i)
		if err == nil {
			h.sent.Add(1)
			return
		}
		var r *refusal
		refused := errors.As(err, &r)
		if closing || refused && !r.again || time.Since(i.since) > giveUpAfter {
			h.lose(&i.event, err)
			return
		}
		if refused {
			wait = max(wait, r.after)
		}
		select {
		case <-time.After(wait):
		case <-h.waiting.Done():
		}
	}
}

// ask sends an event once.
func (h *Hook) ask(i *item) error {
	req, err := h.form.request(i, time.Now())
	if err != nil {
		return &refusal{why: err.Error()}
	}
	reply, err := h.client.Do(req.WithContext(h.asking))
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL
		}
		return fmt.Errorf("notify: %w", err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxReply))
	if err != nil {
		return fmt.Errorf("notify: reading answer: %w", err)
	}
	if reply.StatusCode < 200 || reply.StatusCode > 299 {
		return refusedBy(reply)
	}
	return h.form.check(body)
}

// refusal is an answer that is no success.
type refusal struct {
	why   string
	again bool          // it may be taken another time
	after time.Duration // but not before
}

func (r *refusal) Error() string { return "notify: " + r.why }

func refusedBy(reply *http.Response) *refusal {
	r := &refusal{why: "status " + strconv.Itoa(reply.StatusCode)}
	switch reply.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		r.again = true
	default:
		r.again = reply.StatusCode >= 500
	}
	if after, err := strconv.Atoi(reply.Header.Get("Retry-After")); err == nil && after > 0 {
		r.after = min(time.Duration(after)*time.Second, time.Hour)
	}
	return r
}

func (h *Hook) lose(e *Event, why error) {
	total := h.lost.Add(1)
	h.o.Logger.Error().Err(fmt.Errorf("%s, %d lost so far: %w", e.Kind, total, why)).Msg("event not sent")
}
