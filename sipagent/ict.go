package sipagent

import "time"

// ict is the INVITE client transaction of RFC 3261 section 17.1.1 with RFC 6026
// and timer C of section 16. It sends nothing itself.
type ict struct {
	timers *Timers
	stream bool // the transport is reliable
	state  txState
	a, b   instant // retransmit the INVITE; give up
	c      instant // longest a call may ring
	p      instant // try another place, if there is one: nothing has come
	d, m   instant // linger for more refusals; for more 2xx
	every  time.Duration
}

// start sends the INVITE.
func (t *ict) start(now instant) todo {
	t.state, t.every = calling, t.timers.T1
	if t.b, t.c = now.Add(64*t.timers.T1), now.Add(t.timers.C); !t.stream {
		t.a = now.Add(t.every)
	}
	return doSend
}

// answer is an answer of the callee.
func (t *ict) answer(now instant, status int) todo {
	switch {
	case t.state == completed && status >= 300:
		return doAck
	case t.state == accepted && status/100 == 2:
		return doPass
	case t.state != calling && t.state != proceeding:
		return 0
	}
	t.quiet()
	switch {
	case status == 100:
		t.state = proceeding
		return 0
	case status < 200:
		t.state, t.c = proceeding, now.Add(t.timers.C)
		return doPass
	case status < 300:
		t.state, t.c, t.m = accepted, 0, now.Add(64*t.timers.T1)
		return doPass
	}
	t.state, t.c, t.d = completed, 0, now
	if !t.stream {
		t.d = now.Add(max(64*t.timers.T1, 32*time.Second))
	}
	return doPass | doAck
}

// quiet ends the waiting for a first answer. If one comes, it is one all the same.
func (t *ict) quiet() { t.a, t.b, t.p = 0, 0, 0 }

// fail ends the transaction: the INVITE could not be sent.
func (t *ict) fail() { *t = ict{timers: t.timers, stream: t.stream, state: terminated} }

// tick looks at the timers.
func (t *ict) tick(now instant) todo {
	switch {
	case due(t.b, now):
		t.fail()
		return doTimeout | doEnd
	case due(t.c, now) && t.state == calling:
		t.fail()
		return doTimeout | doEnd
	case due(t.c, now):
		t.c = 0
		return doCancel
	case due(t.d, now), due(t.m, now):
		t.fail()
		return doEnd
	case due(t.p, now):
		t.p = 0
		return doNext
	case due(t.a, now):
		t.every *= 2
		t.a = now.Add(t.every)
		return doSend
	}
	return 0
}

func (t *ict) next() instant { return earliest(t.a, t.b, t.c, t.p, t.d, t.m) }

// nict is the non-INVITE client transaction of RFC 3261 section 17.1.2. Our own
// CANCEL is one.
type nict struct {
	timers  *Timers
	stream  bool // the transport is reliable
	state   txState
	e, f, k instant // retransmit; give up; linger
	every   time.Duration
}

// start sends the request.
func (t *nict) start(now instant) todo {
	t.state, t.every = calling, t.timers.T1
	if t.f = now.Add(64 * t.timers.T1); !t.stream {
		t.e = now.Add(t.every)
	}
	return doSend
}

// answer is an answer to the request.
func (t *nict) answer(now instant, status int) todo {
	switch {
	case t.state != calling && t.state != proceeding:
		return 0
	case status == 100:
		t.state = proceeding
		return 0
	case status < 200:
		t.state = proceeding
		return doPass
	}
	t.state, t.e, t.f, t.k = completed, 0, 0, now
	if !t.stream {
		t.k = now.Add(t.timers.T4)
	}
	return doPass
}

// fail ends the transaction: the request could not be sent.
func (t *nict) fail() { *t = nict{timers: t.timers, stream: t.stream, state: terminated} }

// tick looks at the timers.
func (t *nict) tick(now instant) todo {
	switch {
	case due(t.f, now), due(t.k, now):
		t.fail()
		return doEnd
	case due(t.e, now):
		t.every = min(2*t.every, t.timers.T2)
		if t.state == proceeding {
			t.every = t.timers.T2
		}
		t.e = now.Add(t.every)
		return doSend
	}
	return 0
}

func (t *nict) next() instant { return earliest(t.e, t.f, t.k) }
