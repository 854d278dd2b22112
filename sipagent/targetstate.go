package sipagent

import (
	"cmp"
	"slices"
	"time"
)

// TargetState is one address of a target and how it fares.
type TargetState struct {
	Peer      string // name of the trunk, or "pbx"
	Target    string // URI, as configured
	Address   string // "192.0.2.10:5060"; empty while DNS does not tell
	Transport string // "udp", "tcp" or "tls"
	Priority  int
	Weight    int
	Up        bool          // calls go there
	Why       string        // it is not up: "refused", "silent", "busy" or "not found"
	Since     time.Time     // it is so; zero: nothing is known yet
	RTT       time.Duration // of its last answer to OPTIONS; zero: none
	Probed    bool          // it is asked by OPTIONS
}

// notFound is why a target is not up of which DNS knows no address.
const notFound = "not found"

// Targets tells how the targets of the PBX and of the trunks fare, those of a peer
// in the order of their priorities.
func (a *Agent) Targets() (all []TargetState) {
	for _, p := range a.peers {
		if !p.turns { // it is the PBX once more
			all = append(all, p.states()...)
		}
	}
	return all
}

func (p *peer) states() (all []TargetState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.targets {
		one := TargetState{Peer: p.name, Target: t.uri, Priority: t.priority, Weight: t.weight, Why: notFound}
		found := false
		for _, x := range p.places {
			if x != nil && x.target == t {
				all, found = append(all, x.tell(one)), true
			}
		}
		if !found {
			all = append(all, one)
		}
	}
	slices.SortStableFunc(all, func(a, b TargetState) int { return cmp.Compare(a.Priority, b.Priority) })
	return all
}

// tell completes what is told of a place.
func (x *place) tell(s TargetState) TargetState {
	c := x.now()
	s.Address, s.Transport, s.Probed = x.addr.String(), x.link.socket.transport.String(), x.prober.Load() != nil
	s.Up, s.Why, s.Since, s.RTT = !c.down, "", c.since, c.took
	if c.down {
		s.Why = failureNames[c.why]
	}
	return s
}
