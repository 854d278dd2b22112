package sipagent

import "callscreen/sipagent/wire"

// index is that of the place that a request goes to, for its branch.
func (h hop) index() byte {
	if h.place == nil {
		return 0
	}
	return h.place.index
}

// overUDP is the link of a hop that was to go by TCP for its length.
func (h hop) overUDP() *link {
	if h.place == nil {
		return h.peer.links[overUDP]
	}
	return h.place.link
}

// to makes the hop lead to a place.
func (h hop) to(x *place) hop {
	h.link, h.addr, h.place, h.tcp = x.link, x.addr, x, nil
	if x.link.socket.transport == overUDP && x.target.takes(overTCP) {
		h.tcp = x.link.peer.links[overTCP]
	}
	return h
}

// anyPlace makes the hop lead to a place of its peer: in a dialog to one whose
// host the request names, if there is one; back to the PBX that sent a call out.
func (w *work) anyPlace(m *wire.Message, h hop, host []byte) hop {
	r, by := h.peer.roster.Load(), h.socket.transport
	var others places
	switch {
	case !m.ToTag.Empty():
		others = r.but(by, func(x *place) bool { return x.target.host == string(host) })
	case w.peer.turns:
		others = r.but(by, func(x *place) bool { return x.addr.Addr() == w.src.Addr() })
	}
	if x := r.choose(by, others, w.tok.seed()); x != nil {
		return h.to(x)
	}
	return h
}
