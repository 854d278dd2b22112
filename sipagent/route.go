package sipagent

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"callscreen/sipagent/wire"
)

// work is what one goroutine needs while it handles a message. Nothing in it
// outlives the message, but for the memory that the next one uses again.
type work struct {
	*Agent
	in     *socket
	stream *stream // that the message came by; nil: by UDP
	src    netip.AddrPort
	at     time.Time // when the handling began
	peer   *peer
	msg    wire.Message
	via    wire.ViaValue
	tok    token
	prover

	tmp   wire.Message // a second message: one that we made
	text  []byte       // what edits insert
	edits []wire.Edit
	mark  []byte // sealed: for the Record-Route of the message that leaves; nil without a label
	undo  []byte // sealed: for its Via; nil when From and To stay
	out   []byte

	source     *source // of the message
	sourceAddr netip.Addr

	lastAddr netip.Addr // whose text is lastText
	lastText string
}

// now is the time for all that the handling does; to ask the system each time would
// cost more than some of that does.
func (w *work) now() instant { return instantOf(w.at) }

// hop is where a request goes next.
type hop struct {
	*link
	addr     netip.AddrPort // invalid: nobody knows where that is
	place    *place         // of the peer, if it was free to choose; nil in a dialog that names an address
	tcp      *link          // may take what is too long for UDP, since nobody names the transport; nil: nothing may
	screened bool           // by our own Route: the request belongs to a call that was
}

func (h hop) way() way { return way{socket: h.socket, addr: h.addr} }

// back returns how answers to the request that is being handled leave.
func (w *work) back() way {
	if w.stream == nil {
		return way{socket: w.in, addr: replyAddr(w.via, w.src)}
	}
	port := cmp.Or(w.via.Port, w.in.transport.port()) // for when the connection has ended (RFC 3261 section 18.2.2)
	return way{w.in, netip.AddrPortFrom(w.src.Addr(), port), w.stream}
}

// edit notes a change of the message that is being handled. A second change of
// the same bytes takes the place of the first.
func (w *work) edit(at wire.Span, with []byte) {
	for i := range w.edits {
		if w.edits[i].At == at && !at.Empty() {
			w.edits[i].With = with
			return
		}
	}
	w.edits = append(w.edits, wire.Edit{At: at, With: with})
}

// insert notes text to be inserted at a place.
func (w *work) insert(at int32, parts ...string) {
	w.edit(wire.Span{Start: at, End: at}, w.join(parts...))
}

// join keeps the parts as one piece of text until the message is made.
func (w *work) join(parts ...string) []byte {
	start := len(w.text)
	for _, p := range parts {
		w.text = append(w.text, p...)
	}
	return w.text[start:len(w.text):len(w.text)]
}

// splice makes the message that leaves from the edits, which it forgets. The
// result is good until the next call.
func (w *work) splice(raw []byte) []byte {
	w.out = wire.Splice(w.out[:0], raw, w.edits)
	w.forgetEdits()
	return w.out
}

func (w *work) forgetEdits() {
	w.edits, w.text, w.mark, w.undo = w.edits[:0], w.text[:0], nil, nil
}

// ours reports whether a host and port are one of ours.
func (a *Agent) ours(host []byte, port uint16) bool {
	port = cmp.Or(port, 5060)
	return slices.ContainsFunc(a.owned[string(host)], func(o ownAddr) bool { return o.port == port })
}

// ownURI returns the socket that a SIP URI names, or nil: the one of its
// transport, or else the first of the address.
func (w *work) ownURI(m *wire.Message, at wire.Span) (own *socket, u wire.URI) {
	u, ok := wire.ReadURI(m.Raw, at)
	if !ok || !u.IsSIP(m.Raw) {
		return nil, u
	}
	sockets := w.owned[string(u.Host.Of(m.Raw))]
	if len(sockets) == 0 {
		return nil, u
	}
	t, _ := transportOf(m.Raw, u)
	port := cmp.Or(u.Port, t.port())
	for _, o := range sockets {
		if o.port == port && (own == nil || o.socket.transport == t) {
			own = o.socket
		}
	}
	return own, u
}

// routeSet is what the Route headers of a request come to.
type routeSet struct {
	next   wire.Span    // URI of the next hop: the first Route that is not ours, else the Request-URI
	routed *socket      // that our last own Route names: where the request leaves; nil without one
	sealed wire.Span    // what the first of our Routes holds sealed
	line   *wire.Header // where next stands; nil when that is no Route
	value  wire.Span    // and its value there
}

