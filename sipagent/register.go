package sipagent

import (
	"strings"

	"callscreen/sipagent/wire"
)

// mayRegister reports whether a request may go to a peer: a REGISTER of the PBX to
// a trunk that takes it, or any other.
func (w *work) mayRegister(to *peer) bool {
	return !w.msg.Is("REGISTER") || !w.peer.trunk && to.registers
}

// addPath makes the calls for a registration come through us (RFC 3327): in front
// of other Path headers, by the address that the trunk knows us by. A PBX that
// does not support that shall get no answer that it does not understand, so that
// its registration goes on without.
func (w *work) addPath(m *wire.Message, to *link) {
	if !supports(m, "path") {
		return
	}
	at := viaEnd(m)
	for _, h := range named(m, "path") {
		at = h.Line.Start
		break
	}
	uri, _ := wire.ReadURI(m.Raw, m.URI)
	line := to.record
	if isSIPS(m.Raw, uri) {
		line = to.secure
	}
	w.insert(at, "Path", strings.TrimPrefix(line, "Record-Route"))
}

// supports reports whether a message names an option in Supported (RFC 3261
// section 20.37).
func supports(m *wire.Message, option string) (found bool) {
	for _, name := range [...]string{"supported", "k"} {
		for _, h := range named(m, name) {
			for _, v := range strings.Split(string(h.Value.Of(m.Raw)), ",") {
				found = found || strings.EqualFold(strings.TrimSpace(v), option)
			}
		}
	}
	return found
}
