package sipagent

import (
	"context"
	"fmt"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// screen decides the call: at once where nothing has to be asked, else in the
// background while the caller hears that we are trying.
func (s *setup) screen(w *work, c screening.Call) {
	if w.draining.Load() {
		d := w.unscreened(c, "shutting down")
		s.decided(w, &d)
		return
	}
	if d, ok := w.screenNow(c); ok {
		s.decided(w, &d)
		return
	}
	if s.hurried {
		w.overLimit.Add(1)
		d := w.unscreened(c, "over limits")
		s.decided(w, &d)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stopQuery = stop
	w.lookups.Go(func() { // ends with the Screener's budget
		defer stop()
		d := s.agent.screenWaiting(ctx, c)
		w, done := s.agent.borrow(&s.transaction)
		defer done()
		s.mu.Lock()
		defer s.unlock()
		s.decided(w, &d)
	})
}

// screenNow asks the Screener for a decision that takes no waiting.
func (a *Agent) screenNow(c screening.Call) (d screening.Decision, ok bool) {
	defer a.failOpen(c, &d, &ok)
	return a.screener.ScreenNow(c)
}

// screenWaiting asks the Screener for a decision, however long it takes.
func (a *Agent) screenWaiting(ctx context.Context, c screening.Call) (d screening.Decision) {
	var failed bool
	defer a.failOpen(c, &d, &failed)
	return a.screener.Screen(ctx, c)
}

// failOpen turns a panic of the Screener into a decision that lets the call go on.
func (a *Agent) failOpen(c screening.Call, d *screening.Decision, decided *bool) {
	if v := recover(); v != nil {
		a.drops[dropPanic].Add(1)
		a.log.Error().Str("call", c.ID).Str("err", fmt.Sprint(v)).Msg("call goes on unscreened: panic")
		*decided, *d = true, screening.Decision{
			Call: c, Source: screening.SourceNone,
			Verdict: screening.Verdict{Rule: screening.RuleFailOpen, Why: "panic"},
		}
	}
}

// unscreened asks the Screener for the decision on a call that is not screened.
func (a *Agent) unscreened(c screening.Call, why string) (d screening.Decision) {
	var failed bool
	defer a.failOpen(c, &d, &failed)
	return a.screener.Unscreened(c, why)
}

// recordFull keeps what became of a call that there was no room for, once.
func (w *work) recordFull(c screening.Call) {
	if w.recorder == nil || !w.ends.first([]byte(c.ID), true) {
		return
	}
	defer w.recovered()
	d := w.unscreened(c, "no room for one more call")
	d.Verdict.Rule = screening.RuleFull
	status := w.peer.sorry(w.limits.FullStatus)
	if w.peer.goOn == 0 { // else it goes on where it comes from
		d.Mode = screening.Enforce // whatever the policy's: it was done
		d.Verdict.Action, d.Verdict.Status = screening.Reject, status
	}
	w.recorder.Record(d)
	w.ended(screening.Ending{Call: c.ID, At: c.At, Status: status, By: screening.PartyProxy})
}

// decided records a decision and carries it out, unless the caller has left. If
// that breaks, the call goes on as it came.
func (s *setup) decided(w *work, d *screening.Decision) {
	defer func() {
		if v := recover(); v != nil {
			s.agent.drop(dropPanic)
			s.agent.log.Error().Str("call", d.Call.ID).Str("err", fmt.Sprint(v)).Msg("call goes on untouched: panic")
			w.forgetEdits()
			if s.client.state == idle && s.server.state == proceeding {
				s.forward(w, nil)
			}
		}
	}()
	s.outcome = outcomeOf(d)
	s.record(w, d)
	if s.server.state != proceeding {
		return
	}
	v := d.Effective()
	if v.Action == screening.Reject {
		s.refuse(w, v)
		return
	}
	s.forward(w, d)
}

// act edits what the decision changes on the wire. In observe mode that is
// nothing.
func (s *setup) act(w *work, d *screening.Decision) {
	if d.Mode != screening.Enforce {
		return
	}
	w.putVerdict(s.msg, d, s.less)
	w.putHeaders(s.msg, d.Verdict, s.less)
	if d.Verdict.Action == screening.Divert && oneLine(d.Verdict.Target) {
		w.edit(s.msg.URI, []byte(d.Verdict.Target))
	}
	if !namesSigned(s.msg) && w.putNames(s.msg, s.from, d, s.less) {
		s.caller = append([]byte(nil), s.msg.Value(wire.From)...)
	}
}