// popRoutes removes the Route values that name us from the front, repairs what
// a strict router before us did (RFC 3261 section 16.4), and says what is left.
func (w *work) popRoutes(m *wire.Message) (r routeSet) {
	r.next = m.URI
	last := w.strictRoute(m)
	if !last.Empty() {
		r.note(m, m.URI, w)
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.Kind != wire.Route {
			continue
		}
		popped := wire.Span{Start: h.Value.Start, End: h.Value.Start}
		for rest := h.Value; !rest.Empty(); {
			var value wire.Span
			value, rest = wire.NextValue(m.Raw, rest)
			addr, ok := wire.ReadAddress(m.Raw, value)
			if !ok || !r.note(m, addr.URI, w) && value != last {
				w.dropValues(h, popped)
				if value != last {
					r.next, r.line, r.value = addr.URI, h, value
				}
				return r
			}
			if popped.End = h.Value.End; !rest.Empty() {
				popped.End = rest.Start
			}
		}
		w.edit(h.Line, nil)
	}
	if !last.Empty() {
		addr, _ := wire.ReadAddress(m.Raw, last)
		r.next = addr.URI
	}
	return r
}

// note reports whether a Route is one of ours, and notes what it says.
func (r *routeSet) note(m *wire.Message, at wire.Span, w *work) bool {
	own, uri := w.ownURI(m, at)
	if own == nil {
		return false
	}
	r.routed = own
	if p, ok := wire.FindParam(m.Raw, uri.Params, sealParam); ok && r.sealed.Empty() {
		r.sealed = p.Value
	}
	return true
}

// dropValues removes leading values of a header.
func (w *work) dropValues(h *wire.Header, popped wire.Span) {
	if !popped.Empty() {
		w.edit(popped, nil)
	}
}

// recorded reports whether the Request-URI is what we put into Record-Route.
func (w *work) recorded(m *wire.Message) bool {
	own, uri := w.ownURI(m, m.URI)
	_, lr := wire.FindParam(m.Raw, uri.Params, "lr")
	return own != nil && lr && uri.User.Empty()
}

// strictRoute undoes strict routing: a Request-URI that is our own Record-Route
// gives way to the last Route, whose value it returns.
func (w *work) strictRoute(m *wire.Message) (last wire.Span) {
	if m.First(wire.Route) == nil || !w.recorded(m) {
		return last
	}
	var line *wire.Header
	first := true
	for i := range m.Headers {
		if m.Headers[i].Kind == wire.Route {
			line = &m.Headers[i]
		}
	}
	var before wire.Span
	for rest := line.Value; !rest.Empty(); first = false {
		if !first {
			before = last
		}
		last, rest = wire.NextValue(m.Raw, rest)
	}
	addr, ok := wire.ReadAddress(m.Raw, last)
	if !ok {
		return wire.Span{}
	}
	w.edit(m.URI, addr.URI.Of(m.Raw))
	if !before.Empty() {
		w.edit(wire.Span{Start: before.End, End: last.End}, nil)
	} else {
		w.edit(line.Line, nil)
	}
	return last
}

// nextHop says where a request goes: to the other side, and there to its target
// or, in a dialog or for a registration, to the address it names if that is one
// of the other side's.
func (w *work) nextHop(m *wire.Message) (h hop, ok bool) {
	r := w.popRoutes(m)
	if !w.peer.trunk && !m.ToTag.Empty() {
		w.unlabel(m, r.sealed)
	}
	uri, _ := wire.ReadURI(m.Raw, r.next)
	host := uri.Host.Of(m.Raw)
	addr := numeric(host, uri.Port)
	to := w.pbx()
	if !w.peer.trunk {
		to = w.farSide(m, r.routed, host, addr.Addr())
	}
	if to == nil {
		return h, false
	}
	w.dropMAddr(m)
	named, isNamed := transportOf(m.Raw, uri)
	direct := (!m.ToTag.Empty() || w.peer.registers && r.routed != nil) && addr.IsValid() && to.holds(addr.Addr()) && !w.ours(host, uri.Port)
	switch {
	case direct && isNamed && to.links[named] != nil:
		h.link = to.links[named]
	case !m.ToTag.Empty() && r.routed != nil && r.routed.listener == to.listener && to.links[r.routed.transport] != nil:
		h.link = to.links[r.routed.transport]
	default:
		h.link = to.by(w.in.transport)
	}
	h.screened = !r.sealed.Empty()
	if !direct || !h.socket.reaches(addr.Addr()) {
		return w.anyPlace(m, h, host), true
	}
	h.addr = netip.AddrPortFrom(addr.Addr(), cmp.Or(uri.Port, h.socket.transport.port()))
	if _, lr := wire.FindParam(m.Raw, uri.Params, "lr"); r.line != nil && !lr {
		w.routeStrictly(m, r)
	}
	if h.socket.transport == overUDP && !isNamed {
		h.tcp = to.links[overTCP]
	}
	return h, true
}

