package sipagent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// udpSocket is a UDP socket whose reader waits in the kernel and not in Go's
// poller, where every datagram of a call costs two rounds of epoll, two reads
// and often the waking of a second thread (docs/decisions/0004).
type udpSocket struct {
	fd      int
	six     bool
	using   sync.RWMutex // held for reading by whoever uses fd, for writing by who closes it
	deaf    atomic.Bool  // nothing is read any more
	closed  atomic.Bool
	errors  atomic.Bool // there may be datagrams of ours that came back
	yielded instant     // the reader's own
}

// tick is how often a reader that gets nothing looks whether to go on. To wake it
// by shutdown would silence the socket for whoever has it too, or has it next.
const tick = 100 * time.Millisecond

// slice is a little less than the Go runtime lets a goroutine run at a stretch. A
// reader that never parks would be over it, be taken off its processor at every
// look of the runtime's monitor, and keep that looking 10,000 times a second.
const slice = 8 * time.Millisecond

// unpolled takes the socket of conn away from Go's poller; conn is closed.
func unpolled(conn *net.UDPConn, at netip.AddrPort) (packetConn, error) {
	defer conn.Close()
	s := &udpSocket{six: at.Addr().Is6()}
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("taking the socket: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) { s.fd, failed = duplicate(int(fd)) })
	if err = errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("taking the socket: %w", err)
	}
	s.askForErrors()
	return s, nil
}

// duplicate returns another descriptor of the same socket, which blocks.
func duplicate(fd int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	own, err := syscall.Dup(fd)
	if err != nil {
		return own, err
	}
	syscall.CloseOnExec(own)
	wait := syscall.NsecToTimeval(tick.Nanoseconds())
	err = errors.Join(syscall.SetNonblock(own, false), syscall.SetsockoptTimeval(own, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &wait))
	if err != nil {
		syscall.Close(own)
	}
	return own, err
}

// ReadFromUDPAddrPort waits for a datagram; after a tick without one the error is
// [os.ErrDeadlineExceeded]. With errCameBack b holds the beginning of a datagram
// of ours, and src is where it should have gone. There may be one reader at a time.
func (s *udpSocket) ReadFromUDPAddrPort(b []byte) (n int, src netip.AddrPort, err error) {
	s.using.RLock()
	defer s.using.RUnlock()
	if now := now(); now.Sub(s.yielded) > slice {
		s.yielded = now
		runtime.Gosched()
	}
	if s.deaf.Load() {
		return 0, src, net.ErrClosed
	}
	if s.errors.Swap(false) {
		if n, src, ok := s.cameBack(b); ok {
			return n, src, errCameBack
		}
	}
	n, from, err := syscall.Recvfrom(s.fd, b, 0)
	if err != nil {
		s.errors.Store(true)
	}
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return 0, src, os.ErrDeadlineExceeded
	}
	return n, addrPort(from), err
}

func addrPort(a syscall.Sockaddr) netip.AddrPort {
	switch a := a.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		addr := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 {
			addr = addr.WithZone(strconv.Itoa(int(a.ZoneId)))
		}
		return netip.AddrPortFrom(addr, uint16(a.Port))
	}
	return netip.AddrPort{}
}

// WriteToUDPAddrPort sends a datagram.
func (s *udpSocket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed.Load() {
		return 0, net.ErrClosed
	}
	var a syscall.Sockaddr
	switch {
	case s.six:
		a = &syscall.SockaddrInet6{Addr: to.Addr().As16(), Port: int(to.Port())}
	case to.Addr().Unmap().Is4():
		a = &syscall.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}
	default:
		return 0, syscall.EAFNOSUPPORT
	}
	var err error
	for range sendTries {
		if err = syscall.Sendto(s.fd, b, 0, a); err == nil {
			return len(b), nil
		}
		s.errors.Store(true)
	}
	return 0, err
}

// CloseRead ends the reader. What arrives from then on waits in the kernel for
// whoever else has the socket.
func (s *udpSocket) CloseRead() error {
	s.deaf.Store(true)
	return nil
}

// Close ends the reader and frees the address, unless somebody else has the socket.
func (s *udpSocket) Close() error {
	s.deaf.Store(true)
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	s.using.Lock()
	defer s.using.Unlock()
	return syscall.Close(s.fd)
}
