package sipagent

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"callscreen/sipagent/wire"
)

// found is an address that a target has: its own, or one that DNS knows.
type found struct {
	ip       netip.Addr
	port     uint16    // of an SRV record; 0: the target's own
	by       transport // of an SRV record
	priority int
	weight   int
}

// enroll makes the roster of a peer from what is known of its targets, and
// returns which places are new to it and which are gone. Places that stay keep
// what is known of them. p.mu is held, or the agent is not running yet.
func (a *Agent) enroll(p *peer) (added, gone []*place) {
	old := p.places
	p.places = make([]*place, maxPlaces)
	r := &roster{}
	for _, t := range p.targets {
		var mine [transports][]choice
		for _, f := range t.found {
			for _, s := range p.listener.sockets {
				if c, ok := a.locate(p, t, f, s, old); ok {
					mine[s.transport] = append(mine[s.transport], c)
				}
			}
		}
		usual := mine[p.usually(t, mine)]
		for by := range mine {
			if len(mine[by]) == 0 {
				mine[by] = usual
			}
			r[by] = append(r[by], mine[by]...)
		}
	}
	p.roster.Store(r)
	return without(p.places, old), without(old, p.places)
}

// usually is the transport that a target is reached by where a call's own does
// not lead there: the first of the listener's.
func (p *peer) usually(t *target, mine [transports][]choice) transport {
	for _, s := range p.listener.sockets {
		if len(mine[s.transport]) > 0 {
			return s.transport
		}
	}
	return t.transport
}

// without returns the places that are not among others.
func without(all, others []*place) (rest []*place) {
	for i, x := range all {
		if x != nil && (i >= len(others) || others[i] != x) {
			rest = append(rest, x)
		}
	}
	return rest
}

// locate returns the place that an address of a target is by a socket: the old
// one if there was one.
func (a *Agent) locate(p *peer, t *target, f found, s *socket, old []*place) (c choice, ok bool) {
	srv := f.port != 0
	if !t.takes(s.transport) || srv && f.by != s.transport || !s.reaches(f.ip) {
		return c, false
	}
	at := t.addr(f.ip, s.transport)
	if srv {
		at = netip.AddrPortFrom(f.ip, f.port)
	}
	c = choice{priority: f.priority, weight: f.weight}
	for _, x := range p.places {
		if x != nil && x.addr == at && x.link.socket.transport == s.transport {
			return c, false // known, by an earlier socket or of an earlier target
		}
	}
	for i, x := range old {
		if x != nil && x.addr == at && x.link.socket == s && x.target == t && p.places[i] == nil {
			p.places[i], c.place = x, x
			return c, true
		}
	}
	l, err := a.linkTo(p, s, at)
	if err != nil {
		a.log.Warn().Str("trunk", p.name).Str("to", at.String()).Err(err).Msg("target left out")
		return c, false
	}
	c.place, ok = p.settle(&place{link: l, addr: at, target: t}, old)
	return c, ok
}

// settle gives a place its index: that of its target if nobody has it, so that a
// restart finds it again, else one behind those of all targets.
func (p *peer) settle(x *place, old []*place) (*place, bool) {
	free := func(i int) bool { return p.places[i] == nil && (i >= len(old) || old[i] == nil) }
	for i := range maxPlaces - len(p.targets) + 1 {
		at := x.target.number
		if i > 0 {
			at = len(p.targets) + i - 1
		}
		if at < maxPlaces && free(at) {
			x.index = byte(at)
			p.places[at] = x
			return x, true
		}
	}
	return nil, false
}

var errForeign = errors.New("this machine has got an address that it had not when callscreen began: restart it")

// linkTo returns how a peer at an address and we know each other by a socket.
func (a *Agent) linkTo(p *peer, s *socket, at netip.AddrPort) (*link, error) {
	sentBy, err := s.facing(at)
	if err != nil {
		return nil, err
	}
	for _, l := range p.known {
		if l.socket == s && l.sentBy == sentBy {
			return l, nil
		}
	}
	if a.running.Load() {
		if !a.owns(sentBy) {
			return nil, errForeign
		}
	} else {
		a.own(sentBy, s)
	}
	l := &link{peer: p, socket: s, sentBy: sentBy}
	l.write()
	p.known = append(p.known, l)
	return l, nil
}

// addTargets reads the targets of a peer and finds where they are.
func (a *Agent) addTargets(p *peer, targets []Target) error {
	if len(targets) > maxPlaces {
		return fmt.Errorf("%d targets: %d are possible", len(targets), maxPlaces)
	}
	for i, o := range targets {
		t, err := readTarget(o, i)
		if err != nil {
			return err
		}
		if t.ip.IsValid() {
			t.found = []found{{ip: t.ip}}
		}
		p.targets = append(p.targets, t)
	}
	a.firstLookup(p)
	a.enroll(p)
	return a.addLinks(p)
}

// addLinks notes by which transports a peer can be reached, and how it knows us
// by them.
func (a *Agent) addLinks(p *peer) error {
	for _, t := range p.targets {
		reached := false
		for _, s := range p.listener.sockets {
			l := a.linkBy(p, t, s)
			if l == nil {
				continue
			}
			reached = true
			if p.links[s.transport] == nil {
				p.links[s.transport] = l
			}
			p.usual = cmp.Or(p.usual, l)
		}
		if !reached {
			return fmt.Errorf("target %q cannot be reached from listener %q", t.uri, p.listener.name)
		}
	}
	return nil
}

// linkBy is how a target knows us by a socket, or nil: as one of its places
// does, or while it has none as the peer's first network does.
func (a *Agent) linkBy(p *peer, t *target, s *socket) *link {
	for _, x := range p.places {
		if x != nil && x.target == t && x.link.socket == s {
			return x.link
		}
	}
	at := netip.AddrPortFrom(p.networks[0].Prefix.Addr(), 5060)
	if t.ip.IsValid() || !t.takes(s.transport) || !s.reaches(at.Addr()) {
		return nil
	}
	l, err := a.linkTo(p, s, at)
	if err != nil {
		a.log.Warn().Str("trunk", p.name).Err(err).Msg("listener left out")
		return nil
	}
	return l
}

// best returns the URI of the target that a call goes to which chooses freely.
func (p *peer) best(t token) string {
	if x := p.roster.Load().choose(p.usual.socket.transport, 0, t.seed()); x != nil {
		return x.target.uri
	}
	return p.targets[0].uri
}

// hostAt is the name by which an address of the peer is known; empty when it has
// none.
func (p *peer) hostAt(addr netip.AddrPort) string {
	r := p.roster.Load()
	if r == nil {
		return ""
	}
	for _, choices := range r {
		for _, c := range choices {
			if c.addr == addr && !c.target.ip.IsValid() {
				return c.target.host
			}
		}
	}
	return ""
}

// owns reports whether a host:port is one of ours.
func (a *Agent) owns(hostPort string) bool {
	host, port, _ := net.SplitHostPort(hostPort)
	n, _ := wire.Number([]byte(port))
	return a.ours([]byte(host), uint16(n))
}
