package console

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// started runs a server until the test ends and returns its URL.
func started(t *testing.T, o Options) string {
	t.Helper()
	o.Listen = "127.0.0.1:0"
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }() // ends by cancel
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return "http://" + s.Addr().String()
}

func get(t *testing.T, method, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	calls := prometheus.NewCounter(prometheus.CounterOpts{Name: "calls_total", Help: "Calls."})
	registry.MustRegister(calls)
	calls.Add(3)
	url := started(t, Options{Metrics: registry})
	if status, body := get(t, "GET", url+"/metrics"); status != 200 || !strings.Contains(body, "\ncalls_total 3\n") {
		t.Errorf("/metrics = %d, %q", status, body)
	}
	for want, req := range map[int][2]string{404: {"GET", "/"}, 405: {"POST", "/metrics"}} {
		if status, body := get(t, req[0], url+req[1]); status != want {
			t.Errorf("%s %s = %d, %q; want %d", req[0], req[1], status, body, want)
		}
	}
}

// broken is a collector that fails.
type broken struct{}

func (broken) Describe(chan<- *prometheus.Desc) {}
func (broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("x", "", nil, nil), errors.New("broken"))
}

// What cannot be gathered is missing and logged; the rest is there.
func TestBrokenMetrics(t *testing.T) {
	good := prometheus.NewRegistry()
	good.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "calls_total", Help: "Calls."}))
	bad := prometheus.NewRegistry()
	bad.MustRegister(broken{})
	log := new(strings.Builder)
	url := started(t, Options{
		Metrics: prometheus.Gatherers{good, bad}, Logger: zerolog.New(log),
	})
	if status, body := get(t, "GET", url+"/metrics"); status != 200 || !strings.Contains(body, "calls_total 0") {
		t.Errorf("/metrics = %d, %q", status, body)
	}
	if !strings.Contains(log.String(), "broken") {
		t.Errorf("log = %q", log)
	}
}

func TestNewRefuses(t *testing.T) {
	s, err := New(Options{Listen: "127.0.0.1:0", Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for want, o := range map[string]Options{
		"no metrics":     {Listen: "127.0.0.1:0"},
		"already in use": {Listen: s.Addr().String(), Metrics: prometheus.NewRegistry()},
		"missing port":   {Listen: "nowhere", Metrics: prometheus.NewRegistry()},
	} {
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), "console: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q", err, want)
		}
	}
}

// A server whose port is taken from it says so.
func TestRunFails(t *testing.T) {
	s, err := New(Options{Listen: "127.0.0.1:0", Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "console: ") {
		t.Errorf("Run = %v, want an error", err)
	}
}
