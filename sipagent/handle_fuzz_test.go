package sipagent

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// sink is a socket that keeps what is sent and receives nothing.
type sink struct {
	sent []packet // src is where it went
}

func (s *sink) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.sent = append(s.sent, packet{src: to, b: bytes.Clone(b)})
	return len(b), nil
}

func (*sink) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, net.ErrClosed
}
func (*sink) CloseRead() error { return nil }
func (*sink) Close() error     { return nil }

// bench is an agent without sockets, and its two sides.
type bench struct {
	agent *Agent
	out   *sink
	sides [2]struct {
		work *work
		src  netip.AddrPort
	}
	last  *wire.Message // the last request that left
	calls int           // screened so far
}

// verdicts are what the fuzzed calls meet, one after the other.
var verdicts = []screening.Verdict{
	{Action: screening.Tag, Rule: "sales", Label: label, ASCII: "sales x3475", Ring: "<http://127.0.0.1>;info=spam", Headers: "X-Queue: sales\r\nPriority: urgent\r\n"},
	{Rule: "default"},
	{Action: screening.Divert, Rule: "menu", Target: "sip:8000@192.0.2.10"},
	{Action: screening.Reject, Rule: "fraud", Status: 603, Reason: "Decline", Cause: "SIP;cause=603", Headers: "Call-Info: <https://a/b>\r\n"},
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{out: &sink{}}
	agent, err := newAgent(Options{
		Listeners: []Listener{{Name: "trunk", Addresses: []string{"udp:198.51.100.5:5060"}}, {Name: "office", Addresses: []string{"udp:192.168.1.20:5060"}}},
		Trunks: []Trunk{{
			Name: "carrier", Networks: []Network{{Prefix: netip.MustParsePrefix("203.0.113.0/24")}}, Listen: "trunk",
			Targets: InOrder("sip:203.0.113.10"), TrustIdentity: true,
		}},
		PBX: PBX{Networks: []Network{{Prefix: netip.MustParsePrefix("192.168.1.0/24")}}, Listen: "office", Targets: InOrder("sip:192.168.1.10")},
		Screener: screenFunc(func(c screening.Call) screening.Decision {
			b.calls++
			return screening.Decision{
				Call: c, Mode: screening.Enforce, Number: screening.Number{Digits: "1"}, Verdict: verdicts[(b.calls-1)%len(verdicts)],
			}
		}),
		Key: make([]byte, 32), Timers: Timers{T1: time.Hour, Trying: -1},
	}, func(at netip.AddrPort) (packetConn, netip.AddrPort, error) { return b.out, at, nil })
	if err != nil {
		t.Fatal(err)
	}
	b.agent = agent
	for i, src := range []string{"203.0.113.10:5060", "192.168.1.10:5060"} {
		b.sides[i].work = agent.newWork()
		b.sides[i].work.in = agent.sockets[i]
		b.sides[i].src = netip.MustParseAddrPort(src)
	}
	return b
}

// handle lets a message arrive and checks everything that leaves.
func (b *bench) handle(t *testing.T, side int, raw []byte) {
	var in wire.Message
	good := in.Scan(raw) == nil && in.Flaw == wire.FlawNone
	b.out.sent = b.out.sent[:0]
	before := b.agent.drops[dropPanic].Load()
	b.sides[side].work.handle(b.sides[side].src, raw)
	if b.agent.drops[dropPanic].Load() != before {
		t.Fatalf("panic over %q", raw)
	}
	for _, p := range b.out.sent {
		m := &wire.Message{}
		if err := m.Scan(p.b); err != nil || good && m.Flaw != wire.FlawNone {
			t.Errorf("%q\nmakes %q\n%v, flaw %d", raw, p.b, err, m.Flaw)
		}
		if len(m.Raw) != len(p.b) {
			t.Errorf("%q\nmakes %q\nwith bytes behind its end", raw, p.b)
		}
		if ip := p.src.Addr(); !b.agent.peers[0].holds(ip) && !b.agent.peers[1].holds(ip) {
			t.Errorf("%q\ngoes to %v", raw, p.src)
		}
		if m.IsRequest() && !m.Is("ACK") {
			b.last = m
		}
	}
}

