package sipagent

import (
	"fmt"
	"slices"
	"time"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// Failover says what becomes of a call whose target does not take it. Zero takes
// the default.
type Failover struct {
	After  time.Duration // how long a target may say nothing before the next one is tried too; default 3s
	Status int           // what the caller gets when no target takes the call; default 480
}

// FailoverStatuses are those that Failover.Status may be.
func FailoverStatuses() []int { return []int{404, 408, 480, 486, 500, 502, 503, 504} }

// check reports what is wrong.
func (f Failover) check() error {
	if !slices.Contains(FailoverStatuses(), f.Status) {
		return fmt.Errorf("sipagent: status %d for calls that no target takes: %v are possible", f.Status, FailoverStatuses())
	}
	return nil
}

// fork is what we keep of a call at one place, beside the leg there.
type fork struct {
	ack    []byte // for the callee's refusal
	cancel []byte // our CANCEL
	client ict
	bye    nict // the transaction of our CANCEL
}

func (w *work) newFork() fork {
	return fork{client: ict{timers: &w.timers}, bye: nict{timers: &w.timers}}
}

// aside is a place that a call was sent to before the one that it is at now.
type aside struct {
	leg
	fork
}

// failover is what a call keeps to be sent to another place. A place that only
// has been slow stays in play until one of them has answered: failing over takes
// nothing away from the first.
type failover struct {
	aside    []aside
	tried    places
	decision *screening.Decision // nil for calls that are not screened, and where there is no other place
	until    instant             // when nobody will answer any more
}

// failure is why a call did not stay at a place.
type failure uint8

const (
	failedRefused failure = iota // nothing can be sent there, or nobody listens
	failedSilent                 // no answer in time
	failedBusy                   // 503

	failures
)

var failureNames = [failures]string{"refused", "silent", "busy"}

// remember notes what the INVITE is made of, should it have to be made again.
func (s *setup) remember(to hop, d *screening.Decision) {
	s.to = to
	if to.place == nil {
		return
	}
	s.tried = s.tried.with(to.place)
	s.agent.taken(to.place)
	s.until = now().Add(64 * s.agent.timers.T1)
	if d != nil && s.nextPlace() != nil {
		kept := *d
		s.decision = &kept
	}
}

// nextPlace is where the call can still be sent; nil: nowhere. Requests of a
// dialog stay where they belong.
func (s *setup) nextPlace() *place {
	if s.to.place == nil || !s.msg.ToTag.Empty() {
		return nil
	}
	by := s.to.peer.by(s.in.transport).socket.transport
	return s.to.peer.roster.Load().choose(by, s.tried, s.token.seed())
}

// hasten shortens the waiting for a first answer where there is another place,
// and lets it end with that for the first.
func (s *setup) hasten(now instant) {
	if s.to.place == nil || !s.msg.ToTag.Empty() {
		return
	}
	if s.nextPlace() != nil {
		s.client.p = now.Add(s.agent.failover.After)
	}
	if s.until.Before(s.client.b) {
		s.client.b = s.until
	}
}

// another sends the call to the next place and puts the one before aside. It
// reports whether there is one.
func (s *setup) another(why failure) bool {
	w, done := s.agent.borrow(&s.transaction)
	defer done()
	for x := s.nextPlace(); x != nil; x = s.nextPlace() {
		s.tried = s.tried.with(x)
		s.agent.taken(x)
		to := s.to.to(x)
		w.forgetEdits()
		w.nextHop(s.msg) // for its edits
		if w.barred(s.msg, to) {
			continue
		}
		w.failedOver[why].Add(1)
		w.log.Warn().Str("call", string(s.msg.Value(wire.CallID))).Str("trunk", to.peer.name).Str("to", to.addr.String()).
			Str("err", s.to.addr.String()+": "+failureNames[why]).Msg("call goes to another target")
		s.aside = append(s.aside, aside{s.leg, s.fork})
		s.leg, s.fork = leg{}, w.newFork()
		if s.sendTo(w, to, s.decision) == nil {
			return true
		}
		s.client.fail()
		why = failedRefused
		s.ails(why, 0)
	}
	w.forgetEdits()
	return false
}

// next is the time to try another place while this one may still answer.
func (s *setup) next() {
	s.ails(failedSilent, 0)
	if s.left == "" {
		_ = s.another(failedSilent) // else there is still this one
	}
}

// flee sends a call that rings at a place which has died to another one, if that
// is up. The place before is told, should it live after all.
func (s *setup) flee(from *place, why failure) {
	w, done := s.agent.borrow(&s.transaction)
	defer done()
	s.mu.Lock()
	defer s.unlock()
	if s.to.place != from || s.server.state != proceeding || s.client.state != proceeding || s.left != "" {
		return
	}
	if x := s.nextPlace(); x == nil || x.now().down || !s.another(why) {
		return
	}
	for i := range s.aside {
		s.endAside(w, i, "")
	}
}

// silent is the end of waiting for a first answer.
func (s *setup) silent(w *work) {
	s.ails(failedSilent, 0)
	if s.left != "" || !s.msg.ToTag.Empty() {
		s.timeOut(w)
		return
	}
	s.goOn(w, failedSilent)
}

// goOn is what happens when the place where the call is does not take it: it goes
// to another, or waits for one that has not answered yet, or ends.
func (s *setup) goOn(w *work, why failure) {
	if s.server.state != proceeding || s.left == "" && s.another(why) || s.backToSilent() {
		return
	}
	s.nobody(w)
}

// nobody tells the caller that no place takes the call.
func (s *setup) nobody(w *work) {
	status := s.unreachable()
	if s.left != "" {
		status = 487
	}
	s.respond(w, status, "", nil)
}

// backToSilent makes a place aside that has not answered yet the one to wait for.
func (s *setup) backToSilent() bool {
	i := slices.IndexFunc(s.aside, func(a aside) bool { return a.client.state == calling })
	if i >= 0 {
		s.swap(i)
	}
	return i >= 0
}

// swap changes the place where the call is with one aside.
func (s *setup) swap(i int) {
	a := &s.aside[i]
	s.leg, a.leg = a.leg, s.leg
	s.fork, a.fork = a.fork, s.fork
}

// turnedAway handles a 503, and reports whether that was all: the call goes on
// elsewhere, or a trunk's caller gets a status of ours, since a 503 would take us
// out of its carrier's service (RFC 3261 section 16.7).
func (s *setup) turnedAway(w *work) bool {
	if w.msg.Status != 503 || !s.msg.ToTag.Empty() {
		return false
	}
	if wait := retryAfter(&w.msg); wait > 0 {
		s.ails(failedBusy, wait)
	}
	if s.left == "" && s.another(failedBusy) || s.backToSilent() {
		return true
	}
	if s.from.trunk {
		s.nobody(w)
	}
	return s.from.trunk
}

// turnTo makes the place whose answer is being handled the one where the call is,
// unless another one has it. It reports whether the answer is the call's.
func (s *setup) turnTo(w *work, index byte) bool {
	if len(s.aside) == 0 || s.to.index() == index {
		return true
	}
	i := slices.IndexFunc(s.aside, func(a aside) bool { return a.to.index() == index })
	if i < 0 {
		w.drop(dropUnproven)
		return false
	}
	m := &w.msg
	free := s.server.state == proceeding && (s.client.state == calling || s.client.state == terminated)
	if m.Answers("INVITE") && (m.Status/100 == 2 || free && s.aside[i].client.state == calling) {
		s.swap(i)
		s.endAside(w, i, elsewhere)
		return true
	}
	s.tooLate(w, i)
	return false
}

// elsewhere tells phones that nobody has missed a call (RFC 3326).
const elsewhere = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"

// tooLate handles an answer of a place aside when another one has the call: it
// stops ringing, and its refusal is acknowledged.
func (s *setup) tooLate(w *work, i int) {
	m, a := &w.msg, &s.aside[i]
	a.release(s)
	s.agent.heard(a.to.place, m.Status)
	if m.Answers("CANCEL") {
		_ = a.bye.answer(w.now(), m.Status) // ends here
		return
	}
	if a.client.answer(w.now(), m.Status)&doAck != 0 {
		s.swap(i)
		s.acknowledge(w)
		s.swap(i)
	}
	reason := ""
	if s.server.state == accepted {
		reason = elsewhere
	}
	s.endAside(w, i, reason)
}

// endAside cancels a call at a place aside, if it is known to have come there.
func (s *setup) endAside(w *work, i int, reason string) {
	a := &s.aside[i]
	if a.client.state != proceeding || a.bye.state != idle {
		return
	}
	s.swap(i)
	to, _ := s.scanSent(w)
	s.cancel = s.follow(w, "CANCEL", to, append([]byte(reason), s.reason...))
	s.client.c = 0
	s.bye.start(w.now())
	_ = w.send(s.to.way(), s.cancel) // counted
	s.swap(i)
}

// settled ends the waiting for all places aside, once one has answered.
func (s *setup) settled() {
	if s.client.state == calling {
		return
	}
	for i := range s.aside {
		if a := &s.aside[i]; a.client.state == calling {
			a.client.quiet()
			a.client.c = 0
		}
	}
}

// lostAside ends the waiting for places whose connections ended.
func (s *setup) lostAside() {
	for i := range s.aside {
		if a := &s.aside[i]; a.waiting != nil && a.waiting.dead() {
			a.waiting = nil
			a.client.fail()
		}
	}
}

// tickAside does what is due at the places aside.
func (s *setup) tickAside(w *work, now instant) {
	for i := range s.aside {
		a := &s.aside[i]
		if a.client.tick(now)&doSend != 0 {
			w.again(inviteLeft)
			_ = w.send(a.to.way(), a.sent) // counted
		}
		if a.bye.tick(now)&doSend != 0 {
			w.again(cancelLeft)
			_ = w.send(a.to.way(), a.cancel) // counted
		}
	}
}

func (s *setup) nextAside() (first instant) {
	for i := range s.aside {
		first = earliest(first, s.aside[i].client.next(), s.aside[i].bye.next())
	}
	return first
}

// releaseAside ends the waiting for the connections of all places aside.
func (s *setup) releaseAside() {
	for i := range s.aside {
		s.aside[i].release(s)
	}
}

// dropAside forgets the places aside.
func (s *setup) dropAside() {
	s.releaseAside()
	s.aside = nil
}
