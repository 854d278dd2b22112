package sipagent

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"callscreen/sipagent/wire"
)

// maxQueued is how many bytes wait for a peer that does not read before its
// connection is given up.
const maxQueued = 1 << 20

// stream is one TCP or TLS connection. One goroutine opens and reads it, another
// writes; whoever sends only queues.
type stream struct {
	streams *streams
	remote  netip.AddrPort
	inbound bool // the peer opened it
	removed bool // from the table's count; guarded by its lock
	ctx     context.Context
	cancel  context.CancelFunc
	wake    chan struct{}
	deaf    atomic.Bool // nothing is read any more
	turns   turns       // of the reader

	mu      sync.Mutex
	raw     net.Conn // nil until it is opened
	conn    net.Conn // raw, or TLS on it
	ready   bool     // it is open, and its handshake through
	closed  bool
	leaving bool // it ends when the queue is empty
	queue   []byte
	waiters map[waiter]struct{}
}

var errFull = errors.New("the peer does not read")

// push queues a message. It does not block: a peer that does not take what is
// sent loses its connection.
func (st *stream) push(who waiter, b []byte) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed || st.leaving {
		return net.ErrClosed
	}
	if len(st.queue)+len(b) > maxQueued {
		st.shut()
		return errFull
	}
	st.queue = append(st.queue, b...)
	if who != nil {
		if st.waiters == nil {
			st.waiters = map[waiter]struct{}{}
		}
		st.waiters[who] = struct{}{}
	}
	st.nudge()
	return nil
}

func (st *stream) nudge() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// release ends the wait of a request: it has been answered.
func (st *stream) release(who waiter) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.waiters, who)
}

// shut closes the connection; st.mu is held. Its goroutines end of that.
func (st *stream) shut() {
	st.closed = true
	st.cancel()
	if st.raw != nil {
		st.raw.Close() // TLS would first wait for a peer that does not read
	}
}

// dead reports whether nothing can be sent any more.
func (st *stream) dead() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.closed || st.leaving
}

// stopReading ends the reader. What is sent leaves as before.
func (st *stream) stopReading() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.deaf.Store(true); st.raw != nil {
		_ = st.raw.SetReadDeadline(time.Unix(1, 0)) // a closed connection is not read either
	}
}

// finish lets the connection end when everything has been written.
func (st *stream) finish() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.leaving = true; !st.ready {
		st.shut()
		return
	}
	_ = st.raw.SetWriteDeadline(time.Now().Add(lastWriteTime)) // on a closed connection there is nothing to wait for
	st.nudge()
}

// connected notes the connection, unless it is not wanted any more.
func (st *stream) connected(conn net.Conn) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.raw, st.conn = conn, conn
	return !st.closed
}

// secure does the handshake of TLS and puts it in the place of the connection.
func (st *stream) secure(conn *tls.Conn, within time.Duration) error {
	ctx, cancel := context.WithTimeout(st.ctx, within)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		return err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.conn = conn
	return nil
}

// serve is the life of a connection.
func (st *stream) serve(open func(*stream) error) {
	defer st.streams.running.Done()
	err := open(st)
	if err == nil {
		st.mu.Lock()
		st.ready = true
		st.mu.Unlock()
		var writing sync.WaitGroup
		writing.Go(st.write) // ends when the connection does
		if st.streams.beginReading() {
			st.read()
			st.streams.reading.Done()
		}
		if !st.deaf.Load() { // else close does
			st.finish() // what has been answered still leaves
		}
		writing.Wait()
		st.end(true)
		return
	}
	if st.ctx.Err() == nil {
		st.report(err)
	}
	st.end(false)
}

// report logs why a connection did not come about.
func (st *stream) report(err error) {
	name := ""
	if p := st.streams.agent.peerOf(st.streams.socket, st.remote); p != nil {
		name = p.name
	}
	what := "connection not opened"
	if st.inbound {
		what = "connection refused"
	}
	st.streams.agent.log.Warn().Str("trunk", name).Err(err).Msg(what)
}

// end closes and forgets the connection, and tells who waits for answers.
func (st *stream) end(opened bool) {
	st.streams.remove(st)
	st.mu.Lock()
	st.shut()
	waiters := st.waiters
	st.waiters = nil
	if len(st.queue) > 0 {
		st.streams.agent.drop(dropSendFailed)
	}
	st.mu.Unlock()
	for who := range waiters {
		who.lost(opened)
	}
}

