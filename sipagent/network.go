package sipagent

import (
	"fmt"
	"net/netip"
	"strings"
)

// Network is a set of addresses that a peer may send from: a prefix, and a port
// where one is configured.
type Network struct {
	Prefix netip.Prefix
	Port   uint16 // 0: any
}

// ParseNetwork reads "203.0.113.0/24", "203.0.113.10", "203.0.113.10:5060",
// "2001:db8::/32" or "[2001:db8::1]:5060".
func ParseNetwork(s string) (Network, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return Network{Prefix: p.Masked()}, nil
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return Network{Prefix: netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())}, nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil && ap.Addr().Zone() == "" && ap.Port() != 0 {
		a := ap.Addr().Unmap()
		return Network{Prefix: netip.PrefixFrom(a, a.BitLen()), Port: ap.Port()}, nil
	}
	hint := `write an address or a network, such as "203.0.113.10" or "203.0.113.0/24"`
	if strings.ContainsAny(s, "/") {
		hint = `write the network with its prefix length, such as "203.0.113.0/24"`
	}
	return Network{}, fmt.Errorf("%q is no network: %s", s, hint)
}

// String returns the form that ParseNetwork reads.
func (n Network) String() string {
	if n.Port != 0 {
		return netip.AddrPortFrom(n.Prefix.Addr(), n.Port).String()
	}
	return n.Prefix.String()
}

// rank says how exactly the network names the address: 0 when it does not
// contain it, more for longer prefixes and for a port.
func (n Network) rank(a netip.AddrPort) int {
	if !n.Prefix.Contains(a.Addr()) || n.Port != 0 && n.Port != a.Port() {
		return 0
	}
	rank := 1 + 2*n.Prefix.Bits()
	if n.Port != 0 {
		rank++
	}
	return rank
}
