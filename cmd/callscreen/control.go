package main

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"callscreen/console"
)

// controlAgain is how often a process looks whether the control socket is free.
const controlAgain = time.Second

// control is the control socket of a process. While another process serves at the path
// that does not end, commands reach that one; the socket is opened when it is gone.
type control struct {
	path   string
	routes []console.Route
	log    zerolog.Logger
	opened *console.Control // nil: the path is another process's
}

// openControl opens the control socket of p, or says why commands do not reach it.
func (p *process) openControl() (*control, error) {
	c := &control{path: p.c.Control, routes: append(p.routes(), p.endingRoute()), log: p.log}
	if c.taken(context.Background()) {
		p.log.Error().Msg("another callscreen is reached at control " + c.path + ": write a control and a state of its own for each")
		return c, nil
	}
	return c, c.open()
}

func (c *control) open() (err error) {
	c.opened, err = console.NewControl(c.path, c.routes, c.log)
	return err
}

// endingPath is where a process tells whether it is about to end.
const endingPath = "/ending"

// endingRoute lets a successor take the socket over from a process that ends.
func (p *process) endingRoute() console.Route {
	return console.Route{Pattern: "GET " + endingPath, Do: func(*http.Request) (any, error) { return p.ending.Load(), nil }}
}

// taken reports whether another process serves at the path and goes on. One that does
// not answer in time is as good as gone.
func (c *control) taken(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, controlAgain)
	defer cancel()
	ending := true
	err := console.Client{Path: c.path}.Do(ctx, http.MethodGet, endingPath, nil, &ending)
	return err == nil && !ending
}

// Run serves until ctx ends, as soon as the path is free.
func (c *control) Run(ctx context.Context) error {
	for c.opened == nil && c.taken(ctx) {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(controlAgain):
		}
	}
	if c.opened == nil {
		if ctx.Err() != nil {
			return nil
		}
		if err := c.open(); err != nil {
			return err
		}
		c.log.Info().Msg("commands reach this process")
	}
	return c.opened.Run(ctx)
}

// Close closes the socket of a control that does not run.
func (c *control) Close() error {
	if c.opened == nil {
		return nil
	}
	return c.opened.Close()
}
