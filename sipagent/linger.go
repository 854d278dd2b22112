package sipagent

// lingers reports whether the call is set up, or will not be, and is only kept for
// messages that may come again. Without it they find their way as after a restart.
func (s *setup) lingers() bool {
	return (s.server.state == accepted || s.server.state == confirmed || s.server.state == terminated) &&
		(s.client.state == idle || s.client.state >= accepted) &&
		(s.bye.state == idle || s.bye.state >= completed) &&
		s.nextAside().IsZero()
}

// linger notes that the call lingers: from now on it gives way to others.
func (s *setup) linger() {
	if s.lingering {
		return
	}
	s.lingering = true
	s.agent.mu.Lock()
	defer s.agent.mu.Unlock()
	if s.agent.setups[s.token] == s {
		s.inLine = s.agent.line.PushBack(s)
		s.leaveSource()
	}
}

// leaveSource takes the call off those of its source.
func (s *setup) leaveSource() {
	if s.source != nil {
		s.source.ends()
		s.source = nil
	}
}

// admit puts a call into the table, in the place of the one that has lingered for longest
// where all are taken. It reports false when none of them lingers.
func (w *work) admit(s *setup) bool {
	w.mu.Lock()
	if w.isFull() {
		w.mu.Unlock()
		return false
	}
	oldest := w.line.Front()
	if len(w.setups) < w.limits.Setups {
		oldest = nil
	}
	if oldest != nil {
		w.line.Remove(oldest)
		oldest.Value.(*setup).inLine = nil
	}
	w.setups[s.token] = s
	if s.msg.ToTag.Empty() {
		s.source = w.source
		s.hurried = !s.source.begins(w.limits.SetupsPerSource)
	}
	w.mu.Unlock()
	if oldest != nil {
		oldest.Value.(*setup).giveWay()
	}
	return true
}

// isFull reports whether the table has no place for a call of this source: the last
// tenth of it is for those who do not hold half of it already. Calls that linger hold
// no place.
func (w *work) isFull() bool {
	n, most := len(w.setups)-w.line.Len(), w.limits.Setups
	return n >= most || n >= most-most/10 && int(w.source.open.Load()) > most/2
}

// giveWay ends a call that lingers.
func (s *setup) giveWay() {
	s.mu.Lock()
	defer s.unlock()
	if s.lingers() {
		s.end()
	}
}

// end leaves nothing of the call to wait for.
func (s *setup) end() {
	s.server = ist{timers: &s.agent.timers, state: terminated}
	s.client.fail()
	s.bye.fail()
	s.dropAside()
}
