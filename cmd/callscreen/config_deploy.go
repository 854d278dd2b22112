package main

import (
	"fmt"
	"strconv"

	"callscreen/sipagent"
)

// What becomes of the calls of a trunk: they are relayed to the PBX, or the trunk
// is told where they shall go.
const (
	modeProxy    = "proxy"
	modeRedirect = "redirect"
)

// mode checks how a trunk is served.
func (k checker) mode(t trunkConfig, path ...any) {
	switch {
	case t.Mode != modeProxy && t.Mode != modeRedirect:
		k.doc.Report("mode is "+strconv.Quote(t.Mode), "write proxy or redirect", append(path, "mode")...)
	case t.Mode == modeRedirect && len(t.Targets) > 0:
		k.doc.Report("targets do nothing in mode: redirect", "remove them: no calls go there", append(path, "targets")...)
	}
	if t.GoOn != 404 && t.GoOn != 503 {
		k.doc.Report(fmt.Sprintf("go_on is %d", t.GoOn), "write 404 or 503", append(path, "go_on")...)
	}
}

func (t trunkConfig) agent() sipagent.Trunk {
	o := sipagent.Trunk{
		Name: t.Name, Networks: plain(t.Networks), Listen: t.Listen, Targets: agentTargets(t.Targets), TrustIdentity: t.TrustIdentity,
	}
	if t.Mode == modeRedirect {
		o.Redirect = t.GoOn
	}
	return o
}
