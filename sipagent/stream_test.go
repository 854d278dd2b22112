package sipagent

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipe is a connection in memory, for tests in a bubble.
type pipe struct {
	net.Conn
	from netip.AddrPort
}

func (p pipe) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(p.from) }

// visitor is a TCP socket of an agent without a network: it takes the
// connections that it is given.
type visitor struct {
	*rig
	streams *streams
}

func newVisitor(t *testing.T) *visitor {
	t.Helper()
	r := newTimedRig(t, allowed)
	synctest.Wait() // Run has its sockets, and not the one of the visitor
	s := &socket{listener: r.agent.listeners[0], index: 2, transport: overTCP, local: netip.MustParseAddrPort("198.51.100.5:5060")}
	s.streams = &streams{
		agent: r.agent, socket: s, listener: brokenListener{}, open: map[netip.AddrPort]*stream{}, sources: map[netip.Addr]int{},
	}
	r.agent.sockets, r.agent.bridges = append(r.agent.sockets, s), true
	return &visitor{r, s.streams}
}

// connect opens a connection from an address.
func (v *visitor) connect(from string) net.Conn {
	v.t.Helper()
	near, far := net.Pipe()
	v.streams.taken(pipe{far, netip.MustParseAddrPort(from)})
	v.t.Cleanup(func() { near.Close() })
	return near
}

// ends checks that the connection is closed after exactly that long.
func (v *visitor) ends(conn net.Conn, after time.Duration) {
	v.t.Helper()
	start := time.Now()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		v.t.Errorf("reading until the end: %v", err)
	}
	if took := time.Since(start); took != after {
		v.t.Errorf("closed after %v, want %v", took, after)
	}
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		t.Fatalf("writing %.40q: %v", text, err)
	}
}

// ping is answered by the agent itself.
func (v *visitor) ping(id string) string {
	return strings.ReplaceAll("OPTIONS sip:198.51.100.5 SIP/2.0\nVia: SIP/2.0/TCP 203.0.113.10;branch=z9hG4bK"+id+
		"\nFrom: <sip:1@a>;tag=1\nTo: <sip:2@a>\nCall-ID: "+id+"\nCSeq: 1 OPTIONS\nContent-Length: 0\n\n", "\n", "\r\n")
}

// hears reads an answer to a ping.
func hears(t *testing.T, conn net.Conn, id string) {
	t.Helper()
	buf := make([]byte, 4096)
	have := 0
	for !strings.HasSuffix(string(buf[:have]), "\r\n\r\n") {
		n, err := conn.Read(buf[have:])
		if have += n; err != nil {
			t.Fatalf("%v behind %q", err, buf[:have])
		}
	}
	if got := string(buf[:have]); !strings.HasPrefix(got, "SIP/2.0 200 OK\r\n") || !strings.Contains(got, "Call-ID: "+id+"\r\n") {
		t.Fatalf("received %q, want the answer to %s", got, id)
	}
}

const visitorAddr = "203.0.113.10:40000"

// bubble runs a test of connections in a synctest bubble.
func bubble(t *testing.T, test func(t *testing.T, v *visitor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		v := newVisitor(t)
		test(t, v)
		v.stop()
	})
}

func TestConnectionDeadlines(t *testing.T) {
	t.Run("says nothing", func(t *testing.T) {
		bubble(t, func(t *testing.T, v *visitor) { v.ends(v.connect(visitorAddr), messageTime) })
	})
	t.Run("half a message, then silence", func(t *testing.T) {
		bubble(t, func(t *testing.T, v *visitor) {
			conn := v.connect(visitorAddr)
			say(t, conn, v.ping("whole"))
			hears(t, conn, "whole")
			say(t, conn, v.ping("half")[:100])
			v.ends(conn, messageTime)
		})
	})
	t.Run("a byte now and then", func(t *testing.T) {
		bubble(t, func(t *testing.T, v *visitor) {
			conn := v.connect(visitorAddr)
			say(t, conn, v.ping("whole"))
			hears(t, conn, "whole")
			start := time.Now()
			for _, b := range []byte(v.ping("slow")) {
				if _, err := conn.Write([]byte{b}); err != nil {
					break
				}
				time.Sleep(time.Second)
			}
			if took := time.Since(start); took < messageTime || took > messageTime+time.Second {
				t.Errorf("closed after %v, want %v", took, messageTime)
			}
		})
	})
	t.Run("idle", func(t *testing.T) {
		bubble(t, func(t *testing.T, v *visitor) {
			conn := v.connect(visitorAddr)
			say(t, conn, v.ping("whole"))
			hears(t, conn, "whole")
			v.ends(conn, 15*time.Minute)
		})
	})
	t.Run("does not read", func(t *testing.T) {
		bubble(t, func(t *testing.T, v *visitor) {
			conn := v.connect(visitorAddr)
			say(t, conn, v.ping("unread"))
			time.Sleep(writeTime - time.Millisecond)
			synctest.Wait()
			if v.streams.count() != 1 {
				t.Error("closed before its time")
			}
			time.Sleep(time.Millisecond)
			synctest.Wait()
			if v.streams.count() != 0 {
				t.Error("still open")
			}
		})
	})
}

