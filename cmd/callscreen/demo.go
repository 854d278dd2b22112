package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"
)

// demoPolicy is the policy.yaml that an office starts with, in enforce.
//
//go:embed demo/policy.yaml
var demoPolicy []byte

// demo plays an office on this machine: callscreen as it is, between a simulated
// carrier, PBX and Juhe.
type demo struct {
	budget time.Duration // longest a lookup may take
	margin time.Duration // how much later the first answer to a call may come
	stay   bool          // go on after the table, until the context ends
	out    io.Writer
	log    zerolog.Logger // callscreen's own
}

// How the demo is played.
const (
	demoBudget = 2 * time.Second       // more than a trunk's default: this machine may be busy with other things
	demoMargin = 3 * time.Second       // likewise
	juheDelay  = 40 * time.Millisecond // about what a query takes over the internet
	callLimit  = 20 * time.Second      // longest a call may take
)

func newDemo() *cobra.Command {
	d := demo{budget: demoBudget, margin: demoMargin}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show calls being let through, labelled and refused",
		Long: "Sets up an office on this machine, with a simulated carrier, PBX and Juhe around callscreen itself,\n" +
			"places a call for each of a small cast and prints what came of it. Nothing leaves this machine and\n" +
			"nothing stays on it. Fails if a call does not end as it should.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // a reader who leaves is an error, after which is cleaned up
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			d.out = cmd.OutOrStdout()
			d.log = zerolog.New(zerolog.ConsoleWriter{Out: zerolog.SyncWriter(cmd.ErrOrStderr()), TimeFormat: time.TimeOnly}).
				Level(zerolog.WarnLevel).With().Timestamp().Logger()
			return d.run(ctx)
		},
	}
	cmd.Flags().BoolVar(&d.stay, "stay", false, "go on after the calls, for a softphone, until Ctrl-C")
	return cmd
}

// run plays the demo. The error says that the stage could not be set, or that
// not every outcome was as it should be.
func (d demo) run(ctx context.Context) (err error) {
	s := &stage{}
	defer func() { err = errors.Join(err, s.close()) }()
	playing, err := d.set(ctx, s)
	if err != nil {
		return err
	}
	if err := d.introduce(s); err != nil {
		return err
	}
	if err := d.play(playing, s); err != nil || !d.stay {
		return err
	}
	return d.remain(playing, s)
}

// introduce says who stands where.
func (d demo) introduce(s *stage) error {
	_, err := fmt.Fprintf(d.out, `callscreen demo: calls to an office, over real sockets of this machine. callscreen is real, its neighbours are simulated.

        carrier                       callscreen                       PBX and phone
    %-15s  --->  [ %-15s   %15s ]  --->  %s
                                          |
                                          v
                           Juhe, simulated: %s
                           answers after %v, of one caller never

Policy: the policy.yaml an office starts with, in enforce. A lookup may take %v (in an office 800ms).

`, s.carrier.addr, s.screen.addr("trunk"), s.screen.addr("office"), s.pbx.addr, s.juhe.addr, juheDelay, d.budget)
	return err
}

// play places one call for each of the cast and tells what came of it.
func (d demo) play(ctx context.Context, s *stage) error {
	var rows [][]string
	var problems []string
	var t tally
	for _, m := range cast {
		r := s.call(ctx, m.caller)
		if ctx.Err() != nil {
			return fmt.Errorf("demo: %w", context.Cause(ctx))
		}
		rows = append(rows, m.row(r))
		problems = append(problems, m.problems(r, d.budget+d.margin)...)
		t.add(m, r)
	}
	t.queries = s.juhe.Queries()
	if err := writeTable(d.out, headings, rows); err != nil {
		return err
	}
	return d.conclude(t, append(problems, t.problems()...))
}

// conclude writes the closing lines. The error says that an outcome was wrong.
func (d demo) conclude(t tally, problems []string) error {
	if len(problems) == 0 {
		_, err := fmt.Fprintf(d.out, "\n%v; all %d outcomes as expected\n", t, t.calls)
		return err
	}
	if _, err := fmt.Fprintf(d.out, "\n%v\n\nNot as expected:\n  %s\n", t, strings.Join(problems, "\n  ")); err != nil {
		return err
	}
	return errOutcome
}

// errOutcome reports that not everything came as it should.
var errOutcome = errors.New("demo: an outcome is not as expected")

// remain keeps the office open for a softphone until ctx ends, and tells what is
// decided of its calls.
func (d demo) remain(ctx context.Context, s *stage) error {
	trunk := s.screen.addr("trunk")
	if _, err := fmt.Fprintf(d.out, `
The office stays open; Ctrl-C closes it. Take the carrier's part with a softphone on this machine, over UDP and without registration:
  call     sip:%s@%s
  as       sip:95204657@127.0.0.1, or as any other number. Juhe knows
           %s
           (%s is the one it never answers about)
  and the phone at %s answers, in silence. Calls as they are decided:
`, officeNumber, trunk, strings.Join(s.juhe.Numbers(), " "), hangsOnJuhe, s.pbx.addr); err != nil {
		return err
	}
	for {
		line, err := s.record.next(ctx)
		switch {
		case errors.Is(context.Cause(ctx), errScreenEnded):
			return fmt.Errorf("demo: %w", errScreenEnded)
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case line.Event != "decision":
			continue
		}
		if _, err := fmt.Fprintln(d.out, line); err != nil {
			return err
		}
	}
}
