package sipagent

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callscreen/screening"
)

// metrics reads what the agent offers: "name{label values}" and what it counts,
// without what is zero.
func (r *rig) metrics() map[string]float64 {
	r.t.Helper()
	registry := prometheus.NewPedanticRegistry() // holds Collect against Describe
	if err := registry.Register(r.agent); err != nil {
		r.t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
				all[strings.TrimPrefix(f.GetName(), "callscreen_sip_")+"{"+strings.Join(labels, ",")+"}"] = v
			}
		}
	}
	return all
}

// counts checks some of the metrics.
func (r *rig) counts(want map[string]float64) {
	r.t.Helper()
	got := r.metrics()
	for name, n := range want {
		if got[name] != n {
			r.t.Errorf("%s = %v, want %v (all: %v)", name, got[name], n, got)
		}
	}
}

func TestMessagesAreCounted(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("counted")
	r.pbx.send(r.talk(c).answer("200 OK")) // again: it is the same call
	r.carrier.want("SIP/2.0 200")
	r.carrier.send("nothing\n\n")
	c.cseq++
	r.carrier.send(c.request("FOO", "foo"))
	r.pbx.send(r.pbx.want("FOO ").answer("600 Busy Everywhere"))
	r.carrier.want("SIP/2.0 600")
	r.counts(map[string]float64{
		"messages_total{in,INVITE}": 1, "messages_total{out,INVITE}": 1, "messages_total{out,1xx}": 1, "messages_total{in,1xx}": 0,
		"messages_total{in,2xx}": 2, "messages_total{out,2xx}": 2, "retransmissions_total{in,answer}": 1, "messages_total{in,ACK}": 1, "messages_total{out,ACK}": 1,
		"messages_total{in,other}": 1, "messages_total{out,other}": 1, "messages_total{in,6xx}": 1, "messages_total{out,6xx}": 1,
		"dropped_total{not-sip}": 1, "setups_total{200,tag}": 1, "contexts{}": 1, "setups_open{}": 0, "sources{}": 1,
	})
}

func TestSetupsAreCounted(t *testing.T) {
	for want, d := range map[string]screening.Decision{
		"allow":  {Verdict: screening.Verdict{Rule: "default"}},
		"tag":    {Verdict: screening.Verdict{Action: screening.Tag, Label: "x"}},
		"divert": {Verdict: screening.Verdict{Action: screening.Divert, Target: "sip:8000@192.0.2.10"}},
		"error":  {Verdict: screening.Verdict{Rule: screening.RuleFailOpen}},
	} {
		r := newRig(t, screenFunc(func(c screening.Call) screening.Decision { d.Call = c; return d }))
		inv := r.invite(r.carrier.newCall("busy"))
		r.counts(map[string]float64{"setups_open{}": 1, "contexts{}": 1})
		for range 2 { // a retransmission is the same call
			r.pbx.send(inv.answer("486 Busy Here"))
			r.pbx.want("ACK ")
		}
		r.carrier.want("SIP/2.0 486")
		r.counts(map[string]float64{"setups_total{486," + want + "}": 1, "retransmissions_total{in,answer}": 1, "setups_open{}": 0})
	}
	r := newRig(t, refused)
	r.carrier.send(r.carrier.newCall("refused").request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.want("SIP/2.0 603")
	r.counts(map[string]float64{"setups_total{603,reject}": 1})
	r.pbx.send(r.pbx.newCall("out").request("INVITE", ""))
	r.pbx.want("SIP/2.0 100")
	r.carrier.send(r.carrier.want("INVITE ").answer("200 OK"))
	r.pbx.want("SIP/2.0 200")
	r.counts(map[string]float64{"setups_total{200,none}": 1})

	r = newRig(t, newCounted())
	c := r.carrier.newCall("gone")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.cancel(c)
	r.carrier.want("SIP/2.0 487")
	r.counts(map[string]float64{"setups_total{487,undecided}": 1})
}

func TestRetransmissionsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed)
		c := r.carrier.newCall("silent")
		inv := r.invite(c)
		r.carrier.send(c.request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
		r.pbx.want("INVITE ") // timer A
		r.pbx.send(inv.answer("180 Ringing"))
		r.carrier.want("SIP/2.0 180")
		r.cancel(c)
		r.pbx.want("CANCEL ")
		r.pbx.want("CANCEL ") // timer E
		r.pbx.send(inv.answer("487 Request Terminated"))
		r.carrier.want("SIP/2.0 487")
		r.carrier.want("SIP/2.0 487") // timer G
		r.counts(map[string]float64{
			"retransmissions_total{in,invite}": 1, "retransmissions_total{out,invite}": 1,
			"retransmissions_total{out,cancel}": 1, "retransmissions_total{out,answer}": 1, "retransmissions_total{in,answer}": 0,
		})
		time.Sleep(time.Minute)
		r.counts(map[string]float64{"contexts{}": 0, "setups_open{}": 0})
	})
}

func TestMessageKind(t *testing.T) {
	for in, want := range map[string]string{
		"SIP/2.0 100 Trying\r\n": "1xx", "sip/2.0 699\r\n": "6xx", "INVITE sip:a SIP/2.0": "INVITE", "invite sip:a SIP/2.0": "other",
		"PUBLISH sip:a SIP/2.0": "PUBLISH", "1xx sip:a SIP/2.0": "other", "other x SIP/2.0": "other", "SIP/2.0 ": "other", "": "other", "BYE": "other",
	} {
		if got := messageNames[messageKind([]byte(in))]; got != want {
			t.Errorf("messageKind(%q) = %s, want %s", in, got, want)
		}
	}
	for i, name := range messageNames[firstMethod:otherMethod] {
		if got := messageKind(fmt.Append(nil, name, " sip:a SIP/2.0")); got != firstMethod+i {
			t.Errorf("messageKind(%s) = %s", name, messageNames[got])
		}
	}
}
