package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"callscreen/sipagent"
)

// What becomes of the calls of a trunk.
const (
	modeProxy      = "proxy"        // they are relayed to the PBX
	modeOutAndBack = "out-and-back" // they are the PBX's, which gets them back
	modeRedirect   = "redirect"     // the trunk is told where they shall go
)

var modes = []string{modeProxy, modeOutAndBack, modeRedirect}

// mode checks how the i-th trunk is served.
func (k checker) mode(i int) {
	t, path := k.c.Trunks[i], []any{"trunks", i}
	switch {
	case !slices.Contains(modes, t.Mode):
		k.doc.Report("mode is "+strconv.Quote(t.Mode), "write proxy, out-and-back or redirect", append(path, "mode")...)
	case t.Mode == modeOutAndBack:
		k.outAndBack(i)
	case t.Mode == modeRedirect && len(t.Targets) > 0:
		k.doc.Report("targets do nothing in mode: redirect", "remove them: no calls go there", append(path, "targets")...)
	case t.Mode == modeProxy:
		k.straightBack(i)
	}
	if t.Register && t.Mode != modeProxy {
		k.doc.Report("register does nothing in mode: "+t.Mode, "remove it: the PBX registers at a carrier", append(path, "register")...)
	}
	if t.GoOn != 404 && t.GoOn != 503 {
		k.doc.Report(fmt.Sprintf("go_on is %d", t.GoOn), "write 404 or 503", append(path, "go_on")...)
	}
}

// outAndBack checks that it can be told what goes out and what comes back.
func (k checker) outAndBack(i int) {
	t, path := k.c.Trunks[i], []any{"trunks", i}
	if len(t.Networks) > 0 {
		k.doc.Report("networks are those of the PBX in mode: out-and-back", "remove them", append(path, "networks")...)
	}
	if len(t.Targets) > 0 {
		k.doc.Report("targets are those of the PBX in mode: out-and-back", "remove them", append(path, "targets")...)
	}
	users := []string{}
	for j, p := range k.c.peers() {
		if p.listen == t.Listen && j != i+1 {
			users = append(users, p.name)
		}
	}
	if len(users) > 0 {
		k.doc.Report(fmt.Sprintf("listener %q is that of %s too, and out-and-back needs one for itself", t.Listen, strings.Join(users, " and ")),
			"add one with another port to listen, and name it here", append(path, "listen")...)
	}
}

// straightBack checks that calls of the PBX do not come straight back to it.
func (k checker) straightBack(i int) {
	all := k.c.peers()
	for j, to := range k.c.Trunks[i].Targets {
		if to.URI.text == "" || ownerOf(to.URI.addr, all[i+1], all) != all[i+1].name {
			continue // reported with the targets
		}
		if slices.ContainsFunc(k.c.PBX.Targets, func(own targetConfig) bool { return own.URI == to.URI }) {
			k.doc.Report("target "+to.URI.text+" is the PBX, whose calls would come straight back",
				"write the address of the carrier; or mode: out-and-back without networks and targets, if the PBX sends its incoming calls here", "trunks", i, "targets", j)
		}
	}
}

func (t trunkConfig) agent() sipagent.Trunk {
	o := sipagent.Trunk{
		Name: t.Name, Networks: plain(t.Networks), Listen: t.Listen, Targets: agentTargets(t.Targets), Probe: t.Probe, TrustIdentity: t.TrustIdentity,
		Register: t.Register,
	}
	switch t.Mode {
	case modeRedirect:
		o.Redirect = t.GoOn
	case modeOutAndBack:
		o.OutAndBack = true
	}
	return o
}
