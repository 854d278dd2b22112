package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// opened opens a socket as a service manager does, which calls it name.
func opened(t *testing.T, name, network, address string) (at string, f *os.File) {
	t.Helper()
	var socket interface {
		File() (*os.File, error)
		Close() error
	}
	if network == "udp" {
		conn, err := net.ListenPacket(network, address)
		if err != nil {
			t.Fatal(err)
		}
		udp := conn.(*net.UDPConn)
		socket, at = udp, udp.LocalAddr().String()
	} else {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		at = l.Addr().String()
		if tcp, ok := l.(*net.TCPListener); ok {
			socket = tcp
		} else {
			socket = l.(*net.UnixListener)
		}
	}
	t.Cleanup(func() { socket.Close() })
	own, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	return at, called(t, name, own)
}

// The address of a socket decides whose it is, and which of its addresses.
func TestSocketsAreSorted(t *testing.T) {
	v4, dgram := opened(t, "main", "udp", "127.0.0.47:0")
	_, stream := opened(t, "callscreen.socket", "tcp", v4) // the name that systemd gives without FileDescriptorName=
	v6, six := opened(t, "six", "udp", "[::1]:0")
	secure, tls := opened(t, "LISTEN_FD_6", "tcp", "[::1]:0")
	page, http := opened(t, "http", "tcp", "127.0.0.1:0")
	text := fmt.Sprintf(`
listen:
  - {name: main, address: ["udp:%[1]s", "tcp:%[1]s", "tcp:127.0.0.1:1"]}
  - {name: six, address: ["udp:%[2]s", "tls:%[3]s"], tls: {cert: c.pem, key: k.pem}}
trunks: [{name: carrier, networks: 127.0.0.2, targets: "sip:127.0.0.2:5060"}]
pbx: {networks: 127.0.0.3, targets: "sip:127.0.0.3:5060"}
http: {listen: %[4]q}
`, v4, v6, secure, page)
	c := mustConfig(t, filepath.Join(t.TempDir(), "callscreen.yaml"), text)
	s, err := sortSockets(c, []*os.File{http, six, stream, dgram, tls})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		listener, address string
		want              *os.File
	}{
		{"main", "udp:" + v4, dgram},
		{"main", "tcp:" + v4, stream},
		{"main", "tcp:127.0.0.1:1", nil},
		{"six", "udp:" + v6, six},
		{"six", "tls:" + secure, tls},
	} {
		if got := s.open[tt.listener][tt.address]; got != tt.want {
			t.Errorf("listener %s takes %v for %s, want %v", tt.listener, got, tt.address, tt.want)
		}
	}
	if s.http != http {
		t.Errorf("http takes %v, want its own", s.http)
	}
	o := &office{t: t}
	s.warn(c, o.logger())
	if got := o.log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "keeps no socket for tcp:127.0.0.1:1") {
		t.Errorf("log = %s, want a line about tcp:127.0.0.1:1", got)
	}
}

// A socket that nobody would read is an error that says what to write instead.
func TestSocketsThatFitNobody(t *testing.T) {
	at, good := opened(t, "main", "udp", "127.0.0.47:0")
	text := fmt.Sprintf(`
listen: [{name: main, address: "udp:%s"}, {name: other, address: "tcp:127.0.0.1:1"}]
trunks: [{name: carrier, networks: 127.0.0.2, targets: "sip:127.0.0.2:5060"}]
pbx: {networks: 127.0.0.3, targets: "sip:127.0.0.3:5060"}
http: {listen: ""}
`, at)
	c := mustConfig(t, "callscreen.yaml", text)
	elsewhere, stray := opened(t, "main", "udp", "127.0.0.47:0")
	sameElsewhere, tcp := opened(t, "x.socket", "tcp", at)
	_, unix := opened(t, "x.socket", "unix", filepath.Join(t.TempDir(), "x"))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	hint := ", where nothing in callscreen.yaml listens: let the socket unit say one of ListenDatagram=" + at + ", ListenStream=127.0.0.1:1"
	for _, tt := range []struct {
		f    *os.File
		want string
	}{
		{stray, `socket "main", passed by the service manager, listens at udp:` + elsewhere + hint},
		{tcp, `socket "x.socket", passed by the service manager, listens at tcp:` + sameElsewhere + hint},
		{called(t, "other", good), `socket "other", passed by the service manager, listens at udp:` + at + `, which is the address of "main": write FileDescriptorName=main into the socket unit`},
		{unix, `socket "x.socket", passed by the service manager: unix is no address of SIP or HTTP`},
		{null, `socket "/dev/null", passed by the service manager: it is no socket that listens`},
	} {
		_, err := sortSockets(c, []*os.File{tt.f})
		if err == nil || err.Error() != tt.want || exitCode(err) != exitConfiguration {
			t.Errorf("error %v, want %s with exit code %d", err, tt.want, exitConfiguration)
		}
	}
	if _, err := sortSockets(c, []*os.File{stray, null}); err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("error %v, want both at once", err)
	}
}

// called returns the socket of a file under another name.
func called(t *testing.T, name string, f *os.File) *os.File {
	t.Helper()
	own, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	again := os.NewFile(uintptr(own), name)
	t.Cleanup(func() { again.Close() })
	return again
}
