package http

import (
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// TestWarm opens the connection that the question then goes by, and tells the
// service nothing.
func TestWarm(t *testing.T) {
	var asked, opened atomic.Int32
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if asked.Add(1) == 1 && (r.Method != nethttp.MethodHead || r.URL.String() != "/" || len(r.Header["Authorization"]) > 0) {
			t.Errorf("warmed by %s %s, %v", r.Method, r.URL, r.Header)
		}
		says(200, `{"status": "ok", "data": {"votes": 3}}`)(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state nethttp.ConnState) {
		if state == nethttp.StateNew {
			opened.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	c, _ := service(t, nil, func(o *Options) {
		o.URL, o.HTTP, o.Header = s.URL+"/api/{e164}?key={key}", s.Client(), map[string]string{"Authorization": "{key}"}
	})
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := lookup(t, c, mobile); err != nil || r.Marks != 3 {
		t.Errorf("Lookup = %+v, %v", r, err)
	}
	if opened.Load() != 1 || asked.Load() != 2 {
		t.Errorf("%d connections for %d requests", opened.Load(), asked.Load())
	}
}

// TestWarmFails with an error that holds no key.
func TestWarmFails(t *testing.T) {
	c, log := service(t, nil, func(o *Options) { o.URL, o.HTTP = "http://127.0.0.1:1/{key}/{number}", nil })
	err := c.Warm(t.Context())
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Warm = %v", err)
	}
	noKey(t, err, c, log)
}
