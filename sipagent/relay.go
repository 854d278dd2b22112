package sipagent

import (
	"cmp"
	"net/netip"

	"callscreen/sipagent/wire"
)

// request handles a request by what it is: an ACK, a CANCEL, a new call, or
// anything else, which is relayed.
func (w *work) request() {
	m := &w.msg
	if m.Flaw != wire.FlawNone {
		w.refuseFlaw()
		return
	}
	w.via, _, _ = wire.ReadVia(m.Raw, m.First(wire.Via).Value)
	w.tok = w.token(m, w.via, w.in.index, w.src.Addr())
	switch method := m.Method.Of(m.Raw); {
	case w.tooBig() && string(method) == "ACK":
		w.drop(dropTooLong)
	case w.tooBig():
		w.reply(513, nil)
	case w.peer.goOn != 0:
		w.asked()
	case string(method) == "ACK":
		w.ack()
	case string(method) == "CANCEL":
		w.cancel()
	case string(method) == "INVITE" && m.ToTag.Empty():
		w.invite()
	case string(method) == "INVITE" && w.peer.trunk && !w.routedByUs():
		w.reply(481, nil)
	case string(method) == "REGISTER" && w.peer.trunk, string(method) != "INVITE" && wire.EqualFold(method, "invite"):
		w.reply(403, nil) // there are PBXs that take "Invite" for INVITE; it would ring unscreened
	case string(method) == "OPTIONS" && (w.forUs() || w.lastHop()):
		w.reply(200, nil)
	default:
		w.relay(kindRelay)
	}
}

// refuseFlaw answers a request that cannot be forwarded, if its sender can be
// told at all.
func (w *work) refuseFlaw() {
	m := &w.msg
	if !m.Flaw.Answerable() || m.Is("ACK") {
		w.drop(dropFlawed)
		return
	}
	w.via, _, _ = wire.ReadVia(m.Raw, m.First(wire.Via).Value)
	w.tok = w.token(m, w.via, w.in.index, w.src.Addr())
	if m.Flaw == wire.FlawVersion {
		w.reply(505, nil)
		return
	}
	w.reply(400, nil)
}

// routedByUs reports whether a request comes by a Record-Route of ours: its
// first Route names us or, behind a strict router, its Request-URI.
func (w *work) routedByUs() bool {
	h := w.msg.First(wire.Route)
	if h == nil {
		return false
	}
	value, _ := wire.NextValue(w.msg.Raw, h.Value)
	addr, ok := wire.ReadAddress(w.msg.Raw, value)
	own, _ := w.ownURI(&w.msg, addr.URI)
	return ok && own != nil || w.recorded(&w.msg)
}

// lastHop reports whether a request has no hop left.
func (w *work) lastHop() bool {
	v := w.msg.Value(wire.MaxForwards)
	n, ok := wire.Number(v)
	return ok && n == 0
}

// forUs reports whether a request asks for ourselves: our address, no user, and
// nobody behind us in its Route.
func (w *work) forUs() bool {
	own, uri := w.ownURI(&w.msg, w.msg.URI)
	if own == nil || !uri.User.Empty() {
		return false
	}
	routes := w.popRoutes(&w.msg)
	w.forgetEdits()
	return routes.next == w.msg.URI
}

// ack handles an ACK: of a refusal that was ours, or of somebody else's answer.
func (w *work) ack() {
	if s := w.find(w.tok); s != nil && s.acknowledged(w) {
		return
	}
	switch {
	case w.routedByUs():
		w.relay(kindRelay)
	case string(w.msg.ToTag.Of(w.msg.Raw)) == w.tag(w.tok): // of an answer that we gave without keeping anything
	default:
		w.relay(kindSetup) // of the refusal of a call whose set-up we no longer know
	}
}

// cancel handles a CANCEL: of a call being set up here, else of one that a
// restart made us forget or of a re-INVITE.
func (w *work) cancel() {
	if s := w.find(w.tok); s != nil {
		s.cancelled(w)
		return
	}
	if w.msg.ToTag.Empty() {
		w.relay(kindSetup)
		return
	}
	w.relay(kindRelay)
}

