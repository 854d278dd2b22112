package sipagent

import (
	"fmt"
	"net/netip"
	"strings"

	"callscreen/sipagent/wire"
)

// transport is what carries messages. The zero value is UDP.
type transport uint8

const (
	overUDP transport = iota
	overTCP
	overTLS

	transports
)

// names of the transports: in configurations and URIs, and in Via.
var (
	transportNames = [transports]string{"udp", "tcp", "tls"}
	viaNames       = [transports]string{"UDP", "TCP", "TLS"}
)

func (t transport) String() string { return transportNames[t] }

// reliable reports whether the transport delivers or says that it does not, so
// that nothing is sent twice over it.
func (t transport) reliable() bool { return t != overUDP }

// port is where the transport is found when nobody says otherwise.
func (t transport) port() uint16 {
	if t == overTLS {
		return 5061
	}
	return 5060
}

// transportOf returns the transport that a SIP URI names: by its parameter, or
// TLS by the scheme sips.
func transportOf(raw []byte, u wire.URI) (t transport, named bool) {
	if isSIPS(raw, u) {
		return overTLS, true
	}
	p, _ := wire.FindParam(raw, u.Params, "transport")
	for t, name := range transportNames {
		if wire.EqualFold(p.Value.Of(raw), name) {
			return transport(t), true
		}
	}
	return overUDP, false
}

func isSIPS(raw []byte, u wire.URI) bool { return wire.EqualFold(u.Scheme.Of(raw), "sips") }

// splitAddress reads "tcp:192.0.2.1:5060".
func splitAddress(s string) (t transport, at netip.AddrPort, err error) {
	name, address, _ := strings.Cut(s, ":")
	at, err = netip.ParseAddrPort(address)
	for t, known := range transportNames {
		if name == known && err == nil {
			return transport(t), at, nil
		}
	}
	return 0, at, fmt.Errorf(`address %q: write "udp:ADDRESS:PORT", or tcp or tls for udp`, s)
}

// way is how a message leaves.
type way struct {
	socket *socket
	addr   netip.AddrPort
	stream *stream // the connection that a request came in by; nil: whichever leads to addr
}

// waiter is a request that waits for its answer on a connection.
type waiter interface {
	// lost is told that the connection ended first; opened is false when it
	// never came about. It is called without any lock of the agent.
	lost(opened bool)
}

// send lets b leave, counting what cannot.
func (a *Agent) send(to way, b []byte) error {
	_, err := a.sendFor(nil, to, b)
	return err
}

// sendFor is send for a request whose sender is to be told when its connection,
// which is returned, ends before it is released.
func (a *Agent) sendFor(who waiter, to way, b []byte) (st *stream, err error) {
	a.left(b)
	a.tapOut(to, b)
	if to.socket.transport.reliable() {
		st, err = to.socket.streams.send(who, to, b)
	} else {
		_, err = to.socket.conn.WriteToUDPAddrPort(b, to.addr)
	}
	if err != nil {
		a.drop(dropSendFailed)
	}
	return st, err
}
