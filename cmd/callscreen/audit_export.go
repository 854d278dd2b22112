package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit"
	"callscreen/audit/export"
	"callscreen/audit/store"
)

// exporting is what audit export was asked.
type exporting struct {
	filterFlags
	config, format, numbers, output string
	asJSON                          bool
}

func newAuditExport() *cobra.Command {
	var e exporting
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write calls for other programs: JSON lines, CSV for Excel, Asterisk's and FreeSWITCH's CDRs",
		Long: "Writes all calls that the flags are true of, the oldest first. Formats: jsonl, csv (opens in Excel),\n" +
			"asterisk (as Master.csv), freeswitch (as cdr_csv).\n\n" +
			"Exit code 4: no call is found.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reading(e.config, func(c *config, r *store.Reader) error {
				return e.run(cmd.Context(), c, r, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	configFlag(cmd, &e.config)
	e.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&e.format, "format", "jsonl", listed(export.Formats))
	flags.BoolVar(&e.asJSON, "json", false, "the same as --format jsonl")
	flags.StringVar(&e.numbers, "numbers", audit.Full, "callers' numbers: full, mask or hash")
	flags.StringVarP(&e.output, "output", "o", "", "`file` to write; it must not be there yet (default: standard output)")
	cmd.MarkFlagsMutuallyExclusive("format", "json")
	if err := cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(export.Formats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is a few lines above
	}
	return cmd
}

func (e *exporting) run(ctx context.Context, c *config, r *store.Reader, out, notes io.Writer) (err error) {
	f, err := e.filter(c, time.Now())
	if err != nil {
		return err
	}
	if !slices.Contains(export.Formats, e.format) {
		return usage("--format %q: write %s", e.format, listed(export.Formats))
	}
	o := export.Options{Format: e.format, Numbers: e.numbers}
	if e.numbers == audit.Hash {
		if o.Key, err = os.ReadFile(c.recordKeyPath()); err != nil { // a key of our own would be none of the process's
			return fmt.Errorf("export: key of hashes: %w", err)
		}
	}
	if e.output != "" {
		file, err := os.OpenFile(e.output, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		out = file
	}
	w, err := export.New(out, o)
	if err != nil {
		return usage("--numbers %q: write full, mask or hash", e.numbers)
	}
	calls := 0
	err = r.Each(ctx, f, func(call *audit.Record) error {
		calls++
		return w.Write(call)
	})
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if calls == 0 {
		return errNoCall
	}
	_, err = fmt.Fprintln(notes, count(calls, "call"))
	return err
}
