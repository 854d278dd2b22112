package sipagent

import (
	"bytes"
	"cmp"
	"slices"

	"callscreen/sipagent/wire"
)

// routeStrictly does what a next hop expects that is a strict router: its URI in
// the Request-URI, and that at the end of the Route (RFC 3261 section 16.6).
func (w *work) routeStrictly(m *wire.Message, r routeSet) {
	target := m.URI.Of(m.Raw)
	for _, e := range w.edits {
		if e.At == m.URI {
			target = e.With
		}
	}
	line := w.join("Route: <", string(target), ">\r\n")
	w.edit(m.URI, r.next.Of(m.Raw))
	if _, rest := wire.NextValue(m.Raw, wire.Span{Start: r.value.Start, End: r.line.Value.End}); rest.Empty() {
		w.edit(r.line.Line, nil)
	} else {
		w.edit(wire.Span{Start: r.value.Start, End: rest.Start}, nil)
	}
	end := r.line.Line.End
	for i := range m.Headers {
		if m.Headers[i].Kind == wire.Route {
			end = m.Headers[i].Line.End
		}
	}
	w.edit(wire.Span{Start: end, End: end}, line)
}

// dropMAddr takes a maddr that names us out of the Request-URI, and with it the
// port and transport by which that names us (RFC 3261 section 16.4).
func (w *work) dropMAddr(m *wire.Message) {
	uri, ok := wire.ReadURI(m.Raw, m.URI)
	if !ok || !uri.IsSIP(m.Raw) {
		return
	}
	p, ok := wire.FindParam(m.Raw, uri.Params, "maddr")
	by, _ := transportOf(m.Raw, uri)
	here := ownAddr{cmp.Or(uri.Port, by.port()), w.in}
	if !ok || by != w.in.transport || !slices.Contains(w.owned[string(bytes.Trim(p.Value.Of(m.Raw), "[]"))], here) {
		return
	}
	w.edit(p.All, nil)
	if t, ok := wire.FindParam(m.Raw, uri.Params, "transport"); ok {
		w.edit(t.All, nil)
	}
	if port := bytes.IndexByte(m.Raw[uri.Host.End:uri.Params.Start], ':'); port >= 0 {
		w.edit(wire.Span{Start: uri.Host.End + int32(port), End: uri.Params.Start}, nil)
	}
}
