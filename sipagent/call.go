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
		Withheld: withheld(m, from.trust), To: called(to),
	}
	tell(&c, m, id, from.trust)
	return c
}

// called returns the number that a Request-URI asks for, as it stands there.
func called(to sip.Uri) string {
	if strings.HasPrefix(to.Scheme, "sip") {
		return to.User
	}
	return to.Raw()
}

// tell adds what only policies look at. Who sent the call on and whether its
// number was verified is the word of the trunk, so that it takes one that is
// trusted.
func tell(c *screening.Call, m *wire.Message, id identity, trust bool) {
	from, _ := wire.ReadAddress(m.Raw, m.First(wire.From).Value)
	c.Claimed = string(from.URI.Of(m.Raw))
	eachAddress(m, wire.PAssertedIdentity, func(a wire.Address) {
		if c.Asserted == "" {
			c.Asserted = string(a.URI.Of(m.Raw))
		}
	})
	eachNamed(m, "user-agent", func(h *wire.Header) {
		if c.UserAgent == "" {
			c.UserAgent = string(h.Value.Of(m.Raw))
		}
	})
	if !trust {
		return
	}
	c.DivertedBy = divertedBy(m)
	if c.Verstat = verstat(id.addr.URI.Of(m.Raw)); c.Verstat == "" {
		c.Verstat = verstat(from.URI.Of(m.Raw))
	}
}

// verstat returns the verstat parameter of a URI (3GPP TS 24.229, section
// 7.2A.20). It belongs to the telephone number, so that in a SIP URI it may stand
// in front of the host as well as behind it.
func verstat(uri []byte) string {
	for rest := uri; ; {
		semi := bytes.IndexByte(rest, ';')
		if semi < 0 {
			return ""
		}
		rest = rest[semi+1:]
		name, value, _ := bytes.Cut(rest, []byte("="))
		if wire.EqualFold(name, "verstat") {
			if end := bytes.IndexAny(value, ";@?"); end >= 0 {
				value = value[:end]
			}
			return string(value)
		}
	}
}

// divertedBy returns the URI of who sent the call on: the topmost Diversion, which
// is the latest (RFC 5806), else what History-Info says.
func divertedBy(m *wire.Message) (uri string) {
	eachNamed(m, "diversion", func(h *wire.Header) {
		eachValue(m.Raw, h.Value, func(a wire.Address) {
			if uri == "" {
				uri = string(a.URI.Of(m.Raw))
			}
		})
	})
	if uri != "" {
		return uri
	}
	var by, last, mapped wire.Span
	eachNamed(m, "history-info", func(h *wire.Header) {
		eachValue(m.Raw, h.Value, func(a wire.Address) {
			switch p, ok := wire.FindParam(m.Raw, a.Params, "mp"); {
			case ok:
				by, mapped = wire.Span{}, p.Value
			case diverted(m, a):
				by, mapped = last, wire.Span{}
			}
			last = a.URI
		})
	})
	if !mapped.Empty() { // looked up once: a list may be long
		by = historyEntry(m, mapped.Of(m.Raw))
	}
	return string(by.Of(m.Raw))
}

// historyEntry returns the URI of the entry of History-Info with an index. It is
// what an mp parameter points to: the user whose call went to another (RFC 7044
// section 10.4).
func historyEntry(m *wire.Message, index []byte) (uri wire.Span) {
	eachNamed(m, "history-info", func(h *wire.Header) {
		eachValue(m.Raw, h.Value, func(a wire.Address) {
			p, ok := wire.FindParam(m.Raw, a.Params, "index")
			if ok && bytes.Equal(p.Value.Of(m.Raw), index) {
				uri = a.URI
			}
		})
	})
	return uri
}

// diverted reports whether the cause in a URI (RFC 4458) says that the call was
// sent on to it by the entry before, as elements write who know no mp. 380 is the
// translation of a service number (RFC 8119).
func diverted(m *wire.Message, a wire.Address) bool {
	uri, ok := wire.ReadURI(m.Raw, a.URI)
	cause, named := wire.FindParam(m.Raw, uri.Params, "cause")
	return ok && named && !bytes.HasPrefix(cause.Value.Of(m.Raw), []byte("380"))
}

// eachNamed calls f for every header of a name in lower case that has no Kind.
func eachNamed(m *wire.Message, name string, f func(*wire.Header)) {
	for i := range m.Headers {
		if h := &m.Headers[i]; h.Kind == wire.Other && wire.EqualFold(h.Name.Of(m.Raw), name) {
			f(h)
		}
	}
}

// eachValue calls f for every address in the value of a header that can be read.
func eachValue(raw []byte, list wire.Span, f func(wire.Address)) {
	for rest := list; !rest.Empty(); {
		var value wire.Span
		value, rest = wire.NextValue(raw, rest)
		if a, ok := wire.ReadAddress(raw, value); ok {
			f(a)
		}
	}
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
		eachValue(m.Raw, h.Value, func(addr wire.Address) {
			if !addr.Angle && (k == wire.PAssertedIdentity || k == wire.PPreferredIdentity) {
				addr.URI, addr.Params = addr.Value, wire.Span{} // they have no parameters of their own (RFC 3325 section 9)
			}
			party, named := wire.FindParam(m.Raw, addr.Params, "party")
			if k != wire.RemotePartyID || !named || wire.EqualFold(party.Value.Of(m.Raw), "calling") {
				f(addr)
			}
		})
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
