package sipagent

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// peer is a trunk or the PBX: who may talk to us, and where its messages go.
type peer struct {
	name      string
	trunk     bool // screened
	trust     bool // its identity headers are believed
	registers bool // the PBX may register there
	turns     bool // it is the PBX, which gets its calls back
	goOn      int  // status that lets a call go on; 0: calls are relayed
	networks  []Network
	listener  *listener
	targets   []*target
	probe     time.Duration     // how often they are asked whether they are there; 0: never
	links     [transports]*link // nil: not by this transport
	usual     *link             // where nothing else decides
	noTCP     atomic.Int64      // Unix time until which TCP is not tried for the length of a message
	roster    atomic.Pointer[roster]

	mu     sync.Mutex // guards what follows, and what the targets have found
	places []*place   // by index; nil where there is none
	known  []*link    // all that there are
}

// link is a transport between a peer and us.
type link struct {
	peer   *peer
	socket *socket
	sentBy string // host:port that the peer knows us by
	via    string // how our Via begins
	record string // the Record-Route line
	secure string // the same for a request to a sips URI
}

// by returns the peer's link of a transport, or else its usual one.
func (p *peer) by(t transport) *link {
	if l := p.links[t]; l != nil {
		return l
	}
	return p.usual
}

// named reports whether one of the peer's targets has that host.
func (p *peer) named(host []byte) bool {
	return slices.ContainsFunc(p.targets, func(t *target) bool { return t.host == string(host) })
}

// rank says how exactly the peer's networks name an address; 0: not at all.
func (p *peer) rank(a netip.AddrPort) (best int) {
	for _, n := range p.networks {
		best = max(best, n.rank(a))
	}
	return best
}

// holds reports whether an address lies in the peer's networks, whatever its port.
func (p *peer) holds(a netip.Addr) bool {
	for _, n := range p.networks {
		if n.Prefix.Contains(a) {
			return true
		}
	}
	return false
}

// peerOf finds who sent a message, by listener and source address. A trunk is
// known at its own listener; the PBX at every one, since it may choose a trunk
// by the listener it sends to.
func (a *Agent) peerOf(in *socket, src netip.AddrPort) *peer {
	var best *peer
	top := 0
	for _, p := range a.peers {
		if p.trunk && p.listener != in.listener {
			continue
		}
		rank := 2 * p.rank(src)
		if rank > 0 && p.listener == in.listener {
			rank++
		}
		if rank > top {
			best, top = p, rank
		}
	}
	return best
}

// trunkFor chooses the trunk of a message from the PBX: among those of the
// listener that our own Route names, or else the PBX itself has chosen by sending
// there, by the host that its Route or Request-URI names; else the only one
// there is. Nil: no trunk answers for it.
func (a *Agent) trunkFor(in, routed *socket, host []byte, addr netip.Addr) *peer {
	if routed == nil && in.listener != a.pbx().listener {
		routed = in
	}
	for _, p := range a.trunks() {
		switch {
		case routed != nil && p.listener != routed.listener:
		case addr.IsValid() && p.holds(addr), p.named(host):
			return p
		}
	}
	for _, s := range [...]*socket{routed, in} {
		if s == nil {
			continue
		}
		if found := a.onlyTrunk(s.listener); found != nil {
			return found
		}
	}
	if len(a.trunks()) == 1 {
		return a.trunks()[0]
	}
	return nil
}

// onlyTrunk returns the trunk of a listener that has one and no other.
func (a *Agent) onlyTrunk(l *listener) (found *peer) {
	for _, p := range a.trunks() {
		if p.listener == l && found != nil {
			return nil
		}
		if p.listener == l {
			found = p
		}
	}
	return found
}

// trunks returns those that calls can go to.
func (a *Agent) trunks() []*peer { return a.carriers }
func (a *Agent) pbx() *peer      { return a.peers[0] }

// newPeers makes the PBX and then the trunks.
func (a *Agent) newPeers(o Options) error {
	pbx := Trunk{Name: "pbx", Networks: o.PBX.Networks, Listen: o.PBX.Listen, Targets: o.PBX.Targets, Probe: o.PBX.Probe, TrustIdentity: true}
	if err := a.addPeer(pbx, false); err != nil {
		return err
	}
	if len(o.Trunks) == 0 {
		return errors.New("sipagent: no trunk")
	}
	for _, t := range o.Trunks {
		t, err := t.completed(o)
		if err != nil {
			return err
		}
		if err := a.addPeer(t, true); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) addPeer(t Trunk, trunk bool) error {
	p := &peer{name: t.Name, trunk: trunk, registers: t.Register, turns: t.OutAndBack, goOn: t.Redirect, trust: t.TrustIdentity, probe: t.Probe, networks: t.Networks, listener: a.listenerNamed(t.Listen)}
	if p.listener == nil {
		return fmt.Errorf("sipagent: %s: no listener %q", t.Name, t.Listen)
	}
	if t.Redirect != 0 {
		return a.addAsker(p, t)
	}
	if len(t.Networks) == 0 || len(t.Targets) == 0 {
		return fmt.Errorf("sipagent: %s: networks and targets are both needed", t.Name)
	}
	if err := a.addTargets(p, t.Targets); err != nil {
		return fmt.Errorf("sipagent: %s: %w", t.Name, err)
	}
	a.peers = append(a.peers, p)
	switch {
	case p.turns:
		a.turners[p.listener] = p
	case trunk:
		a.carriers = append(a.carriers, p)
	}
	return nil
}

// addAsker adds a trunk that is told what to do with its calls.
func (a *Agent) addAsker(p *peer, t Trunk) error {
	switch {
	case t.Redirect != 404 && t.Redirect != 503:
		return fmt.Errorf("sipagent: %s: status %d to go on by is neither 404 nor 503", t.Name, t.Redirect)
	case len(t.Networks) == 0 || len(t.Targets) != 0:
		return fmt.Errorf("sipagent: %s: networks are needed and no targets", t.Name)
	}
	a.peers = append(a.peers, p)
	return nil
}

// recordEnd ends a Record-Route line; a parameter of its URI goes in front.
const recordEnd = ">\r\n"

// write makes what messages to the peer hold.
func (l *link) write() {
	l.via = "Via: SIP/2.0/" + viaNames[l.socket.transport] + " " + l.sentBy
	named := ""
	if t := l.socket.transport; t != overUDP {
		named = ";transport=" + t.String()
	}
	l.record = "Record-Route: <sip:" + l.sentBy + named + ";lr" + recordEnd
	if l.secure = l.record; l.socket.transport == overTLS {
		l.secure = "Record-Route: <sips:" + l.sentBy + ";lr" + recordEnd
	}
}

// numeric reads the host of a URI as an address with its port. It is invalid
// for names.
func numeric(host []byte, port uint16) netip.AddrPort {
	if len(host) == 0 || len(host) > 45 || host[0] != ':' && (host[0] > '9' || host[0] < '0') && !isHex(host[0]) {
		return netip.AddrPort{}
	}
	ip, err := netip.ParseAddr(string(host))
	if err != nil || ip.Zone() != "" {
		return netip.AddrPort{}
	}
	if port == 0 {
		port = 5060
	}
	return netip.AddrPortFrom(ip.Unmap(), port)
}

func isHex(c byte) bool { return 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
