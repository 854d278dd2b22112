//go:build !linux

package sipagent

import (
	"net"
	"net/netip"
)

// unpolled leaves the socket to Go's poller.
func unpolled(conn *net.UDPConn, _ netip.AddrPort) (packetConn, error) { return conn, nil }
