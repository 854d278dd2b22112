package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit"
	"callscreen/audit/store"
)

// search is what audit search was asked.
type search struct {
	filterFlags
	config, group, after string
	limit                int
	oldest, asJSON       bool
}

func newAuditSearch() *cobra.Command {
	var s search
	cmd := &cobra.Command{
		Use:   "search",
		Short: "List the calls that were recorded, the newest first",
		Long: "Lists the calls that all flags are true of, or counts them by what they have in common.\n\n" +
			"Exit code 4: no call is found.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reading(s.config, func(c *config, r *store.Reader) error {
				return s.run(cmd.Context(), c, r, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	configFlag(cmd, &s.config)
	jsonFlag(cmd, &s.asJSON)
	s.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&s.group, "group", "", "count calls by this `column`: "+listed(store.Columns))
	flags.IntVar(&s.limit, "limit", 50, "how many to list at most")
	flags.StringVar(&s.after, "after", "", "go on behind this `place`, which the page before named")
	flags.BoolVar(&s.oldest, "oldest", false, "the oldest first")
	if err := cmd.RegisterFlagCompletionFunc("group", cobra.FixedCompletions(store.Columns, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is a few lines above
	}
	return cmd
}

func (s *search) run(ctx context.Context, c *config, r *store.Reader, out, notes io.Writer) error {
	f, err := s.filter(c, time.Now())
	if err != nil {
		return err
	}
	if s.limit < 1 || s.limit > maxListed {
		return usage("--limit %d: write a number from 1 to %d", s.limit, maxListed)
	}
	if s.group != "" {
		return s.groups(ctx, r, f, out)
	}
	after, err := store.ParseCursor(s.after)
	if err != nil {
		return usage("--after %q: write what the page before named", s.after)
	}
	calls, next, err := r.Search(ctx, f, store.Page{After: after, Limit: s.limit, Oldest: s.oldest})
	if err != nil {
		return err
	}
	if s.asJSON {
		err = printCalls(out, calls, next)
	} else {
		err = listCalls(out, notes, calls, next)
	}
	if err == nil && len(calls) == 0 {
		return nothingFound(ctx, c, r, f.Number)
	}
	return err
}

// listCalls prints a page of calls for people, and tells where the next one is.
func listCalls(out, notes io.Writer, calls []audit.Record, next store.Cursor) error {
	if len(calls) == 0 {
		return nil
	}
	err := tableOf(out, calls)
	if err == nil && next != (store.Cursor{}) {
		_, err = fmt.Fprintf(notes, "more: --after %s\n", next)
	}
	return err
}

// maxListed is as many as one page of the store has.
const maxListed = 1000

// nothingFound returns the error of a search that found nothing, and tells of a
// number that was erased.
func nothingFound(ctx context.Context, c *config, r *store.Reader, number string) error {
	erased, err := r.Erased(ctx, number)
	switch {
	case err != nil:
		return err
	case !erased.At.IsZero():
		return exitWith(exitNothingFound, fmt.Errorf("no such call in the record: the number was erased on %s, with %s",
			erased.At.Format(time.DateTime), count(int(erased.Calls), "call")))
	}
	return errNoCall
}

func (s *search) groups(ctx context.Context, r *store.Reader, f store.Filter, out io.Writer) error {
	groups, err := r.Group(ctx, f, s.group, s.limit)
	if errors.Is(err, store.ErrColumn) {
		return usage("--group %q: write %s", s.group, listed(store.Columns))
	}
	if err != nil {
		return err
	}
	switch {
	case s.asJSON:
		err = printJSON(out, groupsOf(groups))
	case len(groups) > 0:
		err = writeTable(out, []string{s.group, "last", "calls"}, groupRows(groups))
	}
	if err == nil && len(groups) == 0 {
		return errNoCall
	}
	return err
}

// group is a [store.Group] as it is printed.
type group struct {
	Key   string    `json:"key"`
	Calls int       `json:"calls"`
	Last  time.Time `json:"last"`
}

func groupsOf(groups []store.Group) []group {
	all := make([]group, len(groups))
	for i, g := range groups {
		all[i] = group{g.Key, g.Calls, g.Last}
	}
	return all
}

func groupRows(groups []store.Group) [][]string {
	rows := make([][]string, len(groups))
	for i, g := range groups {
		rows[i] = []string{orDash(g.Key), g.Last.Format(time.DateTime), strconv.Itoa(g.Calls)}
	}
	return rows
}

// printCalls prints a page of calls as JSON, each as docs/record.md has it.
func printCalls(out io.Writer, calls []audit.Record, next store.Cursor) error {
	page := struct {
		Calls []json.RawMessage `json:"calls"`
		Next  string            `json:"next,omitempty"`
	}{Calls: []json.RawMessage{}, Next: next.String()}
	for i := range calls {
		one, err := lineOf(&calls[i])
		if err != nil {
			return err
		}
		page.Calls = append(page.Calls, one)
	}
	return printJSON(out, page)
}

// lineOf returns the line of a call, with its numbers as the database has them.
func lineOf(r *audit.Record) (json.RawMessage, error) {
	var line bytes.Buffer
	e, err := audit.NewEncoder(&line, audit.Privacy{Level: audit.Full})
	if err != nil {
		return nil, err
	}
	err = e.Encode(r)
	return bytes.TrimSpace(line.Bytes()), err
}
