package hep

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit/trace"
	"callscreen/screening"
)

var at = time.Date(2026, 11, 24, 9, 30, 5, 123_456_000, time.UTC)

// message is the n-th message of the tests.
func message(n int, from, to, transport string) trace.Message {
	raw := fmt.Sprintf("INVITE sip:4001@192.168.1.10 SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%d\r\n"+
		"From: \"\xbf\xc6\" <sip:13041439112@203.0.113.10>;tag=1\r\nTo: <sip:4001@192.168.1.10>\r\nCall-ID: call-%d@203.0.113.10\r\n"+
		"CSeq: 1 INVITE\r\nContact: <sip:x@%s>\r\nMax-Forwards: 70\r\nContent-Length: 4\r\n\r\n\x00\r\n\xff", from, n, n, from)
	return trace.Message{
		Call: fmt.Appendf(nil, "call-%d@203.0.113.10", n), At: at.Add(time.Duration(n) * time.Millisecond), Transport: transport,
		From: netip.MustParseAddrPort(from), To: netip.MustParseAddrPort(to), Raw: []byte(raw),
	}
}

// read reads a packet as the specification has it: "HEP3", the length of all, and
// chunks of vendor, type, length and value. It returns the values by type.
func read(t *testing.T, b []byte) map[uint16][]byte {
	t.Helper()
	if len(b) < 6 || string(b[:4]) != "HEP3" || int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		t.Fatalf("no packet of %d bytes: %q", len(b), b[:min(6, len(b))])
	}
	chunks := map[uint16][]byte{}
	for rest := b[6:]; len(rest) > 0; {
		if len(rest) < 6 {
			t.Fatalf("%d bytes are left over", len(rest))
		}
		vendor, kind, size := binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:]), int(binary.BigEndian.Uint16(rest[4:]))
		if vendor != 0 || size < 6 || size > len(rest) || chunks[kind] != nil {
			t.Fatalf("chunk %#x of vendor %d has %d of %d bytes, or comes twice", kind, vendor, size, len(rest))
		}
		chunks[kind] = rest[6:size:size]
		rest = rest[size:]
	}
	return chunks
}

