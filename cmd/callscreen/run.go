package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"callscreen/screening/strictyaml"
)

func newRun() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Screen calls until told to end",
		Long: "Screens calls. The log goes to standard error; decisions go to the file that the configuration\n" +
			"names under record, or else to standard output.\n\n" +
			"SIGHUP reads the policy, the own list and the certificates again and opens the record anew. SIGTERM and\n" +
			"SIGINT end the process once the calls that are being set up are through; a second one ends it at once.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return serve(file) },
	}
	configFlag(cmd, &file)
	return cmd
}

// serve is the life of a process, from its configuration to the signal that
// ends it.
func serve(file string) error {
	signal.Ignore(syscall.SIGPIPE) // who reads the log or the record may go away; calls go on
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // a call's set-up lives for half a minute: collect less often, for some memory more
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	c, err := loadConfig(file)
	if err != nil {
		return err
	}
	log, stop := newLog(os.Stderr)
	defer stop()
	p, err := build(c, log)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	var obeying sync.WaitGroup
	served := make(chan struct{})
	obeying.Go(func() { p.obey(signals, end, served) }) // ends with served
	err = p.run(ctx)
	close(served)
	obeying.Wait()
	return err
}

// obey does what signals ask for, until served is closed.
func (p *process) obey(signals <-chan os.Signal, end func(), served <-chan struct{}) {
	defer end()
	for {
		select {
		case <-served:
			return
		case s := <-signals:
			if s == syscall.SIGHUP {
				p.refresh()
				continue
			}
			signal.Reset(syscall.SIGINT, syscall.SIGTERM) // the next one ends the process
			p.log.Info().Msg("ending: waiting for calls that are being set up")
			end()
		}
	}
}

// refresh reads the policy and the certificates again and opens the record anew. What fails is
// logged, and stays as it was.
func (p *process) refresh() {
	_ = p.policy.reload() // logged
	if err := p.agent.ReloadTLS(); err != nil {
		p.log.Error().Err(err).Msg("certificate not read again, the old one stays")
	}
	if err := p.record.reopen(); err != nil {
		p.log.Error().Err(err).Msg("record not reopened")
	}
}

// single returns the errors that err consists of: one for each place in a file,
// none for nil.
func single(err error) []error {
	var places strictyaml.Errors
	switch {
	case err == nil:
		return nil
	case errors.As(err, &places):
		return places.Unwrap()
	}
	return []error{err}
}
