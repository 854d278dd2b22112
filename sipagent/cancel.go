package sipagent

import (
	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// cancelled handles the caller's CANCEL.
func (s *setup) cancelled(w *work) {
	s.mu.Lock()
	defer s.unlock()
	w.reply(200, nil)
	if s.server.state != proceeding || s.left != "" {
		return
	}
	s.left = screening.PartyCaller
	s.reason = reasons(&w.msg)
	if s.stopQuery != nil {
		s.stopQuery()
	}
	switch s.client.state {
	case calling: // wait for a provisional answer (RFC 3261 section 9.1)
	case proceeding:
		s.sendCancel(w)
	default:
		s.respond(w, 487, "", nil)
	}
}

// sendCancel tells the callee that the caller has left. Unless it then answers
// the INVITE it counts as gone (RFC 3261 section 9.1).
func (s *setup) sendCancel(w *work) {
	to, _ := s.scanSent(w)
	s.cancel = s.follow(w, "CANCEL", to, s.reason)
	now := w.now()
	s.bye.start(now)
	s.giveUp = now.Add(64 * s.agent.timers.T1)
	_ = w.send(s.to.way(), s.cancel) // counted
}

// reasons returns the Reason headers of a CANCEL (RFC 3326), as they came.
func reasons(m *wire.Message) (lines []byte) {
	for _, h := range named(m, "reason") {
		lines = append(lines, h.Line.Of(m.Raw)...)
	}
	return lines
}

// named returns the headers of a name that has no Kind, which must be given in
// lower case.
func named(m *wire.Message, name string) (found []wire.Header) {
	for _, h := range m.Headers {
		if h.Kind == wire.Other && wire.EqualFold(h.Name.Of(m.Raw), name) {
			found = append(found, h)
		}
	}
	return found
}
