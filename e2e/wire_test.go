package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// wire lies between an Asterisk and callscreen, by UDP, TCP and TLS. To each of
// the two it is the other one: it has an address that the Asterisk takes for
// callscreen's, which callscreen advertises, and one that callscreen takes for
// the Asterisk's. It writes down what passes, and may lose datagrams.
type wire struct {
	t              *testing.T
	near, far      wireEnd // towards the Asterisk, and towards callscreen
	server, client *tls.Config
	lossy          bool
	mu             sync.Mutex
	random         *rand.Rand
	lost           int
	passed         trace
	open           map[io.Closer]bool
	closed         bool
	all            sync.WaitGroup
}

// wireEnd is one side of a wire.
type wireEnd struct {
	own, ownTLS   netip.AddrPort // where it listens; TLS may be left out
	peer, peerTLS netip.AddrPort // who is there
	udp           *net.UDPConn
}

// newWire lays a wire, which goes with the test.
func newWire(t *testing.T, certificates string, near, far wireEnd, lossy bool) *wire {
	t.Helper()
	w := &wire{
		t: t, near: near, far: far, lossy: lossy, random: rand.New(rand.NewPCG(1, 2)), open: map[io.Closer]bool{},
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(certificates, "cert.pem"), filepath.Join(certificates, "key.pem"))
	ca, err2 := os.ReadFile(filepath.Join(certificates, "ca.pem"))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	w.server, w.client = &tls.Config{Certificates: []tls.Certificate{pair}}, &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}
	t.Cleanup(w.cut)
	for _, e := range []*wireEnd{&w.near, &w.far} {
		if e.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(e.own)); err != nil {
			t.Fatal(err)
		}
		w.keep(e.udp)
	}
	w.all.Go(func() { w.datagrams(w.near, w.far, true) }) // these end when cut closes what they read from
	w.all.Go(func() { w.datagrams(w.far, w.near, false) })
	w.streams(w.near, w.far, true)
	w.streams(w.far, w.near, false)
	return w
}

// cut takes the wire away.
func (w *wire) cut() {
	w.mu.Lock()
	w.closed = true
	for c := range w.open {
		c.Close()
	}
	w.mu.Unlock()
	w.all.Wait()
}

// keep remembers what cut has to close. It reports false when that is now.
func (w *wire) keep(c io.Closer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		c.Close()
		return false
	}
	w.open[c] = true
	return true
}

// pass writes a message down. It reports false when it is to be lost.
func (w *wire) pass(m []byte, sent, may bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if may && w.lossy && w.random.IntN(10) == 0 {
		w.lost++
		return false
	}
	w.passed = append(w.passed, traced{message(m), sent})
	return true
}

func (w *wire) datagrams(from, to wireEnd, sent bool) {
	buf := make([]byte, 65536)
	for {
		n, err := from.udp.Read(buf)
		if err != nil {
			return
		}
		if w.pass(buf[:n], sent, true) {
			_, _ = to.udp.WriteToUDPAddrPort(buf[:n], to.peer) // whoever is gone loses it, as on any wire
		}
	}
}

// streams takes the connections that come at one end.
func (w *wire) streams(from, to wireEnd, sent bool) {
	w.t.Helper()
	plain, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(from.own))
	if err != nil {
		w.t.Fatal(err)
	}
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: to.own.Addr().AsSlice()}, Timeout: patience}
	w.accept(plain, sent, func() (net.Conn, error) { return d.Dial("tcp", to.peer.String()) })
	if !from.ownTLS.IsValid() {
		return
	}
	secure, err := tls.Listen("tcp", from.ownTLS.String(), w.server)
	if err != nil {
		w.t.Fatal(err)
	}
	w.accept(secure, sent, func() (net.Conn, error) { return tls.DialWithDialer(d, "tcp", to.peerTLS.String(), w.client) })
}

func (w *wire) accept(l net.Listener, sent bool, dial func() (net.Conn, error)) {
	w.keep(l)
	w.all.Go(func() { // ends when cut closes the listener
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() { w.connect(in, sent, dial) })
		}
	})
}

// connect passes on what two connections bring, until one of them ends.
func (w *wire) connect(in net.Conn, sent bool, dial func() (net.Conn, error)) {
	defer in.Close()
	if !w.keep(in) {
		return
	}
	out, err := dial()
	if err != nil {
		return // the one who asked sees its connection end
	}
	defer out.Close()
	if !w.keep(out) {
		return
	}
	w.all.Go(func() {
		w.copy(in, out, !sent)
		in.Close()
	})
	w.copy(out, in, sent)
}

// copy passes messages on, one by one.
func (w *wire) copy(to, from net.Conn, sent bool) {
	r := bufio.NewReader(from)
	for {
		m, err := readMessage(r)
		if err != nil {
			return
		}
		if len(m) > 4 { // else a keep-alive
			w.pass(m, sent, false)
		}
		if _, err := to.Write(m); err != nil {
			return
		}
	}
}

// readMessage reads a message of a stream, or the empty lines between two.
func readMessage(r *bufio.Reader) (m []byte, err error) {
	length := 0
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		m = append(m, line...)
		name, value, _ := strings.Cut(string(line), ":")
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return nil, err
			}
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			break
		}
	}
	body := make([]byte, length)
	_, err = io.ReadFull(r, body)
	return append(m, body...), err
}

// trace returns what passed of the calls that name a caller in From or To,
// "sip:NUMBER@"; of an empty number, all.
func (w *wire) trace(number string) (found trace) {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := map[string]bool{}
	for _, m := range w.passed {
		if number == "" || strings.Contains(m.header("From")+m.header("To"), "sip:"+number+"@") {
			calls[m.header("Call-ID")] = true
		}
	}
	for _, m := range w.passed {
		if calls[m.header("Call-ID")] {
			found = append(found, m)
		}
	}
	return found
}

// traced is a SIP message that an Asterisk sent or received.
type traced struct {
	message
	sent bool
}

// trace is what an Asterisk sent and received, in order.
type trace []traced

// String is a line for each message: "> INVITE sip:…".
func (tr trace) String() string {
	var b strings.Builder
	for _, m := range tr {
		line, _, _ := strings.Cut(string(m.message), "\r\n")
		fmt.Fprintf(&b, "\n%s %s  %s", map[bool]string{true: ">", false: "<"}[m.sent], line, m.header("CSeq"))
	}
	return b.String()
}

// all returns the messages, sent or received, that begin so.
func (tr trace) all(sent bool, start string) (found []message) {
	for _, m := range tr {
		if m.sent == sent && strings.HasPrefix(string(m.message), start) {
			found = append(found, m.message)
		}
	}
	return found
}

// received returns the first message received that begins so; nothing if there is none.
func (tr trace) received(start string) message { return first(tr.all(false, start), start) }

// sent returns the first message sent that begins so; nothing if there is none.
func (tr trace) sent(start string) message { return first(tr.all(true, start), start) }

// losses is how many datagrams were lost.
func (w *wire) losses() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}
