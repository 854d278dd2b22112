package sipagent

import (
	"net/netip"
	"sync"
	"time"
)

// transaction is what we keep of a request in progress. One lock guards all of
// it; whoever holds it sends what is to be sent, so that messages of one request
// leave in order.
type transaction struct {
	agent *Agent
	token token
	in    *socket // that the request came in by
	from  *peer
	src   netip.AddrPort // where the request came from
	reply way            // where its answers go

	mu sync.Mutex
	leg
	last  []byte // the last answer that went back
	alarm alarm
	armed instant // when the alarm rings; zero when it does not
}

// leg is the way of a request to where it goes.
type leg struct {
	to      hop
	sent    []byte  // the request as it left
	spare   []byte  // the request for UDP, if it went over TCP for its length
	waiting *stream // that will tell if it ends before there is an answer
	retried bool    // sent once more, since its connection was cut

	cameBack int // how often nobody took it
}

// begin returns the transaction of the request that is being handled.
func (w *work) begin() transaction {
	return transaction{agent: w.Agent, token: w.tok, in: w.in, from: w.peer, src: w.src, reply: w.back()}
}

// transmit sends the request.
func (t *transaction) transmit(who waiter) (err error) {
	t.waiting, err = t.agent.sendFor(who, t.to.way(), t.sent)
	return err
}

// release ends the wait for the connection: it has brought an answer.
func (l *leg) release(who waiter) {
	if l.waiting != nil {
		l.waiting.release(who)
		l.waiting = nil
	}
}

// tcpRest is how long TCP is not tried for long requests, once it was refused.
const tcpRest = 10 * time.Minute

// retry sends a request that its connection did not deliver once more: by UDP
// if TCP was our own choice (RFC 3261 section 18.1.1), on a new connection if
// one that had been open was cut.
func (t *transaction) retry(who waiter, opened bool) bool {
	switch {
	case t.spare != nil && !opened:
		t.to.peer.noTCP.Store(time.Now().Add(tcpRest).Unix())
		t.to.link = t.to.overUDP()
		t.sent, t.spare = t.spare, nil
	case opened && !t.retried:
		t.retried = true
	default:
		return false
	}
	return t.transmit(who) == nil
}

// takesTCP reports whether a request that is too long for UDP shall be tried
// over TCP.
func (w *work) takesTCP(to hop, length int) bool {
	return to.tcp != nil && length > w.limits.UDPBytes && to.peer.noTCP.Load() < w.at.Unix()
}

// arm makes the alarm ring no later than next; zero changes nothing.
func (t *transaction) arm(next instant) {
	if !next.IsZero() && (t.armed.IsZero() || next.Before(t.armed)) {
		t.armed = next
		t.agent.clock.set(&t.alarm, next)
	}
}