// A message that breaks us costs that message.
func TestPanicCostsOneMessage(t *testing.T) {
	b := newBench(t)
	c := (&phone{addr: b.sides[0].src, proxy: addrOf(b.agent, "trunk", "udp")}).newCall("broken")
	parser := b.agent.parser
	b.agent.parser = nil
	b.sides[0].work.handle(b.sides[0].src, sipBytes(c.request("INVITE", "")))
	if n := b.agent.Drops()["panic"]; n != 1 || len(b.out.sent) != 0 {
		t.Errorf("%d panics, %d messages sent; want one and none", n, len(b.out.sent))
	}
	b.agent.parser = parser
	b.handle(t, 0, sipBytes(c.request("INVITE", "")))
	if len(b.out.sent) != 2 {
		t.Errorf("%d messages sent, want the 100 and the INVITE", len(b.out.sent))
	}
	b.agent.endSetups()
}

// vias are the Via lines of the last request that left: what an answer to it has.
func (b *bench) vias() (lines []byte) {
	if b.last == nil {
		return nil
	}
	for _, h := range b.last.Headers {
		if h.Kind == wire.Via {
			lines = append(lines, h.Line.Of(b.last.Raw)...)
		}
	}
	return lines
}

// Whatever arrives, nothing breaks, and what leaves can be read and goes to one
// of the peers. Messages are divided by a line of "="; one that begins with "<"
// comes from the PBX. "{via}" stands for what an answer has to begin with.
func FuzzHandle(f *testing.F) {
	const rest = "From: \"Zhang San\" <sip:1@203.0.113.10>;tag=f\nTo: <sip:100@198.51.100.5>\nCall-ID: i\n"
	request := func(method, more string) string {
		return method + " sip:100@198.51.100.5 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK1;rport\n" + rest + "CSeq: 1 " + method + "\n" + more + "\n"
	}
	answer := func(status, method string) string {
		return "\n=\n<SIP/2.0 " + status + "\n{via}" + rest + "CSeq: 1 " + method + "\n\n"
	}
	invite := request("INVITE", "P-Asserted-Identity: <tel:1>, \"x\" <sip:1@a>\nMax-Forwards: 70\nRoute: <sip:198.51.100.5;lr>, <sip:x;lr>\n")
	for _, seed := range []string{
		invite + answer("100 Trying", "INVITE") + answer("180 Ringing", "INVITE") + answer("200 OK", "INVITE") + answer("200 OK", "INVITE"),
		invite + answer("180 Ringing", "INVITE") + "\n=\n" + request("CANCEL", "Reason: SIP;cause=200\n") + answer("200 OK", "CANCEL"),
		invite + answer("486 Busy Here", "INVITE") + answer("486 Busy Here", "INVITE") + "\n=\n" + request("ACK", "") + "\n=\n" + invite,
		invite + "\n=\n" + invite + "\n=\n" + invite + "\n=\n" + request("CANCEL", "") + answer("100 Trying", "INVITE"),
		request("BYE", "Route: <sip:198.51.100.5;lr>\n") + answer("200 OK", "BYE"),
		"<" + request("INVITE", "Proxy-Require: x\n") + "\n=\n<" + request("SUBSCRIBE", "Max-Forwards: 0\n"),
		request("OPTIONS", "l: 4\n") + "body",
	} {
		f.Add(sipBytes(seed))
	}
	files, err := filepath.Glob("../testdata/sip/torture/*/*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no torture messages: %v", err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	b := newBench(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		b.last, b.calls = nil, 0
		for _, raw := range bytes.Split(data, []byte("\r\n=\r\n")) {
			raw, fromPBX := bytes.CutPrefix(raw, []byte("<"))
			side := 0
			if fromPBX {
				side = 1
			}
			b.handle(t, side, bytes.ReplaceAll(raw, []byte("{via}"), b.vias()))
		}
		b.agent.endSetups()
	})
}