// homer listens as Homer does.
func homer(t *testing.T) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func receive(t *testing.T, c *net.UDPConn) []byte {
	t.Helper()
	buf := make([]byte, 1<<16)
	c.SetReadDeadline(time.Now().Add(time.Minute))
	n, _, err := c.ReadFrom(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func open(t *testing.T, o Options) *Sender {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestMessagesArriveAsTheyWere(t *testing.T) {
	c := homer(t)
	s := open(t, Options{Address: c.LocalAddr().String(), Agent: 7, Password: "secret"})
	for i, tt := range []struct {
		transport, from, to   string
		family, protocol      byte
		srcChunk, dstChunk    uint16
		srcAddress, dstAddres string
	}{
		{"udp", "203.0.113.10:5060", "192.0.2.1:5080", 2, 17, 3, 4, "\xcb\x00\x71\x0a", "\xc0\x00\x02\x01"},
		{"tcp", "203.0.113.10:40000", "192.0.2.1:5060", 2, 6, 3, 4, "\xcb\x00\x71\x0a", "\xc0\x00\x02\x01"},
		{"tls", "[::ffff:203.0.113.10]:40000", "192.0.2.1:5061", 2, 6, 3, 4, "\xcb\x00\x71\x0a", "\xc0\x00\x02\x01"},
		{
			"udp", "[2001:db8::1]:5060", "[2001:db8::2]:5060", 10, 17, 5, 6,
			"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02",
		},
	} {
		m := message(i, tt.from, tt.to, tt.transport)
		kept := bytes.Clone(m.Raw)
		s.Message(m)
		clear(m.Raw) // the socket reads the next message into it
		got := read(t, receive(t, c))
		want := map[uint16][]byte{
			0x01: {tt.family}, 0x02: {tt.protocol}, tt.srcChunk: []byte(tt.srcAddress), tt.dstChunk: []byte(tt.dstAddres),
			0x07: binary.BigEndian.AppendUint16(nil, m.From.Port()), 0x08: binary.BigEndian.AppendUint16(nil, m.To.Port()),
			0x09: binary.BigEndian.AppendUint32(nil, uint32(at.Unix())), 0x0a: binary.BigEndian.AppendUint32(nil, uint32(123_456+1000*i)),
			0x0b: {1}, 0x0c: {0, 0, 0, 7}, 0x0e: []byte("secret"), 0x0f: kept, 0x11: fmt.Appendf(nil, "call-%d@203.0.113.10", i),
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d chunks; want %d", tt.from, len(got), len(want))
		}
		for kind, value := range want {
			if !bytes.Equal(got[kind], value) {
				t.Errorf("%s: chunk %#x is %q; want %q", tt.from, kind, got[kind], value)
			}
		}
	}
}

func TestDecisionsArriveAsLogEntries(t *testing.T) {
	c := homer(t)
	s := open(t, Options{Address: c.LocalAddr().String()})
	s.Record(screening.Decision{
		Call:    screening.Call{ID: "call-1@203.0.113.10", At: at},
		Number:  screening.Number{Digits: "13041439112", Class: screening.ClassMobile},
		Verdict: screening.Verdict{Action: screening.Reject, Rule: "fraud", Status: 603},
	})
	got := read(t, receive(t, c))
	var line map[string]any
	if err := json.Unmarshal(got[0x0f], &line); err != nil || line["verdict"] != "reject" || line["from"] != "130****9112" {
		t.Errorf("payload is %s, %v; want the decision's line", got[0x0f], err)
	}
	if got[0x0b][0] != 100 || string(got[0x11]) != "call-1@203.0.113.10" || !bytes.Equal(got[0x0c], []byte{0, 0, 0x07, 0xd1}) {
		t.Errorf("kind %d, correlation %s, agent %x; want a log entry of the call by 2001", got[0x0b], got[0x11], got[0x0c])
	}
	if !bytes.Equal(got[0x03], []byte{127, 0, 0, 1}) || !bytes.Equal(got[0x04], []byte{127, 0, 0, 1}) || got[0x0e] != nil {
		t.Errorf("from %x to %x, password %q; want this machine, and none", got[0x03], got[0x04], got[0x0e])
	}
}

func TestLargeMessagesAreCutToADatagram(t *testing.T) {
	c := homer(t)
	s := open(t, Options{Address: c.LocalAddr().String()})
	m := message(1, "203.0.113.10:5060", "192.0.2.1:5060", "tcp")
	m.Raw = bytes.Repeat([]byte("x"), 1<<17)
	m.Call = bytes.Repeat([]byte("i"), 1<<17)
	s.Message(m)
	got := read(t, receive(t, c))
	if len(got[0x0f]) < 64_000 || len(got[0x11]) != maxID {
		t.Errorf("%d bytes of the message, %d of the Call-ID arrived; want what fits", len(got[0x0f]), len(got[0x11]))
	}
}

// Homer is away, or was never there: nobody waits, and what is lost is counted.
func TestNobodyListens(t *testing.T) {
	for address, never := range map[string]bool{"127.0.0.1:1": false, "no.such.host.invalid:9060": true} {
		var told bytes.Buffer
		s := open(t, Options{Address: address, Queue: 10, Logger: zerolog.New(&told)})
		start := time.Now()
		for i := range 1000 {
			s.Message(message(i, "203.0.113.10:5060", "192.0.2.1:5060", "udp"))
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: 1000 messages took %v", address, took)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		// A datagram to a port that nobody has goes out; the next one is told.
		if sent, dropped := s.Sent(), s.Dropped(); sent+dropped != 1000 || dropped == 0 || never && sent > 0 {
			t.Errorf("%s: %d sent, %d dropped; want 1000 in all", address, sent, dropped)
		}
		if n := strings.Count(told.String(), "homer not reached"); n > 1 {
			t.Errorf("%s: logged %d times; want once a minute", address, n)
		}
	}
}

func TestOpenRefusesWhatItCannotWorkWith(t *testing.T) {
	for name, o := range map[string]Options{
		"no address":           {},
		"no port":              {Address: "127.0.0.1"},
		"a queue below zero":   {Address: "127.0.0.1:9060", Queue: -1},
		"an unknown way":       {Address: "127.0.0.1:9060", Numbers: "some"},
		"a password of a page": {Address: "127.0.0.1:9060", Password: strings.Repeat("x", 1000)},
	} {
		if s, err := Open(o); err == nil {
			s.Close()
			t.Errorf("Open with %s succeeded; want an error", name)
		}
	}
}

// Debian's sngrep takes the packets for what they carry.
func TestSngrepReadsThem(t *testing.T) {
	path, err := exec.LookPath("sngrep")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	free := homer(t).LocalAddr().(*net.UDPAddr).Port + 1
	out := filepath.Join(t.TempDir(), "out.pcap")
	c := exec.Command(path, "-F", "-N", "-q", "-L", fmt.Sprintf("udp:127.0.0.1:%d", free), "-O", out)
	var said bytes.Buffer
	c.Stdout, c.Stderr, c.Env = &said, &said, append(os.Environ(), "TERM=dumb")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // ends with sngrep
	s := open(t, Options{Address: fmt.Sprintf("127.0.0.1:%d", free)})
	sent := message(1, "203.0.113.10:5060", "192.0.2.1:5080", "udp")
	var found atomic.Bool
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end) && !found.Load(); time.Sleep(100 * time.Millisecond) {
		s.Message(sent)
		content, err := os.ReadFile(out)
		found.Store(err == nil && bytes.Contains(content, sent.Raw))
	}
	c.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		c.Process.Kill()
	}
	if content, err := os.ReadFile(out); err != nil || !bytes.Contains(content, sent.Raw) {
		t.Errorf("sngrep wrote %d bytes, %v, without the message; it said %s", len(content), err, &said)
	}
}
