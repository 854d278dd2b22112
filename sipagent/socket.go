package sipagent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"callscreen/sipagent/wire"
)

// socketBuffer is what we ask the kernel to hold for us in a burst. It gives
// what it is allowed to.
const socketBuffer = 4 << 20

// packetConn is what a listener needs of a UDP socket.
type packetConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, src netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// binder opens a socket at an address and returns the one that it got.
type binder func(at netip.AddrPort) (packetConn, netip.AddrPort, error)

// bind opens the UDP socket of a listener. An IPv4 wildcard takes no IPv6.
func bind(at netip.AddrPort) (packetConn, netip.AddrPort, error) {
	network := "udp"
	if at.Addr().Is4() {
		network = "udp4"
	}
	conn, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return nil, at, err
	}
	_ = conn.SetReadBuffer(socketBuffer)  // as much as the kernel allows;
	_ = conn.SetWriteBuffer(socketBuffer) // less is no error
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	socket, err := unpolled(conn, at)
	return socket, local, err
}

// listener is one UDP socket. All that arrives by it leaves by it.
type listener struct {
	name      string
	index     byte // its place in the configuration, part of our branches
	conn      packetConn
	local     netip.AddrPort
	advertise string // host:port, or empty
}

// listen opens the socket of a Listener.
func listen(l Listener, index int, bind binder) (*listener, error) {
	network, address, _ := strings.Cut(l.Address, ":")
	at, err := netip.ParseAddrPort(address)
	if network != "udp" || err != nil {
		return nil, fmt.Errorf("sipagent: listener %q: address %q: write \"udp:ADDRESS:PORT\"", l.Name, l.Address)
	}
	if l.Advertise != "" && !isHostPort(withPort(l.Advertise, 5060)) {
		return nil, fmt.Errorf("sipagent: listener %q: advertise %q: write \"HOST\" or \"HOST:PORT\"", l.Name, l.Advertise)
	}
	conn, local, err := bind(at)
	if err != nil {
		return nil, fmt.Errorf("sipagent: listener %q: %w", l.Name, err)
	}
	local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	return &listener{name: l.Name, index: byte(index), conn: conn, local: local, advertise: withPort(l.Advertise, local.Port())}, nil
}

// isHostPort reports whether s can stand in a Via and a URI.
func isHostPort(s string) bool {
	raw := []byte("sip:" + s)
	u, ok := wire.ReadURI(raw, wire.Span{End: int32(len(raw))})
	return ok && u.User.Empty() && u.Params.Empty() && !strings.Contains(s, "?")
}

// withPort adds the port to a host that names none.
func withPort(host string, port uint16) string {
	if host == "" {
		return ""
	}
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(int(port)))
}

// hosts returns the addresses that the socket is reached by: for a wildcard all
// of this machine.
func (l *listener) hosts() []netip.Addr {
	if !l.local.Addr().IsUnspecified() {
		return []netip.Addr{l.local.Addr()}
	}
	var hosts []netip.Addr
	addrs, _ := net.InterfaceAddrs() // without them, what peers are told is known all the same
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			hosts = append(hosts, p.Addr().Unmap())
		}
	}
	return hosts
}

// facing returns the host:port by which a peer at addr reaches this listener:
// the advertised one, the bound one, or for a wildcard the address that the
// kernel would send from.
func (l *listener) facing(addr netip.AddrPort) (string, error) {
	if l.advertise != "" {
		return l.advertise, nil
	}
	if !l.local.Addr().IsUnspecified() {
		return l.local.String(), nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr)) // sends nothing
	if err != nil {
		return "", fmt.Errorf("finding the address that faces %s: %w", addr, err)
	}
	defer c.Close()
	ip := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return netip.AddrPortFrom(ip, l.local.Port()).String(), nil
}

// send writes one datagram.
func (l *listener) send(b []byte, to netip.AddrPort) error {
	_, err := l.conn.WriteToUDPAddrPort(b, to)
	return err
}

// read hands every datagram to handle, in the order they came, until the socket
// is closed.
func (l *listener) read(limit int, handle func(src netip.AddrPort, b []byte)) error {
	buf := make([]byte, limit+1)
	for {
		n, src, err := l.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			time.Sleep(time.Millisecond) // out of kernel memory or the like: it passes, and must not spin
		default:
			handle(netip.AddrPortFrom(src.Addr().Unmap(), src.Port()), buf[:n])
		}
	}
}
