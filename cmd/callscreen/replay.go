package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit"
	"callscreen/audit/store"
)

// replayed is what replay was asked.
type replayed struct {
	config, policy, since, until string
	asJSON                       bool
}

func newReplay() *cobra.Command {
	var q replayed
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Tell what another policy would have done with past calls",
		Long: "Judges the calls of the record again, by another policy: how many would be let through, labelled, refused\n" +
			"or diverted, then and now, which calls change, and how many each rule hits. Nobody is asked about a\n" +
			"number: the record holds what was known. Where that does not suffice it is said.\n\n" +
			"Exit codes: 3 when something is wrong with the policy, 4 when the record holds no call.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			t, err := q.run(cmd.Context())
			if err != nil {
				return err
			}
			print := t.print
			if q.asJSON {
				print = func(w io.Writer) error { return printJSON(w, t) }
			}
			return errors.Join(print(cmd.OutOrStdout()), printWarnings(cmd.ErrOrStderr(), t.policy.Warnings(time.Now())))
		},
	}
	configFlag(cmd, &q.config)
	jsonFlag(cmd, &q.asJSON)
	cmd.Flags().StringVar(&q.policy, "policy", "", "`file` of the policy to try (default: the one of the configuration)")
	timeFlags(cmd, &q.since, &q.until)
	return cmd
}

func (q *replayed) run(ctx context.Context) (*retrial, error) {
	now := time.Now()
	from, to, err := period(cmp.Or(q.since, "7d"), q.until, now)
	if err != nil {
		return nil, err
	}
	var t *retrial
	err = reading(q.config, func(c *config, r *store.Reader) error {
		p, err := c.tried(q.policy)
		if err != nil {
			return err
		}
		t = newRetrial(p, from)
		err = r.Each(ctx, store.Filter{Since: from, Until: to}, func(call *audit.Record) error {
			t.add(call)
			return nil
		})
		if err == nil && t.Calls == 0 {
			err = errNoCall
		}
		return err
	})
	return t, err
}
