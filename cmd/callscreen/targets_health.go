package main

import (
	"fmt"
	"slices"
	"strings"

	"callscreen/console"
	"callscreen/sipagent"
)

// targetWhys says in words why a target gets no calls.
var targetWhys = map[string]string{
	"refused":   "nobody listens there",
	"silent":    "it does not answer",
	"busy":      "it says 503, that it is overloaded or closing down",
	"not found": "DNS knows no address of it",
}

// checkTargets tells which targets are down. That makes callscreen no less fit to
// take calls: they are tried all the same.
func (p *process) checkTargets() console.Check {
	return targetCheck(p.agent.Targets())
}

func targetCheck(all []sipagent.TargetState) console.Check {
	c := console.Check{Name: "targets"}
	var down, up []string
	left := map[string]int{}
	for _, t := range all {
		name := t.Target
		if t.Address != "" && !strings.Contains(t.Target, t.Address) {
			name += " (" + t.Transport + " " + t.Address + ")"
		}
		if t.Up {
			left[t.Peer]++
			up = append(up, t.Peer+" "+name)
			continue
		}
		down = append(down, fmt.Sprintf("%s %s: %s", t.Peer, name, targetWhys[t.Why]))
		if !t.Since.IsZero() && (c.Since.IsZero() || t.Since.Before(c.Since)) {
			c.Since = t.Since
		}
	}
	if len(down) == 0 {
		c.Detail = "up: " + strings.Join(slices.Compact(up), ", ")
		return c
	}
	c.Fault = strings.Join(down, "; ")
	if left[pbxName] == 0 {
		c.Fault += "; no target of the pbx is left: its calls are tried, and answered with failover.status"
	}
	return c
}
