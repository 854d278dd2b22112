package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit/store"
	"callscreen/screening"
)

func newAuditStats() *cobra.Command {
	var file, since, until string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Sum up what happened: calls, verdicts, queries paid and saved, rules, top callers",
		Long:  "Sums up the calls of a time, in whole hours. Without --since it begins 30 days ago.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now := time.Now()
			from, to, err := period(cmp.Or(since, "30d"), until, now)
			if err != nil {
				return err
			}
			if to.IsZero() {
				to = now.Add(time.Second) // the calls of this moment too
			}
			return reading(file, func(_ *config, r *store.Reader) error {
				s, err := r.Stats(cmd.Context(), from, to)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), statsOf(s, from, to))
				}
				return printStats(cmd.OutOrStdout(), s, from, to)
			})
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	timeFlags(cmd, &since, &until)
	return cmd
}

func printStats(w io.Writer, s *store.Stats, from, to time.Time) error {
	sums := [][]string{{"calls", strconv.Itoa(s.Calls)}}
	for _, a := range []screening.Action{screening.Allow, screening.Tag, screening.Divert, screening.Reject} {
		sums = append(sums, []string{a.String(), strconv.Itoa(s.Actions[a.String()])})
	}
	sums = append(sums,
		[]string{"carried out, other than allow", strconv.Itoa(s.Acted)},
		[]string{"queries paid", strconv.Itoa(s.Paid)},
		[]string{"queries saved", strconv.Itoa(s.Saved)},
		[]string{"lookups failed", strconv.Itoa(total(s.Failed))},
	)
	period := from.Format(time.DateTime) + " to " + to.Format(time.DateTime)
	if err := writeTable(w, []string{period, ""}, sums); err != nil {
		return err
	}
	for _, t := range []struct {
		headings []string
		rows     [][]string
	}{
		{[]string{"rule", "last", "calls"}, groupRows(s.Rules)},
		{[]string{"caller", "last", "calls"}, groupRows(s.Callers)},
		{[]string{"category", "calls"}, countRows(s.Categories)},
		{[]string{"trunk", "calls"}, countRows(s.Trunks)},
		{[]string{"lookup failed", "calls"}, countRows(s.Failed)},
	} {
		if len(t.rows) == 0 {
			continue
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		if err := writeTable(w, t.headings, t.rows); err != nil {
			return err
		}
	}
	return nil
}

// countRows are counts, the largest first.
func countRows(counts map[string]int) [][]string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	rows := make([][]string, len(keys))
	for i, k := range keys {
		rows[i] = []string{k, strconv.Itoa(counts[k])}
	}
	return rows
}

func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// statsOf is a [store.Stats] as it is printed.
func statsOf(s *store.Stats, from, to time.Time) any {
	return struct {
		Since      time.Time      `json:"since"`
		Until      time.Time      `json:"until"`
		Calls      int            `json:"calls"`
		Acted      int            `json:"acted"`
		Verdicts   map[string]int `json:"verdicts"`
		Paid       int            `json:"paid"`
		Saved      int            `json:"saved"`
		Failed     map[string]int `json:"failed"`
		Categories map[string]int `json:"categories"`
		Trunks     map[string]int `json:"trunks"`
		Rules      []group        `json:"rules"`
		Callers    []group        `json:"callers"`
	}{
		from, to, s.Calls, s.Acted, s.Actions, s.Paid, s.Saved, s.Failed, s.Categories, s.Trunks, groupsOf(s.Rules), groupsOf(s.Callers),
	}
}
