package sipagent

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Bounds of the time that a connection may take for what it must do.
const (
	dialTime      = 4 * time.Second  // to be opened by us, its handshake included
	handshakeTime = 10 * time.Second // for the TLS handshake of whoever connects to us
	messageTime   = 20 * time.Second // for the first message, and from the first byte of any message to its last
	writeTime     = 5 * time.Second  // for the peer to take what we write
	lastWriteTime = 200 * time.Millisecond
)

// streams are the connections of a TCP or TLS socket: those that peers opened,
// and those that we opened from its address.
type streams struct {
	agent    *Agent
	socket   *socket
	listener net.Listener
	certs    *certificates // of TLS

	mu      sync.Mutex
	open    map[netip.AddrPort]*stream // by the peer's address
	sources map[netip.Addr]int         // how many of them peers opened, by address
	deaf    bool                       // nothing is read any more
	closed  bool
	reading sync.WaitGroup // not to be joined when deaf
	running sync.WaitGroup
}

// bindStreams listens at an address, or takes the socket that does, and returns
// the address that it got.
func (a *Agent) bindStreams(s *socket, at netip.AddrPort, open *os.File) (*streams, netip.AddrPort, error) {
	l, err := listenTCP(at, open)
	if err != nil {
		return nil, at, err
	}
	t := &streams{agent: a, socket: s, listener: l, open: map[netip.AddrPort]*stream{}, sources: map[netip.Addr]int{}}
	return t, l.Addr().(*net.TCPAddr).AddrPort(), nil
}

func listenTCP(at netip.AddrPort, open *os.File) (net.Listener, error) {
	switch {
	case open != nil:
		return net.FileListener(open)
	case at.Addr().Is4():
		return net.Listen("tcp4", at.String())
	}
	return net.Listen("tcp", at.String())
}

// accept takes connections until the socket is closed. What keeps it from that,
// such as a lack of descriptors, passes: it waits longer each time.
func (t *streams) accept() error {
	wait := time.Duration(0)
	for {
		conn, err := t.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			if wait == 0 {
				t.agent.log.Warn().Err(err).Msg("no connection can be taken, trying again")
			}
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			time.Sleep(wait)
		default:
			wait = 0
			t.socket.turns.begin()
			t.taken(conn)
			t.socket.turns.end()
		}
	}
}

// taken begins to serve a connection that a peer opened. Strangers, and whoever
// has too many, get nothing.
func (t *streams) taken(conn net.Conn) {
	remote := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	st := newStream(t, remote)
	st.inbound = true
	st.connected(conn)
	if reason, ok := t.admit(st); !ok {
		t.agent.drop(reason)
		conn.Close()
		return
	}
	go st.serve(t.handshakeServer) // ends when the connection does; close waits for it
}

// admit enters a connection that a peer opened.
func (t *streams) admit(st *stream) (reason dropReason, ok bool) {
	from := st.remote.Addr()
	if t.agent.peerOf(t.socket, st.remote) == nil {
		return dropStranger, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.deaf || t.sources[from] >= t.agent.limits.Connections {
		return dropConnection, false
	}
	t.sources[from]++
	t.open[st.remote] = st
	t.running.Add(1)
	return 0, true
}

// handshakeServer is the part of TLS when a peer has connected.
func (t *streams) handshakeServer(st *stream) error {
	if t.certs == nil {
		return nil
	}
	server, _ := t.certs.current()
	return st.secure(tls.Server(st.conn, server), handshakeTime)
}

// find returns the open connection with an address, or nil.
func (t *streams) find(remote netip.AddrPort) *stream {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[remote]
}

// reaches reports whether a connection with an address is open.
func (t *streams) reaches(remote netip.AddrPort) bool {
	st := t.find(remote)
	if st == nil {
		return false
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.ready && !st.closed && !st.leaving
}

// get returns the connection with an address, which is being opened when there
// was none: one at a time.
func (t *streams) get(remote netip.AddrPort) (*stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if st := t.open[remote]; st != nil && !st.dead() {
		return st, nil
	}
	if t.closed {
		return nil, net.ErrClosed
	}
	st := newStream(t, remote)
	t.open[remote] = st
	t.running.Add(1)
	go st.serve(t.dial) // ends when the connection does; close waits for it
	return st, nil
}

var errStranger = errors.New("the address is no peer's")

// dial opens a connection from the socket's own address, and to peers only.
func (t *streams) dial(st *stream) error {
	p := t.agent.peerOf(t.socket, st.remote)
	if p == nil {
		return errStranger
	}
	d := net.Dialer{Timeout: dialTime}
	if own := t.socket.local.Addr(); !own.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))
	}
	conn, err := d.DialContext(st.ctx, "tcp", st.remote.String())
	if err != nil {
		return err
	}
	if !st.connected(conn) {
		conn.Close()
		return net.ErrClosed
	}
	if t.certs == nil {
		return nil
	}
	_, client := t.certs.current()
	client = client.Clone()
	if client.ServerName = p.hostAt(st.remote); client.ServerName == "" {
		client.ServerName = st.remote.Addr().String()
	}
	return st.secure(tls.Client(conn, client), dialTime)
}

// send queues a message for a connection: the one that the request came in by
// while it is open (RFC 3261 section 18.2.2), else any that leads to the address.
func (t *streams) send(who waiter, to way, b []byte) (st *stream, err error) {
	if to.stream != nil && to.stream.push(who, b) == nil {
		return to.stream, nil
	}
	for range 2 { // one that ends in between is not there the second time
		if st, err = t.get(to.addr); err != nil {
			return nil, err
		}
		if err = st.push(who, b); !errors.Is(err, net.ErrClosed) {
			return st, err
		}
	}
	return st, err
}

// remove forgets a connection.
func (t *streams) remove(st *stream) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[st.remote] == st {
		delete(t.open, st.remote)
	}
	if !st.inbound || st.removed {
		return
	}
	st.removed = true
	from := st.remote.Addr()
	if t.sources[from]--; t.sources[from] == 0 {
		delete(t.sources, from)
	}
}

// stopReading takes neither connections nor messages any more, and waits for those
// messages that are being handled.
func (t *streams) stopReading() {
	t.listener.Close()
	t.mu.Lock()
	t.deaf = true
	for _, st := range t.open {
		st.stopReading()
	}
	t.mu.Unlock()
	t.reading.Wait()
}

// beginReading reports whether a connection may be read; its reader then ends with
// t.reading.Done.
func (t *streams) beginReading() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.deaf {
		t.reading.Add(1)
	}
	return !t.deaf
}

// close ends all connections once what is queued has left, or cannot.
func (t *streams) close() {
	t.listener.Close()
	t.mu.Lock()
	t.closed = true
	for _, st := range t.open {
		st.finish()
	}
	t.mu.Unlock()
	t.running.Wait()
}

// newStream returns a connection that is not there yet.
func newStream(t *streams, remote netip.AddrPort) *stream {
	st := &stream{streams: t, remote: remote, wake: make(chan struct{}, 1)}
	st.ctx, st.cancel = context.WithCancel(context.Background())
	return st
}
