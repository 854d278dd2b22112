package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics is everything of the process that is counted.
func (p *process) metrics() prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(p.agent, p.policy, p.record, lookupMetrics{p}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
