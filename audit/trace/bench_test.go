package trace

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// BenchmarkCall adds the fifteen messages of a call while others are under way: 200
// ring and 200 talk, as at 2,000 calls a second of which each takes 200 ms.
func BenchmarkCall(b *testing.B) {
	t, err := New(Options{Calls: 500})
	if err != nil {
		b.Fatal(err)
	}
	const ringing, ids = 200, 4096
	calls := make([][]byte, ids)
	for i := range calls {
		calls[i] = fmt.Appendf(nil, "%d-4711@127.0.0.2", i)
	}
	m := Message{At: time.Now(), Transport: "udp", From: netip.MustParseAddrPort("192.0.2.1:5060"), To: netip.MustParseAddrPort("192.0.2.2:5060")}
	text := strings.Repeat("x", 590)
	invite, answer := []byte("INVITE "+text), []byte("SIP/2.0 "+text)
	add := func(call, messages int, raw []byte) {
		m.Call, m.Raw = calls[call%ids], raw
		for range messages {
			t.Add(m)
		}
	}
	b.ReportAllocs()
	for n := 2 * ringing; b.Loop(); n++ {
		add(n, 5, invite)
		add(n-ringing, 6, answer)
		add(n-2*ringing, 4, answer)
	}
}