// write writes what is queued until the connection ends. A write that the peer
// does not take in time ends it: half a message may have left.
func (st *stream) write() {
	var batch []byte
	for {
		select {
		case <-st.wake:
		case <-st.ctx.Done():
			return
		}
		st.mu.Lock()
		batch, st.queue = st.queue, batch[:0]
		conn, within := st.conn, writeTime
		if st.leaving {
			within = lastWriteTime
		}
		st.mu.Unlock()
		err := conn.SetWriteDeadline(time.Now().Add(within))
		if err == nil && len(batch) > 0 {
			_, err = conn.Write(batch)
		}
		if cap(batch) > 64<<10 {
			batch = nil
		}
		st.mu.Lock()
		if err != nil || st.leaving && len(st.queue) == 0 {
			st.shut()
		}
		st.mu.Unlock()
	}
}

// read hands every message to the agent, in the order they came, until the
// connection ends, stalls in the middle of a message, or cannot be divided into
// messages any more.
func (st *stream) read() {
	a := st.streams.agent
	w := a.newWork()
	w.in, w.stream = st.streams.socket, st
	r := reader{
		work: w, from: st.remote, buf: make([]byte, 4096), until: time.Now().Add(messageTime),
		framer: wire.Framer{MaxHeader: a.limits.HeaderBytes, MaxMessage: a.limits.MessageBytes},
	}
	if !st.inbound {
		r.until = time.Now().Add(a.timers.Idle)
	}
	for {
		if err := st.conn.SetReadDeadline(r.until); err != nil {
			return
		}
		if st.deaf.Load() { // its deadline is not to be moved, or just was
			return
		}
		n, err := st.conn.Read(r.room())
		if n > 0 {
			r.have += n
			st.turns.begin()
			bad := r.take()
			st.turns.end()
			if bad != nil {
				a.drop(dropUnframed)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// reader divides what a connection brings into messages.
type reader struct {
	*work
	from   netip.AddrPort
	framer wire.Framer
	buf    []byte
	have   int       // bytes of buf that hold what has not been handled
	until  time.Time // when the next bytes must have come
	part   bool      // a message has begun
	breaks int       // line breaks between messages, since the last message or pause
	paused time.Time // when the last of them came
}

// room returns where the next bytes go.
func (r *reader) room() []byte {
	if r.have == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	return r.buf[r.have:]
}

// take handles all that is whole, and moves the rest to the front.
func (r *reader) take() error {
	b := r.buf[:r.have]
	for len(b) > 0 {
		if !r.part {
			rest, err := r.keepAlive(b)
			if err != nil {
				return err
			}
			if b = rest; len(b) == 0 || len(b) == 1 && b[0] == '\r' {
				break
			}
		}
		n, err := r.framer.Next(&r.tmp, b)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
		r.handle(r.from, b[:n:n])
		b, r.part, r.breaks = b[n:], false, 0
	}
	r.have = copy(r.buf, b)
	switch {
	case r.have == 0:
		r.part, r.until = false, time.Now().Add(r.timers.Idle)
	case !r.part:
		r.part, r.until = r.have > 1 || r.buf[0] != '\r', time.Now().Add(messageTime)
	}
	if r.have == 0 && len(r.buf) > 64<<10 {
		r.buf = make([]byte, 4096)
	}
	return nil
}

// keepAlive takes line breaks off the front, and answers every second one (RFC
// 5626 section 4.4.1). Whoever sends nothing but them is cut off.
func (r *reader) keepAlive(b []byte) (rest []byte, err error) {
	for len(b) > 1 && b[0] == '\r' && b[1] == '\n' {
		now := time.Now()
		if now.Sub(r.paused) > time.Second {
			r.breaks &= 1
		}
		r.breaks, r.paused, b = r.breaks+1, now, b[2:]
		if 2*r.breaks > r.framer.MaxHeader {
			return b, wire.ErrFrame
		}
		if r.breaks%2 == 0 {
			if err := r.stream.push(nil, []byte("\r\n")); err != nil {
				return b, err
			}
		}
	}
	return b, nil
}
