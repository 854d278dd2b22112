package main

import (
	"strings"
	"testing"
)

const refuseSecond = "mode: enforce\nrules:\n  - {id: again, when: {calls: {count: \">=2\", within: 1h}}, action: reject}\n"

// TestCallersAreRememberedOverARestart: who called before is known again, and a
// memory that cannot be used keeps no process from running.
func TestCallersAreRememberedOverARestart(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", refuseSecond)
	p, stop := o.start("")
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	stop()

	p, stop = o.start("")
	o.call(p, "13041439112", o.carrier, "SIP/2.0 603 Decline")
	o.call(p, "13041439113", o.pbx, "INVITE sip:")
	stop()

	o.write("state/memory", "nonsense")
	p, stop = o.start("")
	o.call(p, "13041439113", o.pbx, "INVITE sip:")
	stop()
	if log := o.log.String(); strings.Count(log, "the memory of callers begins empty") != 1 || strings.Contains(log, "13041439112") {
		t.Errorf("log = %s; want to be told once that the memory is of no use", log)
	}
	if o.read("state/memory.bad") != "nonsense" || !strings.Contains(o.read("state/memory"), "13041439113") {
		t.Error("the memory was not set aside, or not saved anew")
	}
}