// barred reports whether a request cannot go where it should: nobody knows where
// that is, or it came by TLS for a sips URI and would leave without (RFC 5630
// section 3.1.3).
func (w *work) barred(m *wire.Message, to hop) bool {
	uri, _ := wire.ReadURI(m.Raw, m.URI)
	return !to.addr.IsValid() || isSIPS(m.Raw, uri) && w.in.transport == overTLS && to.socket.transport != overTLS
}

// countHop lowers Max-Forwards, or adds it (RFC 3261 section 16.6).
func (w *work) countHop(m *wire.Message) {
	h := m.First(wire.MaxForwards)
	if h == nil {
		w.insert(m.Body-2, "Max-Forwards: 70\r\n")
		return
	}
	n, _ := wire.Number(h.Value.Of(m.Raw))
	start := len(w.text)
	w.text = strconv.AppendUint(w.text, uint64(n)-1, 10)
	w.edit(h.Value, w.text[start:len(w.text):len(w.text)])
}

// recordRoute makes the dialog's later requests come through us: one value when
// both sides know us by the same address and transport, else one for each (RFC
// 5658).
func (w *work) recordRoute(m *wire.Message, from, to *link) {
	var at int32
	if h := m.First(wire.RecordRoute); h != nil {
		at = h.Line.Start
	} else {
		at = viaEnd(m)
	}
	uri, _ := wire.ReadURI(m.Raw, m.URI)
	sips := isSIPS(m.Raw, uri)
	w.record(at, to, sips)
	if from.record != to.record {
		w.record(at, from, sips)
	}
}

// viaEnd is where the Via headers end.
func viaEnd(m *wire.Message) (at int32) {
	for i := range m.Headers {
		if m.Headers[i].Kind == wire.Via {
			at = m.Headers[i].Line.End
		}
	}
	return at
}

// record inserts the Record-Route that a peer knows us by, with what is sealed
// for the dialog.
func (w *work) record(at int32, l *link, sips bool) {
	line := l.record
	if sips {
		line = l.secure
	}
	if w.mark == nil {
		w.insert(at, line)
		return
	}
	uri, _ := strings.CutSuffix(line, recordEnd)
	w.insert(at, uri, ";"+sealParam+"=", string(w.mark), recordEnd)
}

// strip removes what a trunk may not tell the PBX: our own headers, and the
// identities of a trunk that is not trusted with them (RFC 3325 section 5).
func (w *work) strip(m *wire.Message, from *peer) {
	if !from.trunk {
		return
	}
	for i := range m.Headers {
		h := &m.Headers[i]
		switch h.Kind {
		case wire.PAssertedIdentity, wire.PPreferredIdentity, wire.RemotePartyID:
			if !from.trust {
				w.edit(h.Line, nil)
			}
		case wire.Other:
			if isOwnHeader(h.Name.Of(m.Raw)) {
				w.edit(h.Line, nil)
			}
		}
	}
}

// ownHeaders are the headers that only we may write, in lower case.
var ownHeaders = [...]string{
	"x-call-screen", "x-spam-class", "x-spam-count", "x-spam-source", "x-spam-label",
	"x-screen-trunk", "x-screen-call-id", "x-auth-ip", "x-auth-port",
}

func isOwnHeader(name []byte) bool {
	if len(name) < 9 || name[0]|0x20 != 'x' || name[1] != '-' {
		return false
	}
	for _, own := range ownHeaders {
		if wire.EqualFold(name, own) {
			return true
		}
	}
	return false
}
