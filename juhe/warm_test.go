package juhe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

// secureDesk is a Client with transport of its own and a service over TLS, which
// answers when as many questions are under way as it waits for.
type secureDesk struct {
	*Client
	opened, handshakes atomic.Int32
	together           sync.WaitGroup // of questions
}

func secureDeskOf(t *testing.T, http2 bool, rate float64) *secureDesk {
	t.Helper()
	d := new(secureDesk)
	sim := juhesim.New()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == juhesim.Path {
			d.together.Done()
			d.together.Wait()
		}
		sim.ServeHTTP(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			d.opened.Add(1)
		}
	}
	s.EnableHTTP2 = http2
	s.StartTLS()
	t.Cleanup(s.Close)
	transport := newTransport(time.Minute)
	transport.TLSHandshakeTimeout = time.Minute
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AddCert(s.Certificate())
	transport.TLSClientConfig.VerifyConnection = func(tls.ConnectionState) error { d.handshakes.Add(1); return nil }
	t.Cleanup(transport.CloseIdleConnections)
	var err error
	d.Client, err = New(Options{
		URL: s.URL + juhesim.Path, Key: secretKey, Rate: rate, Slow: time.Minute, HTTP: &http.Client{Transport: transport},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestNoCallPaysForAHandshake: as many questions as may be asked at once find a
// connection open, whichever HTTP the service speaks, and so do those after them.
func TestNoCallPaysForAHandshake(t *testing.T) {
	for _, tt := range []struct {
		name  string
		http2 bool
		rate  float64
		calls int // at once
		conns int32
	}{
		{"HTTP/2", true, -1, 100, 1},
		{"HTTP/1.1", false, 5, 10, 10},
		{"HTTP/1.1 at a low rate", false, 0.5, 1, 1},
		{"HTTP/1.1 at any rate", false, -1, 16, 16},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := secureDeskOf(t, tt.http2, tt.rate)
			if err := d.Warm(t.Context()); err != nil || d.handshakes.Load() != tt.conns {
				t.Fatalf("Warm = %v after %d handshakes, want %d", err, d.handshakes.Load(), tt.conns)
			}
			for range 2 {
				d.together.Add(tt.calls)
				var all sync.WaitGroup
				for range tt.calls {
					all.Go(func() {
						if _, err := d.ask(t.Context(), mustAsk(t, d.Client)); err != nil {
							t.Error(err)
						}
					})
				}
				all.Wait()
			}
			if n := d.handshakes.Load(); n != tt.conns || d.opened.Load() != tt.conns {
				t.Errorf("%d handshakes, %d connections after %d calls; want %d", n, d.opened.Load(), 2*tt.calls, tt.conns)
			}
		})
	}
}

// TestWarmAgainstAServiceThatEnds: whoever waits for others to get a connection
// does not wait for those who cannot.
func TestWarmAgainstAServiceThatEnds(t *testing.T) {
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if asked.Add(1) > 3 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer s.Close()
	c, err := New(Options{URL: s.URL + juhesim.Path, Key: secretKey, Dial: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.Warm(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("Warm = %v, %v; want an error in time", err, ctx.Err())
	}
}

// mustAsk returns a question, which no limit holds back.
func mustAsk(t *testing.T, c *Client) *http.Request {
	t.Helper()
	req, err := c.request(t.Context(), caller)
	if err != nil {
		t.Error(err)
	}
	return req
}
