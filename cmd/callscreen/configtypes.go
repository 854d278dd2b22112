package main

import (
	"fmt"
	"net/netip"
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
type listenAddress struct{ netip.AddrPort }

var anyAddress = listenAddress{netip.AddrPortFrom(netip.IPv4Unspecified(), 5060)}

// UnmarshalText reads the form that String returns. After an error the address
// is invalid.
func (a *listenAddress) UnmarshalText(text []byte) error {
	*a = listenAddress{}
	transport, rest, _ := strings.Cut(string(text), ":")
	hint := `write it as in "udp:0.0.0.0:5060" or "udp:[::]:5060"`
	if transport == "tcp" || transport == "tls" || transport == "ws" || transport == "wss" {
		return strictyaml.Error{Text: "address " + strconv.Quote(string(text)) + " is not UDP", Hint: hint}
	}
	ap, err := netip.ParseAddrPort(rest)
	if err != nil || transport != "udp" || ap.Addr().Zone() != "" {
		return strictyaml.Error{Text: "address " + strconv.Quote(string(text)) + " cannot be listened on", Hint: hint}
	}
	a.AddrPort = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	return nil
}

// String returns the address as the configuration has it.
func (a listenAddress) String() string { return "udp:" + a.AddrPort.String() }

// reaches reports whether a socket bound to a can send to an address.
func (a listenAddress) reaches(to netip.Addr) bool {
	own := a.Addr()
	return !own.IsValid() || own.Is4() == to.Is4() || own.Is6() && own.IsUnspecified()
}

// collides reports whether two sockets cannot be bound at a time.
func (a listenAddress) collides(b listenAddress) bool {
	if a.Port() == 0 || a.Port() != b.Port() {
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
	text string
	addr netip.AddrPort // invalid when the URI holds a name
}

// UnmarshalText reads a SIP URI that a message can be sent to over UDP.
func (t *target) UnmarshalText(text []byte) error {
	hint := `write it as in "sip:192.168.1.10:5060"`
	u, ok := wire.ReadURI(text, wire.Span{End: int32(len(text))})
	what := "target " + strconv.Quote(string(text))
	switch {
	case !ok || !wire.EqualFold(u.Scheme.Of(text), "sip"):
		return strictyaml.Error{Text: what + " is no SIP URI", Hint: hint}
	case u.User != wire.Span{}, !u.Params.Empty(), strings.Contains(string(text), "?"):
		return strictyaml.Error{Text: what + " holds more than a host and a port", Hint: hint}
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	t.text = strings.TrimSpace(string(text))
	if addr, err := netip.ParseAddr(string(u.Host.Of(text))); err == nil {
		t.addr = netip.AddrPortFrom(addr.Unmap(), port)
	}
	return nil
}
