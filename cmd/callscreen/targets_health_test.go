package main

import (
	"testing"
	"time"

	"callscreen/console"
	"callscreen/sipagent"
)

func TestTargetCheck(t *testing.T) {
	early, late := time.Unix(1000, 0), time.Unix(2000, 0)
	one := func(peer, target, address, why string, since time.Time) sipagent.TargetState {
		return sipagent.TargetState{Peer: peer, Target: target, Address: address, Transport: "udp", Up: why == "", Why: why, Since: since}
	}
	for _, tt := range []struct {
		name string
		all  []sipagent.TargetState
		want console.Check
	}{
		{"all up", []sipagent.TargetState{
			one("pbx", "sip:192.0.2.1:5060", "192.0.2.1:5060", "", early), one("pbx", "sip:pbx.example", "192.0.2.2:5060", "", time.Time{}),
		}, console.Check{Detail: "up: pbx sip:192.0.2.1:5060, pbx sip:pbx.example (udp 192.0.2.2:5060)"}},
		{"one of two is down", []sipagent.TargetState{
			one("pbx", "sip:192.0.2.1:5060", "192.0.2.1:5060", "silent", late), one("pbx", "sip:192.0.2.2:5060", "192.0.2.2:5060", "", early),
			one("carrier", "sip:203.0.113.9:5060", "203.0.113.9:5060", "busy", early),
		}, console.Check{
			Fault: "pbx sip:192.0.2.1:5060: it does not answer; carrier sip:203.0.113.9:5060: it says 503, that it is overloaded or closing down",
			Since: early,
		}},
		{"none is left", []sipagent.TargetState{
			one("pbx", "sip:192.0.2.1:5060", "192.0.2.1:5060", "refused", late), one("pbx", "sip:pbx.example", "", "not found", time.Time{}),
		}, console.Check{
			Fault: "pbx sip:192.0.2.1:5060: nobody listens there; pbx sip:pbx.example: DNS knows no address of it; " +
				"no target of the pbx is left: its calls are tried, and answered with failover.status",
			Since: late,
		}},
	} {
		tt.want.Name = "targets"
		if got := targetCheck(tt.all); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
