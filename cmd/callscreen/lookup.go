package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"callscreen/console"
	"callscreen/juhe"
)

// lookupRequest is a number that somebody asks about, as a trunk writes it.
type lookupRequest struct {
	Number  string `json:"number"`
	Trunk   string `json:"trunk"` // empty: any, see [config.habits]
	Offline bool   `json:"offline"`
}

func newLookup() *cobra.Command {
	var file string
	var asJSON bool
	var q lookupRequest
	cmd := &cobra.Command{
		Use:   "lookup NUMBER",
		Short: "Tell what is known of a number",
		Long: "Tells what a call from a number would be told of it: by the office's own list, by what is remembered,\n" +
			"or else by whom the configuration has asked. That costs a query, unless it is a number that nobody can\n" +
			"know, and is remembered. The running process asks, so that its budget holds; where there is none the\n" +
			"command does with the same files.\n\n" +
			"Exit codes: 4 when nothing is known, 5 when nobody answers.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			q.Number = args[0]
			found, alone, err := c.lookUp(cmd.Context(), q)
			if err != nil {
				return err
			}
			if alone {
				sayNotRunning(cmd)
			}
			print := found.print
			if asJSON {
				print = found.printJSON
			}
			return errors.Join(print(cmd.OutOrStdout()), found.verdict(q.Offline))
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&q.Offline, "offline", false, "ask nobody: tell what is remembered")
	trunkFlag(cmd, &q.Trunk)
	return cmd
}

// lookUp asks the running process, or without one does as it would, alone.
func (c *config) lookUp(ctx context.Context, q lookupRequest) (found lookedUp, alone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestQuery+time.Second)
	defer cancel()
	running := func() error { return c.client().Do(ctx, http.MethodPost, "/lookup", q, &found) }
	files := func() (err error) {
		alone = true
		found, err = c.lookUpAlone(ctx, q)
		return err
	}
	if !q.Offline {
		err = c.ask(running, files)
	} else if err = running(); errors.Is(err, console.ErrNotRunning) {
		err = files() // which it only reads
	}
	return found, alone, refused(err)
}

// refused gives what is wrong with a request, or is not there, its exit code.
func refused(err error) error {
	var told console.Error
	switch {
	case !errors.As(err, &told):
		return err
	case told.Status == http.StatusBadRequest:
		return exitWith(exitUsage, err)
	case told.Status == http.StatusNotFound:
		return exitWith(exitNothingFound, err)
	}
	return err
}

// sayNotRunning tells where an answer comes from that no process gives.
func sayNotRunning(cmd *cobra.Command) {
	cmd.PrintErrln("callscreen is not running: this is from its files")
}

// lookUpAlone looks a number up with the files of a process that does not run, and
// leaves in them what that cost and brought.
func (c *config) lookUpAlone(ctx context.Context, q lookupRequest) (found lookedUp, err error) {
	n, err := c.number(q.Number, q.Trunk)
	if err != nil {
		return found, err
	}
	l, err := openLookups(c, zerolog.Nop(), nil)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, c.close(&l)) }()
	if len(l.wrong) > 0 {
		return found, l.wrong[0].error
	}
	patient := *c // there is time to wait for what else would be renewed in the background
	patient.Cache.Stale, patient.Cache.Outage = 0, max(c.Cache.Stale, c.Cache.Outage)
	cache, err := l.newCache(&patient, zerolog.Nop())
	if err != nil || cache == nil {
		return l.lookUp(ctx, c, nil, n, q.Offline), err
	}
	defer cache.Close()
	if err := c.cacheFile().Load(cache.Restore); err != nil {
		return found, err
	}
	found = l.lookUp(ctx, c, cache, n, q.Offline)
	if found.Queries > 0 && c.hasState() {
		err = c.cacheFile().Save(cache.Save)
	}
	return found, err
}

// lookupRoute is what the process does for the command.
func (p *process) lookupRoute(r *http.Request) (any, error) {
	var q lookupRequest
	if err := console.ReadBody(r, &q); err != nil {
		return nil, err
	}
	n, err := p.c.number(q.Number, q.Trunk)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestQuery)
	defer cancel()
	return p.lookups.lookUp(ctx, p.c, p.cache, n, q.Offline), nil
}

// errNoKey says what to do where nobody can be asked.
func (c *config) errNoKey() error {
	return fmt.Errorf("%w: write key_file into %s, or set $%s", juhe.ErrNoKey, c.file, juhe.KeyEnvironment)
}
