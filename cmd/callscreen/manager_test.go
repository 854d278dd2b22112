package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// managed makes a socket the service manager's, and returns what reads the next
// thing that it is told.
func managed(t *testing.T) (next func(wait time.Duration) string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func(wait time.Duration) string {
		buf := make([]byte, 4096)
		_ = conn.SetReadDeadline(time.Now().Add(wait)) // fails on a closed socket only, as Read then does
		n, _ := conn.Read(buf)
		return string(buf[:n])
	}
}

// The watchdog is told as long as nothing is stuck, and again when that is over.
func TestWatchdog(t *testing.T) {
	next := managed(t)
	t.Setenv("WATCHDOG_USEC", "60000")
	var stuck atomic.Bool
	var log lockedBuffer
	m := manager{zerolog.New(&log)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // ends with ctx
		m.watch(ctx, func() error {
			if stuck.Load() {
				return errors.New("the timers do not come round")
			}
			return nil
		})
		close(ended)
	}()
	for range 3 {
		if got := next(patience); got != "WATCHDOG=1" {
			t.Fatalf("told %q, want WATCHDOG=1", got)
		}
	}
	stuck.Store(true)
	if !eventually(func() bool { return strings.Count(log.String(), "the timers do not come round") >= 2 }) {
		t.Fatalf("log = %s; want what is stuck", log.String())
	}
	for next(time.Millisecond) != "" { // from before it was
	}
	if got := next(100 * time.Millisecond); got != "" {
		t.Errorf("told %q while something is stuck", got)
	}
	stuck.Store(false)
	if got := next(patience); got != "WATCHDOG=1" {
		t.Errorf("told %q afterwards, want WATCHDOG=1", got)
	}
	cancel()
	<-ended
}

// Without a manager nothing is told, and no watchdog is fed.
func TestNobodyManages(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "")
	var log bytes.Buffer
	m := manager{zerolog.New(&log)}
	m.ready("x")
	m.watch(context.Background(), func() error { return errors.New("asked for nothing") })
	if log.Len() > 0 {
		t.Errorf("log = %s, want nothing", log.String())
	}
}

// A manager that is gone keeps nobody from working.
func TestManagerIsGone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	var log bytes.Buffer
	manager{zerolog.New(&log)}.ready("x")
	if !strings.Contains(log.String(), "the service manager cannot be told") {
		t.Errorf("log = %s, want that it is not there", log.String())
	}
}
