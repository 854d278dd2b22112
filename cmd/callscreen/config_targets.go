package main

import (
	"fmt"
	"slices"

	"callscreen/sipagent"
)

// targetConfig is one of the places that calls to a peer go to. It may be written
// as its URI alone.
type targetConfig struct {
	URI      target `yaml:"uri"`
	Priority *int   `yaml:"priority"` // nil: its place in the list
	Weight   int    `yaml:"weight"`
}

// SetDefaults makes t what an entry without keys is.
func (t *targetConfig) SetDefaults() { *t = targetConfig{Weight: 1} }

// UnmarshalText reads the URI alone.
func (t *targetConfig) UnmarshalText(text []byte) error { return t.URI.UnmarshalText(text) }

// agentTargets returns targets as sipagent takes them.
func agentTargets(targets []targetConfig) []sipagent.Target {
	all := make([]sipagent.Target, len(targets))
	for i, t := range targets {
		all[i] = sipagent.Target{URI: t.URI.text, Priority: i, Weight: t.Weight}
		if t.Priority != nil {
			all[i].Priority = *t.Priority
		}
	}
	return all
}

// targets checks where messages of ours go to, and that its answers are taken
// for the peer's own.
func (k checker) targets(p peer, all []peer) {
	const most = 36 // as many as the branches of sipagent tell apart
	switch {
	case p.asks:
		return
	case len(p.targets) == 0:
		k.doc.Report("targets of "+p.who()+" are missing", `write where calls to it go, as in targets: ["sip:203.0.113.10:5060"]`, p.at("targets")...)
	case len(p.targets) > most:
		k.doc.Report(fmt.Sprintf("targets of %s are %d", p.who(), len(p.targets)), fmt.Sprintf("write %d at the most", most), p.at("targets")...)
	}
	for i, t := range p.targets {
		path := p.at("targets", i)
		if t.URI.text == "" {
			k.doc.Report("uri is missing", `write it as in {uri: "sip:192.168.1.10:5060", weight: 2}`, append(slices.Clip(path), "uri")...)
			continue
		}
		k.between("weight", t.Weight, 1, 1000, append(slices.Clip(path), "weight")...)
		if t.Priority != nil {
			k.between("priority", *t.Priority, 0, 1000, append(slices.Clip(path), "priority")...)
		}
		if slices.ContainsFunc(p.targets[:i], func(other targetConfig) bool { return other.URI == t.URI }) {
			k.doc.Report("target "+t.URI.text+" stands here twice", "remove it, or give one a weight", path...)
			continue
		}
		k.target(t.URI, p, all, path)
	}
}

// target checks one of them.
func (k checker) target(t target, p peer, all []peer, path []any) {
	l, ok := k.c.listener(p.listen)
	if !ok {
		return
	}
	if !slices.ContainsFunc(l.Address, t.takes) {
		k.doc.Report(fmt.Sprintf("target %s takes no transport of listener %q", t.text, l.Name), "write one that the listener has", path...)
		return
	}
	if !t.addr.IsValid() || len(p.networks) == 0 {
		return
	}
	switch owner := ownerOf(t.addr, p, all); {
	case slices.ContainsFunc(l.Address, func(a listenAddress) bool { return t.addr == a.AddrPort }):
		k.doc.Report("target "+t.text+" is callscreen itself", "write the address of "+p.who(), path...)
	case !slices.ContainsFunc(l.Address, func(a listenAddress) bool { return t.takes(a) && a.reaches(t.addr.Addr()) }):
		k.doc.Report(fmt.Sprintf("target %s cannot be reached from %s", t.text, join(l.Address)), "write an address of the same IP version", path...)
	case owner == "":
		k.doc.Report("target "+t.text+" is outside the networks of "+p.who()+", so that its answers would be dropped",
			"add "+t.addr.Addr().String()+" to networks", path...)
	case owner != p.name:
		k.doc.Report("target "+t.text+" lies in the networks of "+owner, "write "+t.addr.Addr().String()+" into networks here, and there only what is its own", path...)
	}
}
