package sipagent

import (
	"fmt"
	"net/netip"
	"sync"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// maxRounds is how many calls of one caller to one number may wait for an answer at
// the same time, out and back. A dialplan that sends out again what came back
// makes one a round, until it has no channels left.
const maxRounds = 8

// rounds counts the calls that are out and not yet answered, by caller and called.
type rounds struct {
	mu  sync.Mutex
	out map[string]int
}

// begin counts a call, and returns how many there are like it.
func (r *rounds) begin(call string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out == nil {
		r.out = map[string]int{}
	}
	r.out[call]++
	return r.out[call]
}

func (r *rounds) end(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out[call]--; r.out[call] <= 0 {
		delete(r.out, call)
	}
}

// comesRound reports whether the PBX sends a call out over and over, and then
// refuses it: a dialplan that goes on without us ends the loop, and lets the
// call ring.
func (s *setup) comesRound(w *work, c screening.Call) bool {
	s.round = c.From + " " + c.To
	if w.rounds.begin(s.round) <= maxRounds {
		return false
	}
	w.log.Warn().Str("call", c.ID).Str("trunk", c.Trunk).Msg("call refused with 482: the PBX sends out again what comes back")
	s.respond(w, 482, "", nil)
	return true
}

// endRound is told that the caller has got an answer, or never will.
func (s *setup) endRound() {
	if s.round != "" {
		s.agent.rounds.end(s.round)
		s.round = ""
	}
}

// sorry is the status of a call that fails at us. A peer that can do without us gets
// one on which it does: a redirected trunk that to go on by, and the PBX 503, which
// takes nobody out of service here.
func (p *peer) sorry(status int) int {
	switch {
	case p.goOn != 0:
		return p.goOn
	case p.turns:
		return 503
	}
	return status
}

// completed returns the trunk with the networks and targets that it takes from the
// PBX, if it is the PBX. It is known by the listener that it sends to, so that
// nobody else can be there.
func (t Trunk) completed(o Options) (Trunk, error) {
	if !t.OutAndBack {
		return t, nil
	}
	users := 0
	for _, other := range o.Trunks {
		if other.Listen == t.Listen {
			users++
		}
	}
	switch {
	case t.Listen == o.PBX.Listen || users > 1:
		return t, fmt.Errorf("sipagent: %s: calls that go out and back need a listener of their own", t.Name)
	case t.Redirect != 0 || len(t.Networks) != 0 || len(t.Targets) != 0:
		return t, fmt.Errorf("sipagent: %s: networks and targets are those of the PBX", t.Name)
	}
	t.Networks, t.Targets = o.PBX.Networks, o.PBX.Targets
	return t, nil
}

// farSide is where a message of the PBX goes: to a trunk, or in the dialog of a call
// that went out and back to the PBX once more. No new call goes there: it would
// ring unscreened.
func (w *work) farSide(m *wire.Message, routed *socket, host []byte, addr netip.Addr) *peer {
	if routed != nil && !m.ToTag.Empty() {
		if t := w.turners[routed.listener]; t != nil {
			return t
		}
	}
	return w.trunkFor(w.in, routed, host, addr)
}
