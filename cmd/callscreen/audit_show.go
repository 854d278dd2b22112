package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit"
	"callscreen/audit/store"
	"callscreen/screening"
)

func newAuditShow() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show CALL",
		Short: "Tell all that is known of one call, and why it was decided so",
		Long: "Tells all that the record holds of one call. CALL is its id in the record, or its Call-ID; of several\n" +
			"calls with one Call-ID the last is meant.\n\n" +
			"Exit code 4: there is no such call.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return reading(file, func(_ *config, r *store.Reader) error {
				call, err := findCall(cmd.Context(), r, args[0])
				if err != nil {
					return err
				}
				if !asJSON {
					return showCall(cmd.OutOrStdout(), &call)
				}
				line, err := lineOf(&call)
				if err != nil {
					return err
				}
				return printJSON(cmd.OutOrStdout(), line)
			})
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// findCall returns the call that a record's id or a Call-ID names.
func findCall(ctx context.Context, r *store.Reader, name string) (audit.Record, error) {
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		call, err := r.Get(ctx, id)
		if !errors.Is(err, store.ErrNotFound) {
			return call, err
		}
	}
	calls, _, err := r.Search(ctx, store.Filter{Call: name}, store.Page{Limit: 1})
	if err != nil {
		return audit.Record{}, err
	}
	if len(calls) == 0 {
		return audit.Record{}, errNoCall
	}
	return calls[0], nil
}

// showCall prints a call for people.
func showCall(w io.Writer, r *audit.Record) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", key, printable(value)) // Flush tells of errors
		}
	}
	d := &r.Decision
	row("call", d.Call.ID)
	row("id", strconv.FormatInt(r.ID, 10))
	row("time", d.Call.At.Local().Format("Mon 2006-01-02 15:04:05.000 -0700"))
	row("trunk", d.Call.Trunk)
	row("from", fromWhom(d))
	row("name", d.Call.Name)
	row("to", r.To())
	row("known as", known(&d.Reputation))
	row("place", d.Reputation.Place)
	row("source", fromWhere(d))
	row("failed", screening.FailureReason(d.Failed))
	row("verdict", what(d.Verdict))
	if d.Shadow.Rule != "" {
		row("shadow", what(d.Shadow))
	}
	row("policy", fmt.Sprintf("%v, revision %s", d.Mode, d.Policy))
	row("took", fmt.Sprintf("%.3f ms", float64(d.Took.Microseconds())/1000))
	row("ended", ending(r))
	return t.Flush()
}

func fromWhom(d *screening.Decision) string {
	s := callerOf(d)
	if d.Number.Digits != "" {
		s += ", " + class(d.Number)
	}
	if d.Call.Withheld {
		s += ", withheld"
	}
	if d.Call.Header != "" {
		s += ", by " + d.Call.Header
	}
	return s
}

func fromWhere(d *screening.Decision) string {
	if d.Age > 0 {
		return fmt.Sprintf("%s, %s old", d.Source, d.Age.Round(time.Second))
	}
	return string(d.Source)
}

// ending says how the call ended, as far as it passed.
func ending(r *audit.Record) string {
	if r.Final == 0 {
		return "not yet known"
	}
	s := strconv.Itoa(r.Final)
	if r.Ring > 0 {
		s += fmt.Sprintf(", rang %s", r.Ring.Round(100*time.Millisecond))
	}
	switch {
	case r.Answered.IsZero():
	case r.Ended.IsZero():
		s += ", end not yet known"
	default:
		s += ", talked " + talk(r)
	}
	if r.EndedBy != "" {
		s += ", ended by " + string(r.EndedBy)
	}
	return s
}
