package juhe

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// Limits of a reply and of what stands around it.
const (
	maxBody    = 64 << 10 // bytes of a reply, after decompression
	maxHeaders = 64 << 10 // bytes of its headers
)

const maxIdle = 16 // connections that wait for questions

// newHTTP returns a client that goes nowhere but where it is told: no redirect, no
// cookie and, with a transport of our own, no proxy from the environment.
func newHTTP(o Options) *http.Client {
	h := &http.Client{CheckRedirect: refuseRedirect}
	if o.HTTP != nil {
		h.Transport, h.Timeout = o.HTTP.Transport, o.HTTP.Timeout
	}
	if h.Transport == nil {
		h.Transport = newTransport(cmp.Or(o.Dial, 300*time.Millisecond))
	}
	return h
}

// refuseRedirect hands the 3xx to the caller, who takes it for an error.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// newTransport keeps connections open and notices dead ones: without the pings
// an HTTP/2 connection that a firewall forgot would swallow every question for
// minutes.
func newTransport(dial time.Duration) *http.Transport {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dial, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    5 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
		MaxIdleConnsPerHost:    maxIdle,
		MaxConnsPerHost:        64,
		IdleConnTimeout:        5 * time.Minute,
		MaxResponseHeaderBytes: maxHeaders,
	}
}

// askOnce keeps net/http from sending a question again, as it does with a GET whose
// connection broke: each costs money. Over HTTP/2 it only does so when the server
// says that it has not looked at the first.
func askOnce(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	var sent atomic.Bool
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
		GotConn: func(got httptrace.GotConnInfo) {
			if sent.Load() && !http2(got.Conn) {
				cancel()
				got.Conn.Close() // the end of ctx alone would race with the question
			}
		},
	}), cancel
}

func http2(c net.Conn) bool {
	t, ok := c.(*tls.Conn)
	return ok && t.ConnectionState().NegotiatedProtocol == "h2"
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

// transportError turns what net/http reports into an Error. The text of err is
// not kept: a *url.Error holds the URL, and a server may send the key back in
// what net/http then quotes.
func transportError(ctx context.Context, doing string, err error) error {
	switch ctx.Err() {
	case context.Canceled:
		return &canceled{doing}
	case context.DeadlineExceeded:
		err = context.DeadlineExceeded
	}
	e := &Error{Class: ClassUpstream, Detail: doing, Cause: harmless(err), unsent: unconnected(err)}
	if e.Cause == nil {
		e.Detail = doing + ": no usable HTTP answer"
	}
	return e
}

// unconnected reports that there was no connection to send anything by.
func unconnected(err error) bool {
	var (
		dns   *net.DNSError
		op    *net.OpError
		cert  *tls.CertificateVerificationError
		hello tls.RecordHeaderError
	)
	return errors.As(err, &dns) || errors.As(err, &op) && op.Op == "dial" || errors.As(err, &cert) || errors.As(err, &hello)
}

// harmless returns the first error inside err whose text holds addresses, names
// and fixed words only; nil when there is none.
func harmless(err error) error {
	var (
		dns   *net.DNSError
		op    *net.OpError
		cert  *tls.CertificateVerificationError
		hello tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &cert):
		return cert
	case errors.As(err, &op):
		return op
	case errors.As(err, &hello):
		return hello
	}
	for _, fixed := range []error{io.ErrUnexpectedEOF, io.EOF, errTooLong} {
		if errors.Is(err, fixed) {
			return fixed
		}
	}
	return nil
}
