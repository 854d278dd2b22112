package main

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"callscreen/console"
)

// metrics is everything of the process that is counted.
func (p *process) metrics() prometheus.Gatherer {
	r := prometheus.NewRegistry()
	r.MustRegister(p.agent, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// openConsole opens what the configuration wants served over HTTP. A port that
// cannot be had is logged: who watches calls must not keep them from ringing.
func (p *process) openConsole() {
	if p.c.HTTP.Listen == "" {
		return
	}
	server, err := console.New(console.Options{Listen: p.c.HTTP.Listen, Metrics: p.metrics(), Logger: p.log})
	if err != nil {
		p.log.Error().Err(err).Msg("no metrics over http")
		return
	}
	p.http = server
}

// runConsole serves it until stop is called, which waits for its end.
func (p *process) runConsole() (stop func()) {
	if p.http == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() { // ends by cancel
		if err := p.http.Run(ctx); err != nil {
			p.log.Error().Err(err).Msg("no metrics over http any more")
		}
	})
	return func() {
		cancel()
		serving.Wait()
	}
}
