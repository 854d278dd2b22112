package wire

import (
	"fmt"
	"strings"
	"testing"
)

// typical is an INVITE of about 700 bytes, as a carrier sends it.
func typical(t testing.TB) []byte {
	t.Helper()
	sdp := crlf("v=0\no=- 20518 0 IN IP4 203.0.113.10\ns=-\nc=IN IP4 203.0.113.10\nt=0 0\n" +
		"m=audio 54236 RTP/AVP 8 0 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-15\na=ptime:20\na=sendrecv\n")
	head := strings.Replace(invite, "Content-Length: 4\n\nv=0\n", fmt.Sprintf("P-Asserted-Identity: <sip:13041439112@203.0.113.10>\nContent-Length: %d\n\n", len(sdp)), 1)
	raw := append(crlf(head), sdp...)
	var m Message
	if err := m.Scan(raw); err != nil || m.Flaw != FlawNone || len(m.Raw) != len(raw) || len(raw) < 650 || len(raw) > 750 {
		t.Fatalf("the message of %d bytes scans to %d: %v, flaw %d", len(raw), len(m.Raw), err, m.Flaw)
	}
	return raw
}

func BenchmarkScan(b *testing.B) {
	raw := typical(b)
	var m Message
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if err := m.Scan(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// What BenchmarkScan shows, held as a rule: a message that passes costs no memory.
func TestScanAllocatesNothing(t *testing.T) {
	raw := typical(t)
	var m Message
	if n := testing.AllocsPerRun(100, func() {
		if err := m.Scan(raw); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Scan allocates %v times, want 0", n)
	}
}
