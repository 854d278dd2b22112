package sipagent

import (
	"bytes"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// newCall reduces an initial INVITE to what screening needs.
func newCall(m *wire.Message, to sip.Uri, from *peer, at time.Time) screening.Call {
	id := identify(m, from.trust)
	c := screening.Call{
		ID: string(m.Value(wire.CallID)), At: at, Trunk: from.name,
		From: string(id.addr.URI.Of(m.Raw)), Name: string(id.addr.AppendName(nil, m.Raw)), Header: id.header,
		Withheld: withheld(m, from.trust), To: to.User,
	}
	if !strings.HasPrefix(to.Scheme, "sip") {
		c.To = to.Raw()
	}
	return c
}

// identity is the header value that says who calls.
type identity struct {
	header string
	addr   wire.Address
}

// sources are the headers that may say who calls, in the order of trust.
var sources = [...]struct {
	kind wire.Kind
	name string
}{
	{wire.PAssertedIdentity, "P-Asserted-Identity"},
	{wire.RemotePartyID, "Remote-Party-ID"},
	{wire.PPreferredIdentity, "P-Preferred-Identity"},
}

// identify chooses the header that says who calls: on a trusted trunk the first
// identity header with a number in it, else From.
func identify(m *wire.Message, trust bool) identity {
	if trust {
		for _, s := range sources {
			if addr, ok := numbered(m, s.kind); ok {
				return identity{s.name, addr}
			}
		}
	}
	addr, _ := wire.ReadAddress(m.Raw, m.First(wire.From).Value)
	return identity{"From", addr}
}

// numbered returns the first value of a kind of header that holds a number.
func numbered(m *wire.Message, k wire.Kind) (found wire.Address, ok bool) {
	eachAddress(m, k, func(a wire.Address) {
		uri, valid := wire.ReadURI(m.Raw, a.URI)
		if !ok && valid && hasDigit(uri.User.Of(m.Raw)) {
			found, ok = a, true
		}
	})
	return found, ok
}

// eachAddress calls f for every value of a kind of header that names the
// caller. A Remote-Party-ID of another party is left out.
func eachAddress(m *wire.Message, k wire.Kind, f func(wire.Address)) {
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.Kind != k {
			continue
		}
		for rest := h.Value; !rest.Empty(); {
			var value wire.Span
			value, rest = wire.NextValue(m.Raw, rest)
			addr, ok := wire.ReadAddress(m.Raw, value)
			if !addr.Angle && (k == wire.PAssertedIdentity || k == wire.PPreferredIdentity) {
				addr.URI, addr.Params = addr.Value, wire.Span{} // they have no parameters of their own (RFC 3325 section 9)
			}
			party, named := wire.FindParam(m.Raw, addr.Params, "party")
			if ok && (k != wire.RemotePartyID || !named || wire.EqualFold(party.Value.Of(m.Raw), "calling")) {
				f(addr)
			}
		}
	}
}

func hasDigit(b []byte) bool {
	for _, c := range b {
		if '0' <= c && c <= '9' {
			return true
		}
	}
	return false
}

// withheld reports whether the caller asked not to be named: by a Privacy
// header (RFC 3323) or, on a trusted trunk, the way Remote-Party-ID has it.
func withheld(m *wire.Message, trust bool) (asked bool) {
	for i := range m.Headers {
		h := &m.Headers[i]
		if v := h.Value.Of(m.Raw); h.Kind == wire.Privacy && len(v) > 0 && !wire.EqualFold(v, "none") {
			return true
		}
	}
	if !trust {
		return false
	}
	eachAddress(m, wire.RemotePartyID, func(a wire.Address) {
		p, ok := wire.FindParam(m.Raw, a.Params, "privacy")
		asked = asked || ok && !wire.EqualFold(p.Value.Of(m.Raw), "off")
	})
	return asked
}

// namesSigned reports whether the carrier has signed the caller's name (RFC
// 9795): a label would break the signature.
func namesSigned(m *wire.Message) bool {
	for i := range m.Headers {
		h := &m.Headers[i]
		if h.Kind != wire.Identity {
			continue
		}
		semi := bytes.IndexByte(h.Value.Of(m.Raw), ';')
		if semi < 0 {
			continue
		}
		p, ok := wire.FindParam(m.Raw, wire.Span{Start: h.Value.Start + int32(semi), End: h.Value.End}, "ppt")
		if ok && wire.EqualFold(bytes.Trim(p.Value.Of(m.Raw), `"`), "rcd") {
			return true
		}
	}
	return false
}
