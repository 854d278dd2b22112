package sipagent

import (
	"callscreen/sipagent/wire"
)

// exchange is a request other than INVITE between a stream and UDP, or to a stream
// that is not open yet, with its server and its client transaction (RFC 3261
// section 17): only one of the two sides sends again what gets lost.
type exchange struct {
	transaction
	server nist
	client nict
	sorry  []byte // our answer if no connection can be opened
}

// exchange keeps and sends the request that is being handled. It reports false
// when the table is full.
func (w *work) exchange(to hop, out, spare []byte) bool {
	x := &exchange{
		transaction: w.begin(),
		server:      nist{timers: &w.timers, stream: w.in.transport.reliable(), state: calling},
		client:      nict{timers: &w.timers, stream: to.socket.transport.reliable()},
	}
	x.alarm.whose = x
	x.to, x.sent, x.spare = to, append([]byte(nil), out...), spare
	if x.client.stream {
		x.sorry = w.answer(&w.msg, w.via, 500, "", w.tag(w.tok), nil)
	}
	if !w.enter(x) {
		return false
	}
	x.mu.Lock()
	defer x.unlock()
	x.client.start(w.now())
	if x.transmit(x) != nil {
		x.undelivered(false)
	}
	return true
}

// enter notes an exchange, unless there are too many.
func (a *Agent) enter(x *exchange) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.exchanges) >= a.limits.Setups {
		return false
	}
	a.exchanges[x.token] = x
	return true
}

// exchangeOf returns the exchange of a token, or nil.
func (a *Agent) exchangeOf(t token) *exchange {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.exchanges[t]
}

// crossing returns the exchange that an answer with our branch b belongs to, or nil.
func (a *Agent) crossing(b branch) *exchange {
	if b.kind != kindCross {
		return nil
	}
	return a.exchangeOf(b.token)
}

// resumed reports whether the request is one that is kept, come again.
func (w *work) resumed() bool {
	m := &w.msg
	if !w.bridges || m.Is("ACK") || m.Is("CANCEL") {
		return false
	}
	if m.Is("INVITE") {
		s := w.find(w.tok)
		if s != nil {
			w.again(inviteCame)
			s.again(w)
		}
		return s != nil
	}
	x := w.exchangeOf(w.tok)
	if x != nil {
		x.again()
	}
	return x != nil
}

// again answers a retransmitted request.
func (x *exchange) again() {
	x.mu.Lock()
	defer x.unlock()
	if x.server.request()&doSend != 0 && x.last != nil {
		_ = x.agent.send(x.reply, x.last) // counted
	}
}

// answered handles an answer to the request.
func (x *exchange) answered(w *work) {
	x.mu.Lock()
	defer x.unlock()
	x.release(x)
	m := &w.msg
	if x.client.answer(w.now(), m.Status)&doPass == 0 {
		return
	}
	top, _, _ := wire.ReadVia(m.Raw, m.First(wire.Via).Value)
	if _, ok := w.popVia(m); !ok {
		w.drop(dropUnproven)
		return
	}
	w.restore(m, top)
	w.strip(m, w.peer)
	x.deliver(m.Status, append([]byte(nil), w.splice(m.Raw)...))
}

// deliver sends an answer back. b is kept.
func (x *exchange) deliver(status int, b []byte) {
	if x.server.answer(now(), status)&doSend != 0 {
		x.last = b
		_ = x.agent.send(x.reply, b) // counted
	}
}

// lost is told that the connection ended before an answer came.
func (x *exchange) lost(opened bool) {
	defer x.agent.recovered()
	x.mu.Lock()
	defer x.unlock()
	if x.client.state == calling {
		x.undelivered(opened)
	}
}

// undelivered sends the request another way, or else answers it.
func (x *exchange) undelivered(opened bool) {
	if x.retry(x, opened) {
		x.client.stream = x.to.socket.transport.reliable()
		x.client.start(now())
		return
	}
	x.client.fail()
	if x.sorry != nil {
		x.deliver(500, x.sorry)
	}
}

// fire is the timer: it does whatever is due by now. A request that nobody
// answers ends in silence (RFC 4320).
func (x *exchange) fire() {
	defer x.agent.recovered()
	x.mu.Lock()
	defer x.unlock()
	x.armed = 0
	now := now()
	if x.client.tick(now)&doSend != 0 {
		_ = x.agent.send(x.to.way(), x.sent) // counted
	}
	x.server.tick(now)
}

// unlock arms the timer for what is next and releases the exchange; with nothing
// left to do it is forgotten.
func (x *exchange) unlock() {
	next := earliest(x.server.next(), x.client.next())
	if next.IsZero() {
		x.agent.clock.drop(&x.alarm)
		x.release(x)
		x.agent.leave(x)
	} else {
		x.arm(next)
	}
	x.mu.Unlock()
}

func (a *Agent) leave(x *exchange) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.exchanges[x.token] == x {
		delete(a.exchanges, x.token)
	}
}

// crosses reports whether a request has to be kept till it is answered: it goes
// from a stream to UDP or the other way, where it or its answer could get lost, or
// from a stream to one that may not come about.
func (w *work) crosses(m *wire.Message, to hop) bool {
	if m.Is("ACK") || m.Is("CANCEL") {
		return false
	}
	out := to.socket.transport.reliable()
	return w.in.transport.reliable() != out || out && !to.socket.streams.reaches(to.addr)
}
