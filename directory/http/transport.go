package http

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strconv"
	"time"

	"callscreen/screening/guard"
)

const (
	maxBody      = 64 << 10 // bytes of a reply, after decompression
	keyPause     = 15 * time.Minute
	throttle     = time.Minute
	throttleMost = 15 * time.Minute
	retryMost    = time.Hour
)

// Error says why a question brought no answer. Nothing in it comes from the service
// but numbers, and nothing from the configuration, so it never holds the key.
type Error struct {
	Detail string        // in fixed words, or what the network says
	Status int           // the HTTP status when it was not 200; else 0
	Retry  time.Duration // how long Retry-After asks to be left alone; 0: it does not

	reason string
}

// Error returns one line without key, number or URL.
func (e *Error) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("%s (status %d)", e.Detail, e.Status)
	}
	return e.Detail
}

// Reason returns one of timeout, key, throttled, upstream and request.
func (e *Error) Reason() string { return e.reason }

// errCanceled reports that the caller gave up, which says nothing about the service.
var errCanceled = fmt.Errorf("asking: %w", context.Canceled)

// newHTTP returns a client that goes nowhere but where it is told: no redirect, no
// cookie and, with a transport of our own, no proxy from the environment.
func newHTTP(o Options) *nethttp.Client {
	h := &nethttp.Client{CheckRedirect: func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }}
	if o.HTTP != nil {
		h.Transport, h.Timeout = o.HTTP.Transport, o.HTTP.Timeout
	}
	if h.Transport == nil {
		h.Transport = &nethttp.Transport{
			DialContext:            (&net.Dialer{Timeout: cmp.Or(o.Dial, 300*time.Millisecond), KeepAlive: 15 * time.Second}).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    5 * time.Second,
			ForceAttemptHTTP2:      true,
			HTTP2:                  &nethttp.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
			MaxIdleConnsPerHost:    16,
			MaxConnsPerHost:        64,
			IdleConnTimeout:        5 * time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
		}
	}
	return h
}

var errTooLong = errors.New("longer than 64 KiB")

// readBody reads a whole reply or refuses it: half a reply is none.
func readBody(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errTooLong
	}
	return body, err
}

// transportError keeps of what net/http reports what cannot hold the URL, nor what
// a server sent.
func transportError(ctx context.Context, err error) error {
	var (
		dns  *net.DNSError
		op   *net.OpError
		cert *tls.CertificateVerificationError
		slow net.Error
	)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return errCanceled
	case ctx.Err() != nil, errors.As(err, &slow) && slow.Timeout():
		return &Error{Detail: "no answer in time", reason: "timeout"}
	case errors.As(err, &dns):
		return &Error{Detail: "host cannot be found: " + dns.Err, reason: "upstream"}
	case errors.As(err, &cert):
		return &Error{Detail: cert.Error(), reason: "upstream"}
	case errors.As(err, &op):
		return &Error{Detail: op.Op + ": " + op.Err.Error(), reason: "upstream"}
	case errors.Is(err, errTooLong):
		return &Error{Detail: "answer is " + errTooLong.Error(), reason: "upstream"}
	}
	return &Error{Detail: "no usable HTTP answer", reason: "upstream"}
}

// statusError is the Error of a reply that is none by its status, even if its body
// reads like one.
func statusError(resp *nethttp.Response) *Error {
	e := &Error{Detail: "answer refused", Status: resp.StatusCode, reason: "upstream"}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.Retry = min(time.Duration(min(seconds, 1<<20))*time.Second, retryMost)
	}
	switch {
	case e.Status == nethttp.StatusUnauthorized || e.Status == nethttp.StatusForbidden:
		e.reason = "key"
	case e.Status == nethttp.StatusTooManyRequests:
		e.reason = "throttled"
	case e.Status >= 400 && e.Status < 500 && e.Status != nethttp.StatusRequestTimeout:
		e.reason = "request"
	}
	return e
}

// reaction is what err tells about the service.
func reaction(err error) guard.Outcome {
	var e *Error
	if err != nil && !errors.As(err, &e) {
		return guard.Outcome{Err: err, Void: true}
	}
	o := guard.Outcome{Err: err}
	switch {
	case err == nil:
	case e.reason == "key":
		o.Pause, o.Grave = keyPause, true
	case e.Retry > 0 && (e.Status == nethttp.StatusTooManyRequests || e.Status == nethttp.StatusServiceUnavailable):
		o.Pause = e.Retry
	case e.reason == "throttled":
		o.Pause, o.Most = throttle, throttleMost
	}
	return o
}
