package sipagent

import "time"

// todo is what a state machine wants done. Several can be wanted at once.
type todo uint8

const (
	doSend    todo = 1 << iota // send the request or the last answer (again)
	doTry                      // say 100 Trying
	doPass                     // hand the answer on
	doAck                      // acknowledge a refusal
	doTimeout                  // nobody answered
	doCancel                   // it rang for too long
	doNext                     // it is time to try another place
	doEnd                      // the transaction is over
)

// txState is a state of RFC 3261 section 17 and RFC 6026.
type txState uint8

const (
	idle       txState = iota
	calling            // INVITE sent, or CANCEL (Trying)
	proceeding         // a provisional answer has been seen or sent
	accepted           // 2xx: further ones pass (RFC 6026)
	completed          // a refusal, or any final answer of a CANCEL
	confirmed          // the refusal has been acknowledged
	terminated
)

// ist is the INVITE server transaction of RFC 3261 section 17.2.1 with RFC 6026.
// It is told what happens and says what to do; it sends nothing.
type ist struct {
	timers *Timers
	stream bool // the transport is reliable
	state  txState
	try    instant // say 100 Trying; zero once anything has been said
	g, h   instant // retransmit the refusal; give up waiting for its ACK
	i, l   instant // linger for more ACKs; for more 2xx
	every  time.Duration
}

// start begins with an INVITE.
func (t *ist) start(now instant) todo {
	t.state, t.try = proceeding, now.Add(t.timers.Trying)
	return t.tick(now)
}

// invite is a retransmitted INVITE.
func (t *ist) invite() todo {
	switch {
	case t.state == proceeding && !t.try.IsZero():
		return doTry
	case t.state == proceeding, t.state == completed:
		return doSend
	}
	return 0
}

// answer is an answer on its way to the caller.
func (t *ist) answer(now instant, status int) todo {
	t.try = 0
	switch {
	case t.state == accepted && status/100 == 2:
		return doSend
	case t.state != proceeding:
		return 0
	case status < 200:
		return doSend
	case status < 300:
		t.state, t.l = accepted, now.Add(64*t.timers.T1)
	default:
		t.state, t.every = completed, t.timers.T1
		if t.h = now.Add(64 * t.timers.T1); !t.stream {
			t.g = now.Add(t.every)
		}
	}
	return doSend
}

// ack is an ACK of the caller, and reports whether it was meant for us.
func (t *ist) ack(now instant) bool {
	if t.state == completed {
		t.state = confirmed
		t.g, t.h, t.i = 0, 0, now
		if !t.stream {
			t.i = now.Add(t.timers.T4)
		}
	}
	return t.state == confirmed
}

// tick looks at the timers.
func (t *ist) tick(now instant) todo {
	switch {
	case due(t.try, now):
		t.try = 0
		return doTry
	case due(t.h, now), due(t.i, now), due(t.l, now):
		*t = ist{timers: t.timers, stream: t.stream, state: terminated}
		return doEnd
	case due(t.g, now):
		t.every = min(2*t.every, t.timers.T2)
		t.g = now.Add(t.every)
		return doSend
	}
	return 0
}

func (t *ist) next() instant { return earliest(t.try, t.g, t.h, t.i, t.l) }

// nist is the non-INVITE server transaction of RFC 3261 section 17.2.2. It never
// answers by itself (RFC 4320).
type nist struct {
	timers *Timers
	stream bool // the transport is reliable
	state  txState
	j      instant // linger for more requests
}

// request is a retransmitted request.
func (t *nist) request() todo {
	if t.state == proceeding || t.state == completed {
		return doSend
	}
	return 0
}

// answer is an answer on its way to the sender.
func (t *nist) answer(now instant, status int) todo {
	switch {
	case t.state != calling && t.state != proceeding:
		return 0
	case status < 200:
		t.state = proceeding
	default:
		t.state, t.j = completed, now
		if !t.stream {
			t.j = now.Add(64 * t.timers.T1)
		}
	}
	return doSend
}

func (t *nist) next() instant { return t.j }

// tick looks at the timer.
func (t *nist) tick(now instant) {
	if due(t.j, now) {
		*t = nist{timers: t.timers, stream: t.stream, state: terminated}
	}
}
