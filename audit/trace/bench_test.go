package trace

import (
	"bytes"
	"net/netip"
	"strconv"
	"testing"
	"time"
)

// BenchmarkAdd adds the fourteen messages of a call, and then those of the next.
func BenchmarkAdd(b *testing.B) {
	t, err := New(Options{Calls: 500})
	if err != nil {
		b.Fatal(err)
	}
	m := Message{At: time.Now(), Transport: "udp", From: netip.MustParseAddrPort("192.0.2.1:5060"), To: netip.MustParseAddrPort("192.0.2.2:5060"), Raw: bytes.Repeat([]byte("x"), 600)}
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		m.Call = strconv.Itoa(n / 14)
		n++
		t.Add(m)
	}
}
