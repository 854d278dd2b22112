package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
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
func serve(file string) (err error) {
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
	passed, err := sortSockets(c, activation.Files(true))
	defer func() { err = errors.Join(err, passed.close()) }()
	if err != nil {
		return err
	}
	log, stop := newLog(os.Stderr)
	defer stop()
	p, err := buildOn(c, passed, log)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancel(context.Background())
	serving, served := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() { p.obey(signals, end, serving.Done()) })    // ends with serving,
	beside.Go(func() { p.manager.watch(serving, p.agent.Stuck) }) // as this does
	p.manager.ready(p.status())
	err = p.run(ctx)
	served()
	beside.Wait()
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
				p.manager.reloading()
				p.manager.ready(p.refresh())
				continue
			}
			signal.Reset(syscall.SIGINT, syscall.SIGTERM) // the next one ends the process
			const ending = "ending: waiting for calls that are being set up"
			p.ending.Store(true)
			p.manager.stopping(ending)
			p.log.Info().Msg(ending)
			end()
		}
	}
}

// refresh reads the policy and the certificates again and opens the record anew. What fails is
// logged, and stays as it was; what became of all is returned in a line.
func (p *process) refresh() (status string) {
	err := p.policy.reload() // logged
	if status = p.status(); err != nil {
		status = "policy not reloaded, the old one stays: " + single(err)[0].Error()
	}
	if err := p.agent.ReloadTLS(); err != nil {
		status = "certificate not read again, the old one stays: " + err.Error()
		p.log.Error().Err(err).Msg("certificate not read again, the old one stays")
	}
	if err := p.record.reopen(); err != nil {
		status = "record not reopened: " + err.Error()
		p.log.Error().Err(err).Msg("record not reopened")
	}
	return status
}

// single returns the errors that err consists of: one for each place in a file, those
// that were joined, none for nil.
func single(err error) []error {
	var places strictyaml.Errors
	switch joined := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		var all []error
		for _, one := range joined.Unwrap() {
			all = append(all, single(one)...)
		}
		return all
	case strictyaml.Error:
		return []error{err}
	}
	if errors.As(err, &places) {
		return places.Unwrap()
	}
	return []error{err}
}
