package sipagent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// line is what a phone speaks over when that is TCP or TLS: it takes
// connections at its address, and opens one to the proxy when it has something
// to say. Answers leave by the connection that the last message came by.
type line struct {
	listener net.Listener
	tls      *tls.Config // nil: TCP
	in       chan packet
	until    time.Time

	mu     sync.Mutex
	own    net.Conn // that requests leave by
	last   net.Conn // that the last message came by
	open   []net.Conn
	closed bool
	served sync.WaitGroup
}

// newLine opens a phone that speaks TCP, or TLS.
func newLine(t *testing.T, ip string, conf *tls.Config) *phone {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	l := &line{listener: listener, tls: conf, in: make(chan packet, 10000)}
	l.served.Go(l.accept) // ends when Close closes the listener
	t.Cleanup(func() { l.Close() })
	p := &phone{t: t, conn: l, addr: listener.Addr().(*net.TCPAddr).AddrPort(), transport: "TCP"}
	if conf != nil {
		p.transport = "TLS"
	}
	return p
}

func (l *line) accept() {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			return
		}
		if conf := l.conf(); conf != nil {
			conn = tls.Server(conn, conf)
		}
		l.keep(conn)
	}
}

func (l *line) conf() *tls.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tls
}

// keep reads a connection until it ends.
func (l *line) keep(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		conn.Close()
		return
	}
	l.open = append(l.open, conn)
	l.served.Go(func() { l.read(conn) }) // ends when the connection does
}

// read is a framer of its own, which knows nothing of package wire.
func (l *line) read(conn net.Conn) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	for {
		var m bytes.Buffer
		length := 0
		for {
			text, err := r.ReadString('\n')
			if err != nil {
				l.gone(conn)
				return
			}
			if text == "\r\n" && m.Len() == 0 {
				continue // keep-alive
			}
			m.WriteString(text)
			if text == "\r\n" {
				break
			}
			name, value, _ := strings.Cut(text, ":")
			if name = strings.ToLower(strings.TrimSpace(name)); name == "content-length" || name == "l" {
				length, _ = strconv.Atoi(strings.TrimSpace(value))
			}
		}
		if _, err := io.CopyN(&m, r, int64(length)); err != nil {
			l.gone(conn)
			return
		}
		l.mu.Lock()
		l.last = conn
		l.mu.Unlock()
		l.in <- packet{src: conn.RemoteAddr().(*net.TCPAddr).AddrPort(), b: m.Bytes()}
	}
}

func (l *line) gone(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.own == conn {
		l.own = nil
	}
}

// cut ends all connections, as a restart or a network does.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.open {
		conn.Close()
	}
	l.open, l.own = nil, nil
}

func (l *line) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	l.mu.Lock()
	conn := l.own
	if bytes.HasPrefix(b, []byte("SIP/2.0 ")) && l.last != nil {
		conn = l.last
	}
	l.mu.Unlock()
	if conn == nil {
		var err error
		if conn, err = l.dial(to); err != nil {
			return 0, err
		}
		l.mu.Lock()
		l.own = conn
		l.mu.Unlock()
		l.keep(conn)
	}
	return conn.Write(b)
}

func (l *line) dial(to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", to.String())
	conf := l.conf()
	if err != nil || conf == nil {
		return conn, err
	}
	secure := tls.Client(conn, conf)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

func (l *line) SetReadDeadline(t time.Time) error {
	l.until = t
	return nil
}

func (l *line) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	late := time.NewTimer(time.Until(l.until))
	defer late.Stop()
	select {
	case p := <-l.in:
		return copy(b, p.b), p.src, nil
	case <-late.C:
		return 0, netip.AddrPort{}, os.ErrDeadlineExceeded
	}
}

func (l *line) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	err := l.listener.Close()
	l.cut()
	l.served.Wait()
	return err
}

// sides says by what the two sides of a rig speak, and where.
type sides struct {
	carrier, pbx     string // udp, tcp or tls
	carrierIP, pbxIP string // empty: 127.0.0.1
	bind             binder // nil: the usual sockets
}

// newMixedRig starts an agent whose sides speak what they are told to. Each has a
// listener with every transport.
func newMixedRig(t *testing.T, by sides, s Screener, change ...func(*Options)) *rig {
	t.Helper()
	ca := newCA(t, "ca")
	files := ca.files(t, ca.issue(t, pair{}))
	r := &rig{t: t, bind: bind}
	if by.bind != nil {
		r.bind = by.bind
	}
	r.options.Timers = Timers{T1: time.Hour, Drain: time.Millisecond}
	for _, side := range []struct {
		p             **phone
		transport, ip string
		listener      string
	}{{&r.carrier, by.carrier, by.carrierIP, "trunk"}, {&r.pbx, by.pbx, by.pbxIP, "office"}} {
		if side.ip == "" {
			side.ip = "127.0.0.1"
		}
		switch side.transport {
		case "udp":
			*side.p = newPhoneAt(t, side.ip)
		case "tcp":
			*side.p = newLine(t, side.ip, nil)
		case "tls":
			*side.p = newLine(t, side.ip, ca.config(t, ca.issue(t, pair{})))
		}
		at := ":" + netip.AddrPortFrom(netip.MustParseAddr(side.ip), 0).String()
		r.options.Listeners = append(r.options.Listeners, Listener{
			Name: side.listener, Addresses: []string{"udp" + at, "tcp" + at, "tls" + at}, TLS: files,
		})
	}
	targets := func(o *Options) {
		o.Trunks[0].Targets[0].URI += ";transport=" + by.carrier
		o.PBX.Targets[0].URI += ";transport=" + by.pbx
	}
	r.open(s, append([]func(*Options){targets}, change...))
	return r
}
