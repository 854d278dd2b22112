package sipagent

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"
)

// newTimedRig starts an agent whose network is in memory, for tests in a
// synctest bubble: there the timers of RFC 3261 cost nothing and are exact. The
// addresses are those of an office.
func newTimedRig(t *testing.T, s Screener, change ...func(*Options)) *rig {
	t.Helper()
	n := &office{sockets: map[netip.AddrPort]*plug{}}
	r := &rig{t: t, bind: n.bind, carrier: n.phone(t, "203.0.113.10:5060"), pbx: n.phone(t, "192.168.1.10:5060")}
	r.options = Options{
		Listeners: []Listener{{Name: "trunk", Addresses: []string{"udp:198.51.100.5:5060"}}, {Name: "office", Addresses: []string{"udp:192.168.1.20:5060"}}},
	}
	r.open(s, change)
	return r
}

// office is a network in memory. What is sent arrives at once.
type office struct {
	refuses bool // what goes nowhere comes back
	mu      sync.Mutex
	sockets map[netip.AddrPort]*plug
}

func (n *office) bind(at netip.AddrPort) (packetConn, netip.AddrPort, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sockets[at] != nil {
		return nil, at, os.ErrExist
	}
	s := &plug{office: n, addr: at, in: make(chan packet, 1000), deaf: make(chan struct{}), closed: make(chan struct{})}
	n.sockets[at] = s
	return s, at, nil
}

func (n *office) phone(t *testing.T, addr string) *phone {
	t.Helper()
	conn, at, err := n.bind(netip.MustParseAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	return &phone{t: t, conn: conn.(phoneConn), addr: at}
}

type packet struct {
	src netip.AddrPort
	b   []byte
	err error
}

// plug is a packetConn of an office.
type plug struct {
	office *office
	addr   netip.AddrPort
	in     chan packet
	deaf   chan struct{}
	closed chan struct{}
	until  time.Time // read deadline; of one reader
}

func (s *plug) SetReadDeadline(t time.Time) error {
	s.until = t
	return nil
}

func (s *plug) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-s.in: // what is there comes before any deadline
		return copy(b, p.b), p.src, p.err
	default:
	}
	var late <-chan time.Time
	if !s.until.IsZero() {
		timer := time.NewTimer(time.Until(s.until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case p := <-s.in:
		return copy(b, p.b), p.src, p.err
	case <-s.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	case <-s.deaf:
		return 0, netip.AddrPort{}, net.ErrClosed
	case <-late:
		return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
	}
}

func (s *plug) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-s.closed:
		return 0, net.ErrClosed
	default:
	}
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	if o := s.office.sockets[to]; o != nil {
		o.in <- packet{src: s.addr, b: append([]byte(nil), b...)}
	} else if s.office.refuses {
		s.in <- packet{to, append([]byte(nil), b[:min(len(b), 520)]...), errCameBack}
	}
	return len(b), nil
}

// CloseRead may be called once.
func (s *plug) CloseRead() error {
	close(s.deaf)
	return nil
}

func (s *plug) Close() error {
	s.office.mu.Lock()
	defer s.office.mu.Unlock()
	if s.office.sockets[s.addr] == s {
		delete(s.office.sockets, s.addr)
		close(s.closed)
	}
	return nil
}
