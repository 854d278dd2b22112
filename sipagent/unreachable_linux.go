package sipagent

import (
	"encoding/binary"
	"net/netip"
	"syscall"
)

// sendTries is how often a datagram is given to the kernel: an error may be about
// another one, which came back (ip(7), IP_RECVERR).
const sendTries = 4

// Of linux/in6.h and linux/errqueue.h.
const (
	ipv6RecvErr    = 25
	originLocal    = 1
	extendedErr    = 16 // length of sock_extended_err
	errorNumberLen = 4
)

// askForErrors makes the kernel keep datagrams of ours that come back, since
// nobody listens where they went. Where it does not, only time tells.
func (s *udpSocket) askForErrors() {
	_ = syscall.SetsockoptInt(s.fd, syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
	if s.six {
		_ = syscall.SetsockoptInt(s.fd, syscall.IPPROTO_IPV6, ipv6RecvErr, 1)
	}
}

// cameBack takes one of them out of the queue.
func (s *udpSocket) cameBack(b []byte) (n int, to netip.AddrPort, ok bool) {
	var oob [128]byte
	for range 64 { // what is about no one place does not keep the reader here
		n, oobn, _, from, err := syscall.Recvmsg(s.fd, b, oob[:], syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
		if err != nil {
			return 0, to, false
		}
		s.errors.Store(true) // there may be more
		if from != nil && unreachable(oob[:oobn]) {
			return n, addrPort(from), true
		}
	}
	return 0, to, false
}

// unreachable reports whether a control message says that a datagram cannot get
// to where it goes, as a router or the host there has told.
func unreachable(oob []byte) bool {
	all, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return false
	}
	for _, m := range all {
		v4 := m.Header.Level == syscall.IPPROTO_IP && m.Header.Type == syscall.IP_RECVERR
		v6 := m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == ipv6RecvErr
		if !v4 && !v6 || len(m.Data) < extendedErr || m.Data[errorNumberLen] == originLocal {
			continue
		}
		switch syscall.Errno(binary.NativeEndian.Uint32(m.Data)) {
		case syscall.ECONNREFUSED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES, syscall.ENOPROTOOPT:
			return true
		}
	}
	return false
}
