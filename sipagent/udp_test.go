package sipagent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
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

// What comes while nobody reads waits in the socket for whoever has it next: a
// datagram is read by one or the other, and none is lost between them.
func TestUDPSocketIsHandedOver(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			at := netip.AddrPortFrom(netip.MustParseAddr(ip), 0)
			kept, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
			if err != nil {
				t.Fatal(err)
			}
			defer kept.Close()
			file, err := kept.File()
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			if err := kept.SetReadBuffer(99 << 10); err != nil {
				t.Fatal(err)
			}
			buffer := readBuffer(t, file)
			from, _ := bound(t, ip)
			const each = 20
			for owner := range 3 {
				conn, local, err := taker(file)(at)
				if err != nil {
					t.Fatal(err)
				}
				for n := range 2 * each {
					if n == each {
						if err := conn.CloseRead(); err != nil {
							t.Fatal(err)
						}
					}
					if _, err := from.WriteToUDPAddrPort([]byte{byte(owner), byte(n)}, local); err != nil {
						t.Fatal(err)
					}
				}
				if _, _, err := conn.ReadFromUDPAddrPort(make([]byte, 10)); !errors.Is(err, net.ErrClosed) {
					t.Fatalf("read after CloseRead = %v, want %v", err, net.ErrClosed)
				}
				if _, err := conn.WriteToUDPAddrPort([]byte("x"), local); err != nil {
					t.Errorf("write after CloseRead = %v", err)
				}
				if err := conn.Close(); err != nil {
					t.Errorf("Close = %v", err)
				}
			}
			conn, _, err := taker(file)(at)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			buf := make([]byte, 10)
			for owner := range 3 {
				for n := range 2 * each {
					if got, _, err := conn.ReadFromUDPAddrPort(buf); err != nil || got != 2 || buf[0] != byte(owner) || buf[1] != byte(n) {
						t.Fatalf("read %x, %v; want datagram %d of owner %d", buf[:got], err, n, owner)
					}
				}
				if got, _, err := conn.ReadFromUDPAddrPort(buf); err != nil || string(buf[:got]) != "x" {
					t.Fatalf("read %x, %v; want what owner %d sent last", buf[:got], err, owner)
				}
			}
			if got := readBuffer(t, file); got != buffer {
				t.Errorf("the socket has a buffer of %d bytes, was given %d", got, buffer)
			}
			if _, _, err := conn.ReadFromUDPAddrPort(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("read of nothing = %v, want %v: the socket was silenced", err, os.ErrDeadlineExceeded)
			}
		})
	}
}

func readBuffer(t *testing.T, f *os.File) int {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var size int
	var failed error
	err = raw.Control(func(fd uintptr) { size, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF) })
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	return size
}
