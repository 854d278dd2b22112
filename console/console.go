// Package console serves what an operator and the operator's tools look at: over
// HTTP the metrics and the health, and over a Unix socket the commands.
//
// It knows no SIP and where no figure comes from: who makes it hands it what to
// show and what to do. Nothing in it can hold a call up.
package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
)

// Options configures a [Server]. A zero field takes the default named beside it.
type Options struct {
	Listen  string              // address to listen at: "127.0.0.1:8080"; required
	Open    *os.File            // a socket that listens there already, and goes on when the server ends; nil: none. It remains the caller's
	Metrics prometheus.Gatherer // what /metrics shows; required
	Health  func() []Check      // what /healthz and /readyz tell; nil: all is well
	Logger  zerolog.Logger      // zero: discard
}

// Server is the HTTP server. Make one with [New] and let it [Server.Run].
type Server struct {
	http     *http.Server
	listener net.Listener
}

// New opens the port of a Server, or says which option is wrong.
func New(o Options) (*Server, error) {
	if o.Metrics == nil {
		return nil, errors.New("console: no metrics")
	}
	l, err := listen(o)
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Metrics, promhttp.HandlerOpts{
		ErrorLog: promLog{o.Logger}, ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
	}))
	handleHealth(mux, o.Health)
	return &Server{http: newHTTP(mux), listener: l}, nil
}

func listen(o Options) (net.Listener, error) {
	if o.Open != nil {
		return net.FileListener(o.Open)
	}
	return net.Listen("tcp", o.Listen)
}

func newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 1 << 14,
	}
}

// Addr returns the address that the server is bound to.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr().(*net.TCPAddr).AddrPort() }

// Close closes the port of a server that does not run.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx ends, then gives open requests five seconds to finish.
func (s *Server) Run(ctx context.Context) error { return serve(ctx, s.http, s.listener) }

func serve(ctx context.Context, s *http.Server, l net.Listener) error {
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }() // ends when Shutdown closes the listener

	select {
	case err := <-served:
		return fmt.Errorf("console: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.Shutdown(grace); err != nil {
		return fmt.Errorf("console: %w", errors.Join(err, s.Close()))
	}
	return nil
}

// promLog hands what is wrong with the metrics to the log.
type promLog struct{ zerolog.Logger }

// Println implements promhttp.Logger.
func (l promLog) Println(v ...any) { l.Warn().Str("err", fmt.Sprint(v...)).Msg("metrics incomplete") }