// relay forwards a request and keeps nothing of it (RFC 3261 section 16.11).
func (w *work) relay(kind byte) {
	m := &w.msg
	if w.resumed() {
		return
	}
	status, extra := w.refusal()
	if status != 0 {
		w.refuse(status, extra)
		return
	}
	to, ok := w.nextHop(m)
	switch {
	case !ok:
		w.unroutable()
		return
	case !w.mayRegister(to.peer):
		w.refuse(403, nil)
		return
	case w.barred(m, to):
		w.refuse(480, nil)
		return
	}
	if to.screened && m.Is("BYE") {
		w.hungUp()
	}
	crosses := w.crosses(m, to)
	if crosses {
		kind = kindCross
	}
	out := w.passOn(kind, to)
	var spare []byte
	if w.takesTCP(to, len(out)) && !m.Is("ACK") && !m.Is("CANCEL") {
		spare, crosses = append(spare, out...), true
		to.link = to.tcp
		w.nextHop(m) // for its edits
		out = w.passOn(kindCross, to)
	}
	if crosses && w.keep(to, out, spare) {
		return
	}
	_ = w.send(to.way(), out) // counted
	if kind == kindSetup {
		w.others(to)
	}
}

// others sends what belongs to a call that we no longer know to all the other
// places too that it may have gone to.
func (w *work) others(to hop) {
	if to.place == nil {
		return
	}
	for _, c := range to.peer.roster.Load()[to.socket.transport] {
		if c.place != to.place {
			w.nextHop(&w.msg)                                                     // for its edits
			_ = w.send(to.to(c.place).way(), w.passOn(kindSetup, to.to(c.place))) // counted
		}
	}
}

// refuse answers a request with a refusal; an ACK is dropped.
func (w *work) refuse(status int, extra []header) {
	if w.msg.Is("ACK") {
		w.drop(dropFlawed)
		return
	}
	w.reply(status, extra)
}

// passOn makes the request that leaves.
func (w *work) passOn(kind byte, to hop) []byte {
	m := &w.msg
	b := branch{kind: kind, in: w.in.index, loop: loopOf(m, w.in.index, w.peer.trunk), token: w.tok}
	if kind == kindSetup {
		b.target = to.index()
	}
	w.pushVia(m, w.via, w.src, to.link, b)
	w.countHop(m)
	if m.ToTag.Empty() && formsDialog(m.Method.Of(m.Raw)) {
		w.recordRoute(m, w.peer.by(w.in.transport), to.link)
	}
	if m.Is("REGISTER") {
		w.addPath(m, to.link)
	}
	w.strip(m, w.peer)
	w.tellSource(m, w.peer, w.src)
	return w.splice(m.Raw)
}

// keep sends a request that has to be kept till it is answered. It reports false
// when the table is full.
func (w *work) keep(to hop, out, spare []byte) bool {
	if !w.msg.Is("INVITE") {
		return w.exchange(to, out, spare)
	}
	s := w.newSetup()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.unlock()
	s.begins(w)
	s.forward(w, nil)
	return true
}

// unroutable answers what no trunk answers for.
func (w *work) unroutable() {
	switch {
	case w.msg.Is("ACK"):
		w.drop(dropNowhere)
	case w.msg.Is("CANCEL"):
		w.reply(481, nil)
	default:
		w.reply(404, nil)
	}
}

// formsDialog reports whether a request outside a dialog may begin one.
func formsDialog(method []byte) bool {
	switch string(method) {
	case "SUBSCRIBE", "REFER", "NOTIFY":
		return true
	}
	return false
}

// refusal checks what RFC 3261 section 16.3 has a proxy check, and returns the
// status that a request is to be refused with, or 0.
func (w *work) refusal() (status int, extra []header) {
	m := &w.msg
	uri, ok := wire.ReadURI(m.Raw, m.URI)
	switch {
	case !ok:
		return 400, nil
	case !uri.IsSIP(m.Raw) && !uri.IsTel(m.Raw):
		return 416, nil
	}
	if w.lastHop() {
		return 483, nil
	}
	if h := m.First(wire.ProxyRequire); h != nil && !m.Is("CANCEL") && !m.Is("ACK") {
		for i := range m.Headers {
			if m.Headers[i].Kind == wire.ProxyRequire {
				extra = append(extra, header{"Unsupported", string(m.Headers[i].Value.Of(m.Raw))})
			}
		}
		return 420, extra
	}
	if w.loops(m) {
		return 482, nil
	}
	return 0, nil
}

