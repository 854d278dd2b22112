package sipagent

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"callscreen/sipagent/wire"
)

// peer is a trunk or the PBX: who may talk to us, and where its messages go.
type peer struct {
	name     string
	trunk    bool // screened
	trust    bool // its identity headers are believed
	networks []Network
	listener *listener
	target   netip.AddrPort
	host     string // of the target, as configured
	sentBy   string // host:port that this peer knows us by
	record   string // the Record-Route line for it
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
func (a *Agent) peerOf(in *listener, src netip.AddrPort) *peer {
	var best *peer
	top := 0
	for _, p := range a.peers {
		if p.trunk && p.listener != in {
			continue
		}
		rank := 2 * p.rank(src)
		if rank > 0 && p.listener == in {
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
func (a *Agent) trunkFor(in, routed *listener, host []byte, addr netip.Addr) *peer {
	if routed == nil && in != a.pbx().listener {
		routed = in
	}
	for _, p := range a.trunks() {
		switch {
		case routed != nil && p.listener != routed:
		case addr.IsValid() && p.holds(addr), string(host) == p.host:
			return p
		}
	}
	for _, l := range [...]*listener{routed, in} {
		if found := a.onlyTrunk(l); found != nil {
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

func (a *Agent) trunks() []*peer { return a.peers[1:] }
func (a *Agent) pbx() *peer      { return a.peers[0] }

// newPeers makes the PBX and then the trunks.
func (a *Agent) newPeers(o Options) error {
	pbx := Trunk{Name: "pbx", Networks: o.PBX.Networks, Listen: o.PBX.Listen, Targets: o.PBX.Targets, TrustIdentity: true}
	if err := a.addPeer(pbx, false); err != nil {
		return err
	}
	if len(o.Trunks) == 0 {
		return errors.New("sipagent: no trunk")
	}
	for _, t := range o.Trunks {
		if err := a.addPeer(t, true); err != nil {
			return err
		}
	}
	return nil
}

func (a *Agent) addPeer(t Trunk, trunk bool) error {
	p := &peer{name: t.Name, trunk: trunk, trust: t.TrustIdentity, networks: t.Networks, listener: a.listenerNamed(t.Listen)}
	if p.listener == nil {
		return fmt.Errorf("sipagent: %s: no listener %q", t.Name, t.Listen)
	}
	if len(t.Networks) == 0 || len(t.Targets) == 0 {
		return fmt.Errorf("sipagent: %s: networks and targets are both needed", t.Name)
	}
	var err error
	if p.host, p.target, err = resolve(t.Targets[0]); err != nil {
		return fmt.Errorf("sipagent: %s: %w", t.Name, err)
	}
	if p.sentBy, err = p.listener.facing(p.target); err != nil {
		return fmt.Errorf("sipagent: %s: %w", t.Name, err)
	}
	p.record = "Record-Route: <sip:" + p.sentBy + ";lr>\r\n"
	a.peers = append(a.peers, p)
	a.own(p.sentBy, p.listener)
	return nil
}

// resolve turns a target, a SIP URI, into an address. Names are looked up once.
func resolve(target string) (host string, addr netip.AddrPort, err error) {
	raw := []byte(target)
	u, ok := wire.ReadURI(raw, wire.Span{End: int32(len(raw))})
	if !ok || !wire.EqualFold(u.Scheme.Of(raw), "sip") {
		return "", addr, fmt.Errorf("target %q is no SIP URI", target)
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	host = string(u.Host.Of(raw))
	ua, err := net.ResolveUDPAddr("udp", net.JoinHostPort(host, strconv.Itoa(int(port))))
	if err != nil {
		return "", addr, fmt.Errorf("target %q: %w", target, err)
	}
	ap := ua.AddrPort()
	return host, netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
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
