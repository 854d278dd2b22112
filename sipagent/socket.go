package sipagent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
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
	CloseRead() error // ends the reader, which has then taken nothing that it did not return
	Close() error
}

// binder opens a UDP socket at an address and returns the one that it got.
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
	return blocking(conn, at)
}

// blocking takes over the socket of conn.
func blocking(conn *net.UDPConn, at netip.AddrPort) (packetConn, netip.AddrPort, error) {
	local := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	socket, err := unpolled(conn, at)
	return socket, local, err
}

// listener is a name for one or more sockets. A peer that is known at it may
// use each of them.
type listener struct {
	name    string
	sockets []*socket
}

// socket is one address of a listener. All that arrives by it leaves by it.
type socket struct {
	*listener
	index     byte // its place among all sockets, part of our branches
	transport transport
	local     netip.AddrPort
	advertise string     // host:port, or empty
	conn      packetConn // of UDP
	streams   *streams   // of TCP and TLS
	turns     turns      // of the reader, or of who accepts connections
}

// listen opens the sockets of a Listener; the first gets the index. Those that
// are open when one fails are returned with the error.
func (a *Agent) listen(o Listener, index int, bind binder) (*listener, error) {
	l := &listener{name: o.Name}
	if len(o.Addresses) == 0 {
		return l, fmt.Errorf("sipagent: listener %q: no address", o.Name)
	}
	if o.Advertise != "" && !isHostPort(withPort(o.Advertise, 5060)) {
		return l, fmt.Errorf("sipagent: listener %q: advertise %q: write \"HOST\" or \"HOST:PORT\"", o.Name, o.Advertise)
	}
	certs, err := readCertificates(o, a.log)
	if err != nil {
		return l, fmt.Errorf("sipagent: listener %q: %w", o.Name, err)
	}
	for _, address := range o.Addresses {
		s, err := a.bindSocket(address, o.Open[address], bind, certs)
		if err != nil {
			return l, fmt.Errorf("sipagent: listener %q: %w%s", o.Name, err, bindHint(err))
		}
		s.listener, s.index, s.advertise = l, byte(index+len(l.sockets)), withPort(o.Advertise, s.local.Port())
		l.sockets = append(l.sockets, s)
	}
	return l, nil
}

// bindHint says what to do about an address that cannot be had.
func bindHint(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": another program has the port, as a PBX on this machine may: write another one"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return ": this machine does not have the address: write one of its own, or 0.0.0.0 for all"
	}
	return ""
}

// bindSocket opens the socket of an address, or takes the one that open holds.
func (a *Agent) bindSocket(address string, open *os.File, bind binder, certs *certificates) (*socket, error) {
	t, at, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	s := &socket{transport: t}
	switch t {
	case overUDP:
		if open != nil {
			bind = taker(open)
		}
		s.conn, s.local, err = bind(at)
	default:
		s.streams, s.local, err = a.bindStreams(s, at, open)
		if err == nil && t == overTLS {
			s.streams.certs = certs
		}
	}
	s.local = netip.AddrPortFrom(s.local.Addr().Unmap(), s.local.Port())
	return s, err
}

// taker returns a binder that takes a UDP socket which is open. Its buffers are
// those that it was given: whoever opened it may have been allowed larger ones.
func taker(open *os.File) binder {
	return func(at netip.AddrPort) (packetConn, netip.AddrPort, error) {
		conn, err := net.FilePacketConn(open)
		if err != nil {
			return nil, at, err
		}
		udp, ok := conn.(*net.UDPConn)
		if !ok {
			return nil, at, errors.Join(fmt.Errorf("%s is no UDP socket", open.Name()), conn.Close())
		}
		return blocking(udp, at)
	}
}

// stopReading lets nothing more in. What has come leaves as before.
func (s *socket) stopReading() {
	if s.transport == overUDP {
		_ = s.conn.CloseRead() // of a socket that is closed, nothing is read anyway
		return
	}
	s.streams.stopReading()
}

func (s *socket) close() {
	if s.transport == overUDP {
		s.conn.Close()
		return
	}
	s.streams.close()
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
func (s *socket) hosts() []netip.Addr {
	if !s.local.Addr().IsUnspecified() {
		return []netip.Addr{s.local.Addr()}
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

// reaches reports whether the socket can send to an address.
func (s *socket) reaches(to netip.Addr) bool {
	own := s.local.Addr()
	return own.Is4() == to.Is4() || own.Is6() && own.IsUnspecified()
}

// facing returns the host:port by which a peer at addr reaches this socket: the
// advertised one, the bound one, or for a wildcard the address that the kernel
// would send from.
func (s *socket) facing(addr netip.AddrPort) (string, error) {
	if s.advertise != "" {
		return s.advertise, nil
	}
	if !s.local.Addr().IsUnspecified() {
		return s.local.String(), nil
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr)) // sends nothing
	if err != nil {
		return "", fmt.Errorf("finding the address that faces %s: %w", addr, err)
	}
	defer c.Close()
	ip := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return netip.AddrPortFrom(ip, s.local.Port()).String(), nil
}

// read hands every datagram to handle, and what came back of ours to back, in the
// order they came, until the socket is closed or stopReading is called.
func (s *socket) read(limit int, handle func(src netip.AddrPort, b []byte), back func(b []byte)) error {
	buf := make([]byte, limit+1)
	for {
		n, src, err := s.conn.ReadFromUDPAddrPort(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded): // nothing came
		case errors.Is(err, errCameBack):
			back(buf[:n])
		case err != nil:
			time.Sleep(time.Millisecond) // out of kernel memory or the like: it passes, and must not spin
		default:
			s.turns.begin()
			handle(netip.AddrPortFrom(src.Addr().Unmap(), src.Port()), buf[:n])
			s.turns.end()
		}
	}
}
