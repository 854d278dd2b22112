package main

import (
	"context"
	"net/http"
	"sync"

	"callscreen/console"
)

// server is something of the console.
type server interface {
	Run(ctx context.Context) error
	Close() error
}

// openConsole opens what is served beside the calls. What cannot be had is
// logged: who watches calls must not keep them from ringing.
func (p *process) openConsole() {
	if p.c.HTTP.Listen != "" {
		s, err := console.New(console.Options{Listen: p.c.HTTP.Listen, Open: p.passed.http, Metrics: p.metrics(), Health: p.checks, Logger: p.log})
		if err != nil {
			p.log.Error().Err(err).Msg("no metrics and no health over http")
		} else {
			p.http = s
			p.servers = append(p.servers, s)
		}
	}
	if p.c.Control != "" {
		s, err := p.openControl()
		if err != nil {
			p.log.Error().Err(err).Msg("no control socket: commands do not reach this process")
			return
		}
		p.servers = append(p.servers, s)
	}
}

// runConsole serves until stop is called, which waits for the end of all.
func (p *process) runConsole() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	for _, s := range p.servers {
		serving.Go(func() { // ends by cancel
			if err := s.Run(ctx); err != nil {
				p.log.Error().Err(err).Msg("the console serves no more")
			}
		})
	}
	return func() {
		cancel()
		serving.Wait()
	}
}

// routes are what commands can ask of the process.
func (p *process) routes() []console.Route {
	routes := []console.Route{
		{Pattern: "GET /health", Do: func(*http.Request) (any, error) { return console.Assess(p.checks), nil }},
		{Pattern: "GET /trace/{call}", Do: p.record.handleTrace},
		{Pattern: "POST /erase", Do: p.handleErase},
	}
	return append(append(routes, p.lookupRoutes()...), p.policyRoutes()...)
}
