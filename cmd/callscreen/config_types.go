package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"callscreen/screening/strictyaml"
	"callscreen/sipagent"
	"callscreen/sipagent/wire"
)

// secret is a text that is never printed.
type secret string

// Format prints that there is a secret, whatever the verb.
func (secret) Format(s fmt.State, _ rune) { fmt.Fprint(s, "secret") }

// listenAddress is where a listener listens: "udp:0.0.0.0:5060".
type listenAddress struct {
	netip.AddrPort
	transport string // udp, tcp or tls
}

var anyAddress = listenAddress{netip.AddrPortFrom(netip.IPv4Unspecified(), 5060), "udp"}

// transports are what SIP can be carried by here.
var transports = []string{"udp", "tcp", "tls"}

// UnmarshalText reads the form that String returns. After an error the address
// is invalid.
func (a *listenAddress) UnmarshalText(text []byte) error {
	*a = listenAddress{}
	transport, rest, _ := strings.Cut(string(text), ":")
	hint := `write it as in "udp:0.0.0.0:5060", "tcp:[::]:5060" or "tls:192.0.2.1:5061"`
	ap, err := netip.ParseAddrPort(rest)
	if err != nil || !slices.Contains(transports, transport) || ap.Addr().Zone() != "" {
		return strictyaml.Error{Text: "address " + strconv.Quote(string(text)) + " cannot be listened on", Hint: hint}
	}
	*a = listenAddress{netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), transport}
	return nil
}

// String returns the address as the configuration has it.
func (a listenAddress) String() string { return a.transport + ":" + a.AddrPort.String() }

// reaches reports whether a socket bound to a can send to an address.
func (a listenAddress) reaches(to netip.Addr) bool {
	own := a.Addr()
	return !own.IsValid() || own.Is4() == to.Is4() || own.Is6() && own.IsUnspecified()
}

// collides reports whether two sockets cannot be bound at a time.
func (a listenAddress) collides(b listenAddress) bool {
	if a.Port() == 0 || a.Port() != b.Port() || (a.transport == "udp") != (b.transport == "udp") {
		return false
	}
	return a.Addr() == b.Addr() || a.Addr().IsUnspecified() || b.Addr().IsUnspecified()
}

// network is a set of addresses that a peer may send from.
type network struct{ sipagent.Network }

// UnmarshalText reads what [sipagent.ParseNetwork] does.
func (n *network) UnmarshalText(text []byte) error {
	parsed, err := sipagent.ParseNetwork(string(text))
	if err != nil {
		what := err.Error()
		colon := strings.LastIndex(what, ": ") // none is in the hint
		return strictyaml.Error{Text: what[:colon], Hint: what[colon+2:]}
	}
	n.Network = parsed
	return nil
}

// exact says how exactly the network names an address: 0 not at all, more for a
// longer prefix and for a port.
func (n network) exact(a netip.AddrPort) int {
	switch {
	case !n.Prefix.Contains(a.Addr()) || n.Port != 0 && n.Port != a.Port():
		return 0
	case n.Port != 0:
		return 2 + 2*n.Prefix.Bits()
	}
	return 1 + 2*n.Prefix.Bits()
}

// target is where messages of ours go to: "sip:192.168.1.10:5060".
type target struct {
	text      string
	addr      netip.AddrPort // invalid when the URI holds a name
	transport string         // empty when the URI names none
	port      bool           // the URI names it
}

// takes reports whether messages can go to the target from an address: a port
// without a transport is that of UDP and TCP.
func (t target) takes(from listenAddress) bool {
	if t.transport != "" {
		return from.transport == t.transport
	}
	return from.transport != "tls" || !t.port
}

// UnmarshalText reads a SIP URI that messages can be sent to.
func (t *target) UnmarshalText(text []byte) error {
	hint := `write it as in "sip:192.168.1.10:5060"`
	u, ok := wire.ReadURI(text, wire.Span{End: int32(len(text))})
	what := "target " + strconv.Quote(string(text))
	switch {
	case !ok || !u.IsSIP(text):
		return strictyaml.Error{Text: what + " is no SIP URI", Hint: hint}
	case u.User != wire.Span{}, strings.Contains(string(text), "?"), !t.readParams(text, u):
		return strictyaml.Error{Text: what + " holds more than a host, a port and a transport", Hint: `write it as in "sip:192.168.1.10;transport=tls"`}
	}
	port := u.Port
	if t.port = port != 0; !t.port {
		if port = 5060; t.transport == "tls" {
			port = 5061
		}
	}
	t.text = strings.TrimSpace(string(text))
	if addr, err := netip.ParseAddr(string(u.Host.Of(text))); err == nil {
		t.addr = netip.AddrPortFrom(addr.Unmap(), port)
	}
	return nil
}

// readParams reads the transport, and reports whether nothing else is there.
func (t *target) readParams(text []byte, u wire.URI) bool {
	if wire.EqualFold(u.Scheme.Of(text), "sips") {
		t.transport = "tls"
	}
	if u.Params.Empty() {
		return true
	}
	p, rest, ok := wire.NextParam(text, u.Params)
	if !ok || !rest.Empty() || !wire.EqualFold(p.Name.Of(text), "transport") || t.transport != "" {
		return false
	}
	t.transport = strings.ToLower(string(p.Value.Of(text)))
	return slices.Contains(transports, t.transport)
}
