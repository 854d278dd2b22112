package sipagent

import (
	"container/list"
	"context"

	"github.com/emiago/sipgo/sip"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// setup is one call being set up: the response context of RFC 3261 section
// 16.7. A re-INVITE between a stream and UDP has one as well.
type setup struct {
	transaction               // sent is nil once a 2xx has passed
	source      *source       // of the INVITE; nil for a re-INVITE, which is no new call, and once it lingers
	msg         *wire.Message // the INVITE as received; nil once a 2xx has passed
	via         wire.ViaValue // its topmost Via
	caller      []byte        // value of the caller's own From, if it was labelled

	server ist
	fork
	failover

	came      instant           // the INVITE
	reason    []byte            // Reason headers of the caller's CANCEL
	left      screening.Party   // who gave the call up before it was answered: the caller by CANCEL, we for ringing too long; empty: nobody
	rang      instant           // when a phone began to ring; zero: none did
	outcome   outcome           // what was decided
	untold    *screening.Ending // the end of a call that is not decided yet; nil: it has not ended, or that was told
	round     string            // counted in rounds; empty: not
	less      thrift            // what is left out of what we add, so that it fits
	hurried   bool              // its source is over its limits: no lookup
	giveUp    instant           // when the caller gets an answer, whoever else does not give one
	stopQuery context.CancelFunc

	lingering bool
	inLine    *list.Element // of those who linger; the agent's lock guards it
}

// find returns the call of a token, or nil.
func (a *Agent) find(t token) *setup {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.setups[t]
}

// invite handles an INVITE without a To tag: a retransmission, or a new call.
func (w *work) invite() {
	if s := w.find(w.tok); s != nil {
		w.again(inviteCame)
		s.again(w)
		return
	}
	if status, extra := w.refusal(); status != 0 {
		w.reply(status, extra)
		return
	}
	req := w.parse()
	if req == nil {
		w.reply(400, nil)
		return
	}
	s := w.newSetup()
	if s == nil {
		w.full.Add(1)
		w.reply(w.peer.sorry(w.limits.FullStatus), nil)
		if w.peer.trunk {
			w.recordFull(newCall(&w.msg, req.Recipient, w.peer, w.at))
		}
		return
	}
	s.mu.Lock()
	defer s.unlock()
	s.begins(w)
	if w.peer.trunk {
		s.outcome = outcomeUndecided
		c := newCall(s.msg, req.Recipient, w.peer, w.at)
		if w.peer.turns && s.comesRound(w, c) {
			return
		}
		s.screen(w, c)
		return
	}
	s.forward(w, nil)
	if s.to.link != nil && w.dialer != nil {
		w.dialer.Dialed(s.to.peer.name, called(req.Recipient), w.at)
	}
}

// parse reads the start line with sipgo; nil if it is not valid. What is needed
// of the headers is read where it stands, and the body is never opened.
func (w *work) parse() *sip.Request {
	start := len(w.text)
	w.text = append(append(w.text, w.msg.Raw[:w.msg.Headers[0].Line.Start]...), "\r\n"...)
	msg, err := w.parser.ParseSIP(w.text[start:])
	w.text = w.text[:start]
	if err != nil {
		return nil
	}
	req, _ := msg.(*sip.Request)
	return req
}

// newSetup enters the call that is being handled in the table; nil if that is full.
func (w *work) newSetup() *setup {
	s := &setup{
		transaction: w.begin(), msg: w.msg.Clone(), via: w.via,
		server: ist{timers: &w.timers, stream: w.in.transport.reliable()}, fork: w.newFork(),
		came: w.now(),
	}
	s.giveUp = s.came.Add(64 * w.timers.T1)
	s.alarm.whose = s
	if !w.admit(s) {
		return nil
	}
	return s
}

// forward sends the INVITE on: with its label, to where it was diverted, or as
// it came. To a trunk that asks it says so instead. d is nil for calls that are not screened.
func (s *setup) forward(w *work, d *screening.Decision) {
	if s.from.goOn != 0 {
		s.redirect(w, d)
		return
	}
	m := s.msg
	to, ok := w.nextHop(m)
	if !ok {
		s.respond(w, 404, "", nil)
		return
	}
	if w.barred(m, to) {
		s.respond(w, s.unreachable(), "", nil)
		return
	}
	s.giveUp = 0
	s.remember(to, d)
	if s.sendTo(w, to, d) != nil {
		s.undelivered(w, false)
	}
}

// sendTo sends the INVITE. Its edits for a next hop have been made.
func (s *setup) sendTo(w *work, to hop, d *screening.Decision) error {
	s.to, s.less = to, wholly
	s.sent = s.passOn(w, to, d)
	length := len(s.sent)
	s.fit(w, to, d)
	if w.takesTCP(to, length) {
		s.spare, s.to.link, s.less = s.sent, to.tcp, wholly
		w.nextHop(s.msg) // for its edits
		s.sent = s.passOn(w, s.to, d)
	}
	s.start(w)
	return s.transmit(s)
}

// passOn makes the INVITE that leaves.
func (s *setup) passOn(w *work, to hop, d *screening.Decision) []byte {
	m := s.msg
	w.countHop(m)
	w.strip(m, s.from)
	w.tellSource(m, s.from, s.src)
	if d != nil {
		s.act(w, d)
	}
	w.pushVia(m, s.via, s.src, to.link, s.branch(to))
	if m.ToTag.Empty() {
		if s.from.trunk && w.mark == nil {
			w.mark = append(w.mark, markScreened...)
		}
		w.recordRoute(m, s.from.by(s.in.transport), to.link)
	}
	return append([]byte(nil), w.splice(m.Raw)...)
}

// start starts the client transaction.
func (s *setup) start(w *work) {
	stream := s.to.socket.transport.reliable()
	s.client.stream, s.bye.stream = stream, stream
	s.client.start(w.now())
	s.hasten(w.now())
}

// lost is told that the connection ended before an answer came.
func (s *setup) lost(opened bool) {
	w, done := s.agent.borrow(&s.transaction)
	defer done()
	s.mu.Lock()
	defer s.unlock()
	if s.lostAside(); s.client.state == calling && s.waiting != nil && s.waiting.dead() {
		s.undelivered(w, opened)
	}
}

// undelivered sends the INVITE another way, or else answers it.
func (s *setup) undelivered(w *work, opened bool) {
	if s.retry(s, opened) {
		s.start(w)
		return
	}
	s.client.fail()
	s.ails(failedRefused, 0)
	s.goOn(w, failedRefused)
}

// unreachable is the status of a call whose next hop is not there. In a dialog
// it must not be one that ends the dialog (RFC 5057).
func (s *setup) unreachable() int {
	if s.msg.ToTag.Empty() {
		return s.from.sorry(s.agent.failover.Status)
	}
	return 500
}

func (s *setup) branch(to hop) branch {
	return branch{kind: kindSetup, in: s.in.index, target: to.index(), loop: loopOf(s.msg, s.in.index, s.from.trunk), token: s.token}
}

// respond sends an answer of ours to the caller.
func (s *setup) respond(w *work, status int, phrase string, extra []header) {
	tag := ""
	if status > 100 {
		tag = w.tag(s.token)
	}
	src := w.src
	w.src = s.src
	b := w.answer(s.msg, s.via, status, phrase, tag, extra)
	w.src = src
	s.deliver(w, status, b, screening.PartyProxy)
}

// deliver sends an answer to the caller, ours or the callee's: from says whose. b
// is kept.
func (s *setup) deliver(w *work, status int, b []byte, from screening.Party) {
	first := s.server.state == proceeding && status >= 200
	if s.server.answer(w.now(), status)&doSend == 0 && status/100 != 2 {
		return
	}
	if first && s.msg.ToTag.Empty() { // a call
		s.endRound()
		w.outcomes[s.outcome][status].Add(1)
		s.answeredFinally(w, status, from)
	}
	switch {
	case status/100 != 2:
		s.last = b
	case s.server.state == accepted: // further 2xx bring all they need
		s.msg, s.sent, s.last = nil, nil, nil
	}
	_ = w.send(s.reply, b) // counted
}

// again answers a retransmitted INVITE.
func (s *setup) again(w *work) {
	s.mu.Lock()
	defer s.unlock()
	do := s.server.invite()
	if do&doSend != 0 {
		_ = w.send(s.reply, s.last) // counted
	}
	if do&doTry != 0 {
		s.trying(w)
	}
}

// begins starts the server transaction.
func (s *setup) begins(w *work) {
	if s.server.start(s.came)&doTry != 0 {
		s.trying(w)
	}
}

// trying tells the caller that we have the INVITE, which nobody has answered yet.
func (s *setup) trying(w *work) {
	s.respond(w, 100, "", timestamp(s.msg, w.now().Sub(s.came)))
}

// acknowledged handles an ACK, and reports whether it ends here: that of a
// refusal does, that of a 2xx goes on.
func (s *setup) acknowledged(w *work) bool {
	s.mu.Lock()
	defer s.unlock()
	return s.server.ack(w.now())
}

// answered handles an answer to the INVITE or to our CANCEL.
// index is that of the place which gave it.
func (s *setup) answered(w *work, index byte) {
	s.mu.Lock()
	defer s.unlock()
	m := &w.msg
	if !s.turnTo(w, index) {
		return
	}
	if m.Answers("CANCEL") {
		_ = s.bye.answer(w.now(), m.Status) // ends here
		return
	}
	if !m.Answers("INVITE") {
		w.drop(dropUnproven)
		return
	}
	s.release(s)
	if s.client.state == accepted || s.client.state == completed {
		w.again(answerCame)
	}
	s.agent.heard(s.to.place, m.Status)
	do := s.client.answer(w.now(), m.Status)
	if m.Status >= 200 {
		s.giveUp = 0
	}
	if do&doAck != 0 {
		s.acknowledge(w)
	}
	if do&doPass != 0 && s.turnedAway(w) {
		return
	}
	s.settled()
	if do&doPass != 0 || m.Status/100 == 2 {
		s.pass(w)
	}
	if s.left != "" && s.client.state == proceeding && s.bye.state == idle {
		s.sendCancel(w)
	}
}

// pass hands an answer of the callee on to the caller, who gets back the From
// and To that it sent.
func (s *setup) pass(w *work) {
	m := &w.msg
	top, _, _ := wire.ReadVia(m.Raw, m.First(wire.Via).Value)
	if _, ok := w.popVia(m); !ok {
		w.drop(dropUnproven)
		return
	}
	if s.caller != nil {
		w.edit(m.First(wire.From).Value, s.caller)
	} else {
		w.restore(m, top)
	}
	w.strip(m, w.peer)
	out := w.splice(m.Raw)
	if m.Status/100 != 2 {
		out = append([]byte(nil), out...)
	}
	s.rings(w.now(), m.Status)
	s.deliver(w, m.Status, out, screening.PartyCallee)
}

// acknowledge sends the ACK of the callee's refusal (RFC 3261 section 17.1.1.3).
func (s *setup) acknowledge(w *work) {
	if s.ack == nil {
		s.ack = s.follow(w, "ACK", w.msg.Value(wire.To), nil)
	}
	_ = w.send(s.to.way(), s.ack) // counted
}

// scanSent reads the INVITE as it left into w.tmp and returns its To.
func (s *setup) scanSent(w *work) (to []byte, ok bool) {
	if s.sent == nil || w.tmp.Scan(s.sent) != nil {
		return nil, false
	}
	return w.tmp.Value(wire.To), true
}

// follow makes the request of a method that belongs to the INVITE as it left:
// its ACK or CANCEL, with our Via alone and everything else the same.
func (s *setup) follow(w *work, method string, to, extra []byte) []byte {
	if _, ok := s.scanSent(w); !ok {
		return nil
	}
	m := &w.tmp
	b := make([]byte, 0, 512)
	b = append(append(append(append(b, method...), ' '), m.URI.Of(m.Raw)...), " SIP/2.0\r\n"...)
	b = append(b, m.First(wire.Via).Line.Of(m.Raw)...)
	for i := range m.Headers {
		if m.Headers[i].Kind == wire.Route {
			b = append(b, m.Headers[i].Line.Of(m.Raw)...)
		}
	}
	b = append(b, "Max-Forwards: 70\r\n"...)
	b = append(b, m.First(wire.From).Line.Of(m.Raw)...)
	b = append(append(append(b, "To: "...), to...), "\r\n"...)
	b = append(b, m.First(wire.CallID).Line.Of(m.Raw)...)
	b = append(append(b, "CSeq: "...), itoa(m.CSeq)...)
	b = append(append(append(b, ' '), method...), "\r\n"...)
	b = append(b, extra...)
	return append(b, "Content-Length: 0\r\n\r\n"...)
}
