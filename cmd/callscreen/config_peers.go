package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"callscreen/screening/strictyaml"
)

// pbxName is what the PBX is called where trunks go by their names.
const pbxName = "pbx"

// peer is what a trunk and the PBX have in common.
type peer struct {
	name     string
	listen   string
	networks []network
	targets  []targetConfig
	asks     bool  // no calls go to it
	path     []any // in the configuration
}

// who names the peer in messages.
func (p peer) who() string { return cmp.Or(p.name, "this trunk") }

// at returns the path to what is below the peer.
func (p peer) at(steps ...any) []any { return append(slices.Clip(p.path), steps...) }

// peers returns the PBX and then the trunks.
func (c *config) peers() []peer {
	all := []peer{{pbxName, c.PBX.Listen, c.PBX.Networks, c.PBX.Targets, false, []any{"pbx"}}}
	for i, t := range c.Trunks {
		p := peer{t.Name, t.Listen, t.Networks, t.Targets, t.Mode != modeProxy, []any{"trunks", i}}
		if t.Mode == modeOutAndBack {
			p.networks = c.PBX.Networks
		}
		all = append(all, p)
	}
	return all
}

func (k checker) peers() {
	all := k.c.peers()
	for i, p := range all {
		k.listen(p)
		if i == 0 || k.c.Trunks[i-1].Mode != modeOutAndBack { // its networks are checked as the PBX's
			k.networks(p, all[:i])
		}
		k.targets(p, all)
	}
}

func (c *config) listener(name string) (listenConfig, bool) {
	i := slices.IndexFunc(c.Listen, func(l listenConfig) bool { return l.Name == name })
	if i < 0 {
		return listenConfig{}, false
	}
	return c.Listen[i], true
}

func (k checker) listen(p peer) {
	if _, ok := k.c.listener(p.listen); ok || len(k.c.Listen) == 0 {
		return
	}
	var names []string
	for _, l := range k.c.Listen {
		names = append(names, l.Name)
	}
	hint := "write listen: and one of " + strings.Join(names, ", ")
	if near := strictyaml.Nearest(p.listen, names); near != "" {
		hint = "did you mean " + strconv.Quote(near) + "?"
	}
	k.doc.Report(fmt.Sprintf("no listener is named %q", p.listen), hint, p.at("listen")...)
}

// networks checks that it can be told who sends. The more exact of two networks
// wins; of two that are the same, none does.
func (k checker) networks(p peer, above []peer) {
	if len(p.networks) == 0 {
		k.doc.Report("networks of "+p.who()+" are missing", "write the addresses it sends from, as in networks: [203.0.113.0/24]", p.at("networks")...)
	}
	for i, n := range p.networks {
		switch {
		case !n.Prefix.IsValid():
		case slices.Contains(p.networks[:i], n):
			k.doc.Report("network "+n.String()+" stands here twice", "remove it", p.at("networks", i)...)
		case n.Port != 0 && k.connects(p):
			k.doc.Report("network "+n.String()+" names a port, and connections come from any", "write it without", p.at("networks", i)...)
		case n.Prefix.Bits() == 0 && p.name == pbxName:
			k.doc.Report("network "+n.String()+" lets the whole world call out", "write the addresses of the PBX alone", p.at("networks", i)...)
		}
		for _, other := range above {
			if n.Prefix.IsValid() && other.listen == p.listen && slices.Contains(other.networks, n) {
				k.doc.Report(fmt.Sprintf("network %s on listener %q is that of %s", n, p.listen, other.name),
					"give each its own networks or its own listener", p.at("networks", i)...)
			}
		}
	}
}

// connects reports whether a peer may come by connections.
func (k checker) connects(p peer) bool {
	l, _ := k.c.listener(p.listen)
	return slices.ContainsFunc(l.Address, func(a listenAddress) bool { return a.transport == "tcp" || a.transport == "tls" })
}

func join(addresses []listenAddress) string {
	var texts []string
	for _, a := range addresses {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, " and ")
}

// ownerOf names the peer that a message from addr at p's listener is taken to
// come from: the one whose networks are most exact, p among equals. It is empty
// for a stranger, and for p when a network of p could not be read.
func ownerOf(addr netip.AddrPort, p peer, all []peer) string {
	best, owner := 0, ""
	for _, q := range append([]peer{p}, all...) {
		for _, n := range q.networks {
			if !n.Prefix.IsValid() {
				return p.name // an error already, and nobody knows what it holds
			}
			if exact := n.exact(addr); exact > best && (q.listen == p.listen || q.path[0] == pbxName) {
				best, owner = exact, q.name
			}
		}
	}
	return owner
}
