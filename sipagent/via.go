package sipagent

import (
	"net/netip"
	"strconv"

	"callscreen/sipagent/wire"
)

// pushVia puts our Via on top, and notes in the one below where its message
// really came from (RFC 3261 section 18.2.1, RFC 3581).
func (w *work) pushVia(m *wire.Message, via wire.ViaValue, src netip.AddrPort, to *link, b branch) {
	if w.stream != nil {
		b.port = src.Port()
	}
	start := len(w.text)
	w.text = append(w.text, to.via...)
	w.text = append(b.append(append(w.text, ";branch="...)), ";rport"...)
	if w.undo != nil {
		w.text = append(append(w.text, ";"+sealParam+"="...), w.undo...)
	}
	w.text = append(w.text, "\r\n"...)
	at := m.First(wire.Via).Line.Start
	w.edit(wire.Span{Start: at, End: at}, w.text[start:len(w.text):len(w.text)])
	w.markReceived(m, via, src)
}

// markReceived edits received and rport of the topmost Via.
func (w *work) markReceived(m *wire.Message, via wire.ViaValue, src netip.AddrPort) {
	asked := !via.RPort.All.Empty()
	same := string(via.Host.Of(m.Raw)) == w.addrText(src.Addr())
	if !via.Received.All.Empty() {
		w.edit(via.Received.All, nil)
	} else if same && !asked {
		return
	}
	if asked {
		w.edit(via.RPort.All, w.join(";rport=", strconv.Itoa(int(src.Port()))))
	}
	if !same || asked {
		w.insert(via.Value.End, ";received=", w.addrText(src.Addr()))
	}
}

// addrText writes an address, remembering the last one: most messages of a
// burst come from the same peer.
func (w *work) addrText(a netip.Addr) string {
	if w.lastAddr != a {
		w.lastAddr, w.lastText = a, a.String()
	}
	return w.lastText
}

// popVia removes the topmost Via, which is ours, and returns the one below.
// It is not ok when there is none: the answer was for us.
func (w *work) popVia(m *wire.Message) (below wire.ViaValue, ok bool) {
	top := m.First(wire.Via)
	_, rest, _ := wire.ReadVia(m.Raw, top.Value)
	if !rest.Empty() {
		w.edit(wire.Span{Start: top.Value.Start, End: rest.Start}, nil)
		below, _, ok = wire.ReadVia(m.Raw, rest)
		return below, ok
	}
	w.edit(top.Line, nil)
	for i := range m.Headers {
		if h := &m.Headers[i]; h.Kind == wire.Via && h != top {
			below, _, ok = wire.ReadVia(m.Raw, h.Value)
			return below, ok
		}
	}
	return below, false
}