func TestPipelinedMessages(t *testing.T) {
	bubble(t, func(t *testing.T, v *visitor) {
		conn := v.connect(visitorAddr)
		all := v.ping("a") + "\r\n" + v.ping("b") + v.ping("c")
		for cut := 1; cut < len(all); cut += 7 {
			go func() { // ends when both parts are read
				_, _ = conn.Write([]byte(all[:cut])) // seen by who waits for the answers
				_, _ = conn.Write([]byte(all[cut:]))
			}()
			buf := make([]byte, 1<<16)
			got := ""
			for strings.Count(got, "\r\n\r\n") < 3 {
				n, err := conn.Read(buf)
				if got += string(buf[:n]); err != nil {
					t.Fatalf("cut at %d: %v behind %q", cut, err, got)
				}
			}
			a, b, c := strings.Index(got, "Call-ID: a\r\n"), strings.Index(got, "Call-ID: b\r\n"), strings.Index(got, "Call-ID: c\r\n")
			if a < 0 || b < a || c < b {
				t.Fatalf("cut at %d: answers out of order: %q", cut, got)
			}
		}
	})
}

func TestKeepAlive(t *testing.T) {
	bubble(t, func(t *testing.T, v *visitor) {
		conn := v.connect(visitorAddr)
		buf := make([]byte, 16)
		for _, parts := range [][]string{{"\r\n\r\n"}, {"\r", "\n\r", "\n"}, {"\r\n", "\r\n"}} {
			for _, p := range parts {
				say(t, conn, p)
			}
			n, err := conn.Read(buf)
			if string(buf[:n]) != "\r\n" || err != nil {
				t.Errorf("%q brought %q, %v; want a line break", parts, buf[:n], err)
			}
			time.Sleep(time.Minute)
		}
		say(t, conn, "\r\n"+v.ping("after"))
		hears(t, conn, "after")
	})
}

// What cannot be divided into messages ends its connection, and no other.
func TestUnframed(t *testing.T) {
	for name, text := range map[string]string{
		"64 KB of header": "OPTIONS sip:a SIP/2.0\r\nX: " + strings.Repeat("x", 64<<10),
		"endless lines":   strings.Repeat("\r\n", 40<<10),
		"4 GiB":           strings.Replace(new(visitor).ping("x"), "Length: 0", "Length: 4294967295", 1),
		"no length":       strings.Replace(new(visitor).ping("x"), "Content-Length: 0\r\n", "", 1),
		"a web browser":   "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, v *visitor) {
				conn, other := v.connect(visitorAddr), v.connect("203.0.113.10:40001")
				go io.Copy(conn, strings.NewReader(text)) //nolint:errcheck // ends when conn is closed
				v.ends(conn, 0)
				v.drops("unframed", 1)
				say(t, other, v.ping("other"))
				hears(t, other, "other")
			})
		})
	}
}

func TestWhoMayConnect(t *testing.T) {
	bubble(t, func(t *testing.T, v *visitor) {
		v.ends(v.connect("198.51.100.77:40000"), 0)
		v.drops("stranger", 1)
		var last net.Conn
		for port := range 100 {
			last = v.connect(netip.AddrPortFrom(netip.MustParseAddr("203.0.113.10"), uint16(40000+port)).String())
		}
		v.ends(v.connect("203.0.113.10:50000"), 0)
		v.drops("too-many-connections", 1)
		say(t, last, v.ping("last"))
		hears(t, last, "last")
		last.Close()
		synctest.Wait()
		again := v.connect("203.0.113.10:50001")
		say(t, again, v.ping("again"))
		hears(t, again, "again")
	})
}

// brokenListener has what it gives to Accept, and then is closed.
type brokenListener struct{ next func() (net.Conn, error) }

func (l brokenListener) Accept() (net.Conn, error) {
	if l.next == nil {
		return nil, net.ErrClosed
	}
	return l.next()
}
func (brokenListener) Close() error   { return nil }
func (brokenListener) Addr() net.Addr { return &net.TCPAddr{} }

// Without descriptors the socket waits, longer each time, and recovers.
func TestAcceptWithoutDescriptors(t *testing.T) {
	bubble(t, func(t *testing.T, v *visitor) {
		near, far := net.Pipe()
		defer near.Close()
		tries, start := 0, time.Now()
		v.streams.listener = brokenListener{func() (net.Conn, error) {
			switch tries++; {
			case tries <= 12:
				return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
			case tries == 13:
				return pipe{far, netip.MustParseAddrPort(visitorAddr)}, nil
			}
			return nil, net.ErrClosed
		}}
		if err := v.streams.accept(); err != nil {
			t.Errorf("accept = %v", err)
		}
		// 5, 10, 20 … 640 ms, and then 1 s each time
		if took, want := time.Since(start), (5*255)*time.Millisecond+4*time.Second; took != want {
			t.Errorf("12 failures took %v, want %v", took, want)
		}
		say(t, near, v.ping("recovered"))
		hears(t, near, "recovered")
	})
}

// A full queue ends the connection at once; who sends does not wait.
func TestQueueIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, v *visitor) {
		v.connect(visitorAddr)
		st := v.streams.find(netip.MustParseAddrPort(visitorAddr))
		start := time.Now()
		err := error(nil)
		sent := 0
		for ; err == nil && sent <= 3*maxQueued; sent += 1000 {
			err = st.push(nil, make([]byte, 1000))
		}
		if !errors.Is(err, errFull) || sent > 2*maxQueued+2000 || time.Since(start) != 0 {
			t.Errorf("push = %v after %d bytes and %v; want %v", err, sent, time.Since(start), errFull)
		}
		synctest.Wait()
		if v.streams.count() != 0 {
			t.Error("the connection is still there")
		}
	})
}