// loops reports whether a request has been here before, with nothing changed
// that decides where it goes.
func (w *work) loops(m *wire.Message) bool {
	var hash loopHash
	known := false
	for i := range m.Headers {
		if m.Headers[i].Kind != wire.Via {
			continue
		}
		for rest := m.Headers[i].Value; !rest.Empty(); {
			var v wire.ViaValue
			var ok bool
			if v, rest, ok = wire.ReadVia(m.Raw, rest); !ok || !w.ours(v.Host.Of(m.Raw), v.Port) {
				continue
			}
			b, ok := readBranch(v.Branch.Of(m.Raw))
			if !known {
				hash, known = loopOf(m, w.in.index, w.peer.trunk), true
			}
			if ok && b.loop == hash {
				return true
			}
		}
	}
	return false
}

// answered handles an answer: of a call being set up here, or of anything else
// that we forwarded and that proves it.
func (w *work) answered() {
	m := &w.msg
	if m.Flaw != wire.FlawNone {
		w.drop(dropFlawed)
		return
	}
	if w.tooBig() {
		w.drop(dropTooLong)
		return
	}
	top, _, _ := wire.ReadVia(m.Raw, m.First(wire.Via).Value)
	b, ok := readBranch(top.Branch.Of(m.Raw))
	if !ok || !w.ours(top.Host.Of(m.Raw), top.Port) {
		w.drop(dropUnproven)
		return
	}
	switch b.kind {
	case kindSetup:
		if s := w.find(b.token); s != nil {
			s.answered(w, b.target)
			return
		}
	case kindProbe:
		w.probed(b.token)
		return
	}
	if x := w.crossing(b); x != nil {
		x.answered(w)
		return
	}
	w.relayAnswer(b, top)
}

// relayAnswer sends an answer to the Via below ours, if our branch proves that
// a request came from there.
func (w *work) relayAnswer(b branch, top wire.ViaValue) {
	m := &w.msg
	below, ok := w.popVia(m)
	if !ok || int(b.in) >= len(w.sockets) || w.sockets[b.in].transport.reliable() != (b.port != 0) || b.kind != kindRelay && m.Status == 100 {
		w.drop(dropUnproven)
		return
	}
	to := viaAddr(m, below)
	if !to.IsValid() || !w.token(m, below, b.in, to.Addr()).equal(b.token) {
		w.drop(dropUnproven)
		return
	}
	w.answeredLate(b)
	w.restore(m, top)
	w.strip(m, w.peer)
	_ = w.send(w.wayBack(b, below, to), w.splice(m.Raw)) // counted
}

// wayBack is how an answer leaves whose request is not kept: from the socket that
// it came in by, on the connection that it came in by if that is open.
func (w *work) wayBack(b branch, below wire.ViaValue, to netip.AddrPort) way {
	s := w.sockets[b.in]
	if !s.transport.reliable() {
		return way{socket: s, addr: to}
	}
	port := cmp.Or(below.Port, s.transport.port())
	return way{s, netip.AddrPortFrom(to.Addr(), port), s.streams.find(netip.AddrPortFrom(to.Addr(), b.port))}
}

// viaAddr is where an answer goes by its Via (RFC 3261 section 18.2.2, RFC
// 3581): we have noted there whatever differs from what it says. maddr is not
// followed; it would let a peer aim our answers.
func viaAddr(m *wire.Message, v wire.ViaValue) netip.AddrPort {
	host, port := v.Host.Of(m.Raw), v.Port
	if !v.Received.All.Empty() {
		host = v.Received.Value.Of(m.Raw)
	}
	if n, ok := wire.Number(v.RPort.Value.Of(m.Raw)); ok && n < 65536 {
		port = uint16(n)
	}
	return numeric(host, port)
}

// replyAddr is where answers to a request go: to its source, by the port of
// its Via unless it asks for the one it came from.
func replyAddr(v wire.ViaValue, src netip.AddrPort) netip.AddrPort {
	switch {
	case !v.RPort.All.Empty():
		return src
	case v.Port == 0:
		return netip.AddrPortFrom(src.Addr(), 5060)
	}
	return netip.AddrPortFrom(src.Addr(), v.Port)
}
