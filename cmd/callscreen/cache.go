package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"callscreen/console"
	"callscreen/screening"
)

func newCache() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look into what is remembered of numbers, and forget it",
		Long: "Looks into what the running process remembers of the numbers that it looked up. Where none runs the\n" +
			"commands work on what the last one has saved.\n\n" +
			"Exit code 4: nothing is remembered of the number.",
	}
	cmd.AddCommand(
		cacheCommand("stats", "Tell how much is remembered, and what it was good for", cacheStatsOf),
		cacheCommand("get NUMBER", "Tell what is remembered of a number", cacheGet),
		cacheCommand("forget NUMBER", "Forget what is remembered of a number, so that it is looked up again", cacheForget),
		cacheCommand("purge", "Forget everything, so that every number is looked up again, and paid for", cachePurge),
	)
	return cmd
}

// cacheAction is what can be done with a cache, by the process or by a command.
type cacheAction[T printed] struct {
	method string // of HTTP
	number bool   // it is about one number
	do     func(c *screening.Cache, n screening.Number) (v T, err error)
}

// The actions. What they change is saved.
var (
	cacheStatsOf = cacheAction[cacheStats]{http.MethodGet, false, func(c *screening.Cache, _ screening.Number) (cacheStats, error) {
		return newCacheStats(c.Stats()), nil
	}}
	cacheGet = cacheAction[cacheEntry]{http.MethodGet, true, func(c *screening.Cache, n screening.Number) (cacheEntry, error) {
		e, ok := c.Get(n)
		if !ok {
			return cacheEntry{}, errForgotten
		}
		return newCacheEntry(n, e), nil
	}}
	cacheForget = cacheAction[forgotten]{http.MethodDelete, true, func(c *screening.Cache, n screening.Number) (forgotten, error) {
		if !c.Forget(n) {
			return forgotten{}, errForgotten
		}
		return forgotten{1}, nil
	}}
	cachePurge = cacheAction[forgotten]{http.MethodDelete, false, func(c *screening.Cache, _ screening.Number) (forgotten, error) {
		return forgotten{c.Purge()}, nil
	}}
)

var errForgotten = console.NotFound("nothing is remembered of this number")

// path is where the process does it.
func (a cacheAction[T]) path() string {
	if a.number {
		return "/cache/number"
	}
	return "/cache"
}

// route has the process do it.
func (a cacheAction[T]) route(p *process) console.Route {
	return console.Route{Pattern: a.method + " " + a.path(), Do: func(r *http.Request) (any, error) {
		if p.cache == nil {
			return nil, console.NotFound("numbers are not looked up, and nothing is remembered")
		}
		n, err := p.c.number(r.FormValue("number"), r.FormValue("trunk"))
		if err != nil {
			return nil, err
		}
		return a.do(p.cache, n)
	}}
}

// lookupRoutes are what commands can ask about lookups.
func (p *process) lookupRoutes() []console.Route {
	return []console.Route{
		cacheStatsOf.route(p), cacheGet.route(p), cacheForget.route(p), cachePurge.route(p),
		{Pattern: "POST /lookup", Do: p.lookupRoute},
	}
}

func cacheCommand[T printed](use, short string, a cacheAction[T]) *cobra.Command {
	var file, trunk string
	var asJSON bool
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs, ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			v, err := a.ask(cmd, c, append(args, "")[0], trunk)
			switch {
			case err != nil:
				return refused(err)
			case asJSON:
				return printJSON(cmd.OutOrStdout(), v)
			}
			return v.print(cmd.OutOrStdout())
		},
	}
	if a.number {
		cmd.Args = cobra.ExactArgs(1)
		trunkFlag(cmd, &trunk)
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// ask has the running process do it, or without one does it to what was saved.
func (a cacheAction[T]) ask(cmd *cobra.Command, c *config, number, trunk string) (v T, err error) {
	q := url.Values{"number": {number}, "trunk": {trunk}}
	err = c.ask(func() error {
		return c.client().Do(cmd.Context(), a.method, a.path()+"?"+q.Encode(), nil, &v)
	}, func() (err error) {
		v, err = a.alone(cmd, c, number, trunk)
		return err
	})
	return v, err
}

// alone does it to what was saved.
func (a cacheAction[T]) alone(cmd *cobra.Command, c *config, number, trunk string) (v T, err error) {
	n, err := c.number(number, trunk)
	if err != nil {
		return v, err
	}
	sayNotRunning(cmd)
	cache, err := c.savedCache()
	if err != nil {
		return v, err
	}
	defer cache.Close()
	if v, err = a.do(cache, n); err == nil && a.method != http.MethodGet {
		err = c.cacheFile().Save(cache.Save)
	}
	return v, err
}

// savedCache returns the cache that a process has saved.
func (c *config) savedCache() (*screening.Cache, error) {
	cache, err := screening.NewCache(c.cache(nobody{}, zerolog.Nop()))
	if err != nil {
		return nil, err
	}
	return cache, c.cacheFile().Load(cache.Restore)
}

// nobody is a directory that is not asked.
type nobody struct{}

func (nobody) Lookup(context.Context, screening.Number) (screening.Reputation, error) {
	return screening.Reputation{}, errors.New("nobody is asked")
}
