package console

import (
	"context"
	"net"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// Who asks while no server is there is answered by the next one that has the
// socket.
func TestSocketIsHandedOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for range 3 {
		answered := make(chan int, 1)
		go func() { // ends with the answer
			status, _ := get(t, "GET", "http://"+l.Addr().String()+"/metrics")
			answered <- status
		}()
		s, err := New(Options{Listen: "127.0.0.1:1", Open: file, Metrics: prometheus.NewRegistry()})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }() // ends by cancel
		if status := <-answered; status != 200 {
			t.Errorf("answered %d, want 200", status)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}
}
