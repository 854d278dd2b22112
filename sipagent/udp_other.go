//go:build !linux

package sipagent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"time"
)

// polled is a UDP socket whose reader Go's poller wakes.
type polled struct{ *net.UDPConn }

// unpolled leaves the socket to Go's poller.
func unpolled(conn *net.UDPConn, _ netip.AddrPort) (packetConn, error) { return polled{conn}, nil }

// CloseRead ends the reader.
func (p polled) CloseRead() error { return p.SetReadDeadline(time.Unix(1, 0)) }

// ReadFromUDPAddrPort waits for a datagram.
func (p polled) ReadFromUDPAddrPort(b []byte) (n int, src netip.AddrPort, err error) {
	if n, src, err = p.UDPConn.ReadFromUDPAddrPort(b); errors.Is(err, os.ErrDeadlineExceeded) {
		err = net.ErrClosed
	}
	return n, src, err
}
