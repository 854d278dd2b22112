package sipagent

import (
	"errors"
	"net"
	"net/netip"
	"testing"
)

// A socket takes and sends datagrams, and Close ends whoever waits at it.
func TestUDPSocket(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			a, aAddr := bound(t, ip)
			b, bAddr := bound(t, ip)
			if _, err := a.WriteToUDPAddrPort([]byte("hello"), bAddr); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			n, src, err := b.ReadFromUDPAddrPort(buf)
			if string(buf[:n]) != "hello" || src != aAddr || err != nil {
				t.Errorf("read %q from %v, %v; want hello from %v", buf[:n], src, err, aAddr)
			}
			waiting := make(chan error, 1)
			go func() { // ends with Close
				_, _, err := b.ReadFromUDPAddrPort(buf)
				waiting <- err
			}()
			if err := b.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
			if err := <-waiting; !errors.Is(err, net.ErrClosed) {
				t.Errorf("read after Close = %v, want %v", err, net.ErrClosed)
			}
			if _, err := b.WriteToUDPAddrPort([]byte("x"), aAddr); !errors.Is(err, net.ErrClosed) {
				t.Errorf("write after Close = %v, want %v", err, net.ErrClosed)
			}
			again, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(bAddr))
			if err != nil {
				t.Fatalf("the address is not free after Close: %v", err)
			}
			again.Close()
		})
	}
}

func bound(t *testing.T, ip string) (packetConn, netip.AddrPort) {
	t.Helper()
	s, at, err := bind(netip.AddrPortFrom(netip.MustParseAddr(ip), 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, at
}
