package sipagent

import (
	"bytes"
	"errors"
)

// errCameBack says that a datagram of ours came back.
var errCameBack = errors.New("nobody takes it")

// giveUpAfter is how often an INVITE must come back before its place counts as
// refusing it: a PBX that restarts takes the next one.
const giveUpAfter = 2

// cameBack handles a datagram of ours that came back, of which b is what the ICMP
// message quotes. Only our own branch in it proves that, so no stranger can end a
// call.
func (a *Agent) cameBack(b []byte) {
	defer a.recovered()
	mine, ok := quotedBranch(b)
	switch {
	case !ok:
	case mine.kind == kindProbe:
		if p, ok := a.probes.Load(mine.token); ok {
			p.(*prober).refused()
		}
	case mine.kind == kindSetup && bytes.HasPrefix(b, []byte("INVITE ")):
		if s := a.find(mine.token); s != nil {
			s.cameBack(mine.target)
		}
	}
}

// quotedBranch finds the branch of our Via in the beginning of a message.
func quotedBranch(b []byte) (mine branch, ok bool) {
	_, b, found := bytes.Cut(b, []byte("\r\nVia: "))
	_, b, ok = bytes.Cut(b, []byte(";branch="))
	if !found || !ok || len(b) < branchLen {
		return mine, false
	}
	if mine, ok = readBranch(b[:branchLen]); !ok && len(b) >= branchLen+portLen {
		mine, ok = readBranch(b[:branchLen+portLen])
	}
	return mine, ok
}

// cameBack is told that the INVITE came back from one of the call's places. The
// call goes on to another one at once; where there is none it is tried again.
func (s *setup) cameBack(index byte) {
	w, done := s.agent.borrow(&s.transaction)
	defer done()
	s.mu.Lock()
	defer s.unlock()
	if s.to.index() == index && s.client.state == calling {
		s.refused(w)
		return
	}
	for i := range s.aside {
		a := &s.aside[i]
		if a.to.index() != index || a.client.state != calling {
			continue
		}
		if a.cameBack++; a.cameBack >= giveUpAfter {
			a.client.fail()
		}
	}
}

// refused handles it for the place where the call is.
func (s *setup) refused(w *work) {
	s.ails(failedRefused, 0)
	s.leg.cameBack++
	switch {
	case s.leg.cameBack >= giveUpAfter:
		s.client.fail()
		s.goOn(w, failedRefused)
	case s.left == "":
		_ = s.another(failedRefused) // else there is still this one
	}
}
