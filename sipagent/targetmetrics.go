package sipagent

import "github.com/prometheus/client_golang/prometheus"

var (
	targetUpDesc = prometheus.NewDesc("callscreen_target_up",
		"Addresses of a target that calls go to; 0: all are down, or DNS knows none.", []string{"peer", "target"}, nil)
	targetPlacesDesc = prometheus.NewDesc("callscreen_target_addresses",
		"Addresses of a target, by all its transports.", []string{"peer", "target"}, nil)
	targetRTTDesc = prometheus.NewDesc("callscreen_target_rtt_seconds",
		"How long the last answer to an OPTIONS took, the shortest of all addresses.", []string{"peer", "target"}, nil)
	failedOverDesc = prometheus.NewDesc("callscreen_sip_failovers_total",
		"Calls sent on to another target, by why the one before did not take them.", []string{"reason"}, nil)
)

// describeTargets is the part of [Agent.Describe] that is about targets.
func describeTargets(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{targetUpDesc, targetPlacesDesc, targetRTTDesc, failedOverDesc} {
		ch <- d
	}
}

// collectTargets is the part of [Agent.Collect] that is about targets. Label
// values come from the configuration.
func (a *Agent) collectTargets(ch chan<- prometheus.Metric) {
	for i, name := range failureNames {
		ch <- prometheus.MustNewConstMetric(failedOverDesc, prometheus.CounterValue, float64(a.failedOver[i].Load()), name)
	}
	type key struct{ peer, target string }
	type sum struct{ up, all, rtt float64 }
	sums := map[key]sum{}
	for _, s := range a.Targets() {
		at := key{s.Peer, s.Target}
		n := sums[at]
		if s.Address != "" {
			n.all++
		}
		if s.Up {
			n.up++
		}
		if rtt := s.RTT.Seconds(); rtt > 0 && (n.rtt == 0 || rtt < n.rtt) {
			n.rtt = rtt
		}
		sums[at] = n
	}
	gauge := func(d *prometheus.Desc, v float64, at key) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, at.peer, at.target)
	}
	for at, n := range sums {
		gauge(targetUpDesc, n.up, at)
		gauge(targetPlacesDesc, n.all, at)
		if n.rtt > 0 {
			gauge(targetRTTDesc, n.rtt, at)
		}
	}
}
