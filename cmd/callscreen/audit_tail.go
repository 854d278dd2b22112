package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit"
	"callscreen/audit/store"
)

// follow is what audit tail was asked.
type follow struct {
	filterFlags
	config string
	lines  int
	once   bool
	asJSON bool
}

func newAuditTail() *cobra.Command {
	var f follow
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Print the last calls, and then every call as it is recorded",
		Long:  "Prints the last calls that all flags are true of, a line each, and then new ones until Ctrl-C.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return reading(f.config, func(c *config, r *store.Reader) error {
				return f.run(ctx, c, r, cmd.OutOrStdout())
			})
		},
	}
	configFlag(cmd, &f.config)
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print JSON lines")
	f.add(cmd)
	cmd.Flags().IntVarP(&f.lines, "lines", "n", 10, "how many of the last calls to begin with")
	cmd.Flags().BoolVar(&f.once, "once", false, "end after those")
	return cmd
}

// followEvery is how often the record is asked for more.
const followEvery = 500 * time.Millisecond

func (f *follow) run(ctx context.Context, c *config, r *store.Reader, out io.Writer) error {
	filter, err := f.filter(c, time.Now())
	if err != nil {
		return err
	}
	if f.lines < 0 || f.lines > maxListed {
		return usage("--lines %d: write a number from 0 to %d", f.lines, maxListed)
	}
	last, err := f.begin(ctx, r, filter, out)
	for err == nil && !f.once {
		select {
		case <-time.After(followEvery):
			last, err = f.next(ctx, r, filter, last, out)
		case <-ctx.Done():
			return nil
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// begin prints the last calls, and returns the id of the last there is.
func (f *follow) begin(ctx context.Context, r *store.Reader, filter store.Filter, out io.Writer) (last int64, err error) {
	if last, err = r.LastID(ctx); err != nil || f.lines == 0 {
		return last, err
	}
	calls, _, err := r.Search(ctx, filter, store.Page{Limit: f.lines})
	if err != nil {
		return last, err
	}
	slices.Reverse(calls)
	for i := range calls { // what was written since LastID is printed already
		last = max(last, calls[i].ID)
	}
	return last, f.print(out, calls)
}

// next prints the calls behind one.
func (f *follow) next(ctx context.Context, r *store.Reader, filter store.Filter, last int64, out io.Writer) (int64, error) {
	calls, err := r.Behind(ctx, filter, last)
	if err != nil || len(calls) == 0 {
		return last, err
	}
	return calls[len(calls)-1].ID, f.print(out, calls)
}

// print writes a line for each call: of JSON, or columns as wide as most of them are.
func (f *follow) print(out io.Writer, calls []audit.Record) error {
	for i := range calls {
		var line json.RawMessage
		var err error
		if f.asJSON {
			line, err = lineOf(&calls[i])
		} else {
			line = json.RawMessage(followLine(&calls[i]))
		}
		if err == nil {
			_, err = fmt.Fprintf(out, "%s\n", line)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func followLine(r *audit.Record) string {
	var b strings.Builder
	cells := callRow(r)[:8] // how it ended is not known yet
	for i, width := range []int{6, 19, 13, 13, 8, 20, 12, 5} {
		cell := printable(cells[i])
		b.WriteString(cell + strings.Repeat(" ", max(0, width-displayWidth(cell))+2))
	}
	return strings.TrimRight(b.String(), " ")
}
