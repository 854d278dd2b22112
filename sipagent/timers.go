package sipagent

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"callscreen/screening"
)

// borrow gives a work to whoever handles a request outside a reading goroutine;
// done takes it back and ends a panic, so it is to be deferred.
func (a *Agent) borrow(t *transaction) (w *work, done func()) {
	w = a.works.Get().(*work)
	w.at, w.in, w.stream, w.peer, w.src, w.tok = time.Now(), t.in, t.reply.stream, t.from, t.src, t.token
	w.forgetEdits()
	return w, func() {
		if v := recover(); v != nil {
			a.reportPanic(v)
			return // and w with it
		}
		a.works.Put(w)
	}
}

// unlock arms the timer for what is next and releases the call; a call with
// nothing left to do is forgotten.
func (s *setup) unlock() {
	next := earliest(s.server.next(), s.client.next(), s.bye.next(), s.giveUp, s.nextAside())
	if s.over() {
		s.forget()
	} else {
		if s.lingers() {
			s.linger()
		}
		s.arm(next)
	}
	s.mu.Unlock()
}

// over reports whether nothing of the call is left to wait for.
func (s *setup) over() bool {
	return s.server.state == terminated && s.client.next().IsZero() && s.bye.next().IsZero() && s.nextAside().IsZero()
}

func (s *setup) forget() {
	s.agent.clock.drop(&s.alarm)
	s.release(s)
	s.releaseAside()
	s.endRound()
	s.agent.mu.Lock()
	defer s.agent.mu.Unlock()
	if s.agent.setups[s.token] == s {
		delete(s.agent.setups, s.token)
		s.leaveSource()
	}
	if s.inLine != nil {
		s.agent.line.Remove(s.inLine)
		s.inLine = nil
	}
}

// fire does whatever is due by now.
func (s *setup) fire() {
	w, done := s.agent.borrow(&s.transaction)
	defer done()
	s.mu.Lock()
	defer s.unlock()
	s.armed = 0
	now := w.now()
	s.tickAside(w, now)
	s.tickClient(w, now)
	if s.bye.tick(now)&doSend != 0 {
		w.again(cancelLeft)
		_ = w.send(s.to.way(), s.cancel) // counted
	}
	if due(s.giveUp, now) {
		s.giveUp = 0
		s.client.fail()
		s.timeOut(w)
	}
	do := s.server.tick(now)
	if do&doSend != 0 {
		w.again(answerLeft)
		_ = w.send(s.reply, s.last) // counted
	}
	if do&doTry != 0 {
		s.trying(w)
	}
}

func (s *setup) tickClient(w *work, now instant) {
	do := s.client.tick(now)
	if do&doSend != 0 {
		w.again(inviteLeft)
		_ = w.send(s.to.way(), s.sent) // counted
	}
	if do&doCancel != 0 && s.bye.state == idle {
		s.left = screening.PartyProxy
		s.sendCancel(w)
	}
	if do&doNext != 0 {
		s.next()
	}
	if do&doTimeout != 0 {
		s.silent(w)
	}
}

// timeOut answers the caller in place of whoever has not.
func (s *setup) timeOut(w *work) {
	if s.stopQuery != nil {
		s.stopQuery()
	}
	status := s.from.sorry(408)
	if s.left != "" {
		status = 487
	}
	if s.server.state == proceeding {
		s.respond(w, status, "", nil)
	}
}

// Open returns how many calls are being set up: nobody has answered them yet.
func (a *Agent) Open() int { return open(a.all()) }

func open(all []*setup) (n int) {
	for _, s := range all {
		s.mu.Lock()
		if s.server.state == proceeding {
			n++
		}
		s.mu.Unlock()
	}
	return n
}

func (a *Agent) all() []*setup {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*setup, 0, len(a.setups))
	for _, s := range a.setups {
		all = append(all, s)
	}
	return all
}

// stopQueries ends the waiting for lookups.
func (a *Agent) stopQueries() {
	for _, s := range a.all() {
		s.mu.Lock()
		if s.stopQuery != nil {
			s.stopQuery()
		}
		s.mu.Unlock()
	}
}

// endSetups ends whatever is left: no timer of it runs on.
func (a *Agent) endSetups() {
	for _, s := range a.all() {
		s.mu.Lock()
		s.end()
		s.unlock()
	}
	a.mu.Lock()
	left := slices.Collect(maps.Values(a.exchanges))
	a.mu.Unlock()
	for _, x := range left {
		x.mu.Lock()
		x.client.fail()
		x.server.j = 0
		x.unlock()
	}
}

func itoa(n uint32) string { return strconv.FormatUint(uint64(n), 10) }
