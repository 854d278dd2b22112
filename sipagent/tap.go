package sipagent

import (
	"net"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"callscreen/sipagent/wire"
)

// Message is a SIP message as it came or as it left.
type Message struct {
	Call      []byte // Call-ID; good until the Tap returns
	At        time.Time
	Transport string // "udp", "tcp" or "tls"
	From, To  netip.AddrPort
	Raw       []byte // good until the Tap returns
}

// Tap sees every SIP message that came from a peer and every one that is about to
// leave. It must not block, and must not change the message.
type Tap interface {
	Message(m Message)
}

// tapped is a Tap, and what it is told of our own addresses.
type tapped struct {
	tap   Tap
	faces *lru.Cache[netip.Addr, netip.Addr] // where a socket for all addresses sends from, by the peer's
}

func newTapped(t Tap) tapped {
	if t == nil {
		return tapped{}
	}
	faces, _ := lru.New[netip.Addr, netip.Addr](maxSources) // fails for a size below one only
	return tapped{t, faces}
}

// tapIn shows the message that is being handled.
func (w *work) tapIn() {
	if w.tap == nil {
		return
	}
	defer w.recovered()
	w.tap.Message(Message{
		Call: w.msg.Value(wire.CallID), At: w.at, Transport: w.in.transport.String(),
		From: w.src, To: w.face(w.in, w.src), Raw: w.msg.Raw,
	})
}

// tapOut shows a message that is about to leave.
func (a *Agent) tapOut(to way, b []byte) {
	if a.tap == nil {
		return
	}
	defer a.recovered()
	call := wire.FindCallID(b)
	if call == nil {
		return // a line break that keeps a connection alive
	}
	if to.stream != nil {
		to.addr = to.stream.remote
	}
	a.tap.Message(Message{
		Call: call, At: time.Now(), Transport: to.socket.transport.String(),
		From: a.face(to.socket, to.addr), To: to.addr, Raw: b,
	})
}

// face returns the address of a socket that a peer sees, or the socket's own where
// that cannot be told.
func (t *tapped) face(s *socket, peer netip.AddrPort) netip.AddrPort {
	if !s.local.Addr().IsUnspecified() {
		return s.local
	}
	ip, known := t.faces.Get(peer.Addr())
	if !known {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(peer)) // sends nothing
		if err != nil {
			return s.local
		}
		ip = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		c.Close()
		t.faces.Add(peer.Addr(), ip)
	}
	return netip.AddrPortFrom(ip, s.local.Port())
}
