package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"callscreen/directory"
	"callscreen/juhe"
	"callscreen/screening"
)

// The exit codes of explain --exit-code. They do not change.
const (
	exitTag    = 10
	exitReject = 11
	exitDivert = 12
)

// question is the call that explain is asked about.
type question struct {
	config, from, name, to, trunk, at, label string
	marks                                    uint32
	told, offline, asJSON, exitCode          bool
}

func newExplain() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain --from NUMBER",
		Short: "Tell what becomes of a call, and why",
		Long: "Tells what the policy makes of a call: how the number is read, each rule in its order with the term on\n" +
			"which it fails, and the verdict. The caller is taken for one who never called before.\n\n" +
			"If the policy asks for it Juhe is asked about the number, which costs one query; not so with --label or\n" +
			"--marks, which say what Juhe would, or with --offline.\n\n" +
			"Exit codes with --exit-code: 0 allow, 10 tag, 11 reject, 12 divert.",
		Args: func(cmd *cobra.Command, args []string) error { // cobra itself looks at flags too late to call it usage
			return errors.Join(cobra.NoArgs(cmd, args), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups())
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.told = cmd.Flags().Changed("label") || cmd.Flags().Changed("marks")
			e, err := q.answer(cmd.Context())
			if err != nil {
				return err
			}
			print := e.print
			if q.asJSON {
				print = e.printJSON
			}
			err = print(cmd.OutOrStdout())
			if q.exitCode {
				err = errors.Join(err, e.verdict())
			}
			return err
		},
	}
	configFlag(cmd, &q.config)
	jsonFlag(cmd, &q.asJSON)
	f := cmd.Flags()
	f.StringVar(&q.from, "from", "", "`number` or URI of the caller, as the trunk writes it")
	f.StringVar(&q.name, "name", "", "display `name` of the caller")
	f.StringVar(&q.to, "to", "", "`number` that is called")
	f.StringVar(&q.trunk, "trunk", "", "`trunk` that the call comes by (default: the first of the configuration)")
	f.StringVar(&q.at, "at", "", "`time` of the call, as in \"2026-11-28 23:00\" in the policy's zone or as in RFC 3339 (default: now)")
	f.StringVar(&q.label, "label", "", "what Juhe says: the `label`, as in 推销")
	f.Uint32Var(&q.marks, "marks", 0, "what Juhe says: how many `people` marked the number")
	f.BoolVar(&q.offline, "offline", false, "ask nobody: tell what depends on a lookup")
	f.BoolVar(&q.exitCode, "exit-code", false, "tell the verdict by the exit code")
	cmd.MarkFlagsMutuallyExclusive("offline", "label")
	cmd.MarkFlagsMutuallyExclusive("offline", "marks")
	if err := cmd.MarkFlagRequired("from"); err != nil {
		panic(err) // the flag is a few lines above
	}
	return cmd
}

// explained is a call and how the policy comes to its verdict.
type explained struct {
	facts  screening.Facts
	known  bool // what is known of the caller comes from a lookup
	policy *screening.Policy
	screening.Explanation
}

func (q *question) answer(ctx context.Context) (e explained, err error) {
	c, err := loadConfig(q.config)
	if err != nil {
		return e, err
	}
	if e.policy, err = readPolicy(c); err != nil {
		return e, err
	}
	call, err := q.call(c, e.policy.Zone())
	if err != nil {
		return e, exitWith(exitUsage, err)
	}
	engine, err := screening.New(c.engine(e.policy, nil, nil, zerolog.Nop()))
	if err != nil {
		return e, err
	}
	e.facts = engine.Facts(call)
	switch {
	case q.told:
		e.learn(q.reputation())
	case !q.offline && e.policy.NeedsLookup(e.facts):
		if err := e.lookUp(ctx, c); err != nil {
			return e, err
		}
	}
	e.Explanation = e.policy.Explain(e.facts, e.known)
	return e, nil
}

// call returns the call as a trunk would bring it, or says which flag is wrong.
func (q *question) call(c *config, zone *time.Location) (screening.Call, error) {
	call := screening.Call{At: time.Now(), Trunk: c.Trunks[0].Name, From: q.from, Name: q.name, Header: "From", To: q.to}
	if q.trunk != "" {
		if !slices.ContainsFunc(c.Trunks, func(t trunkConfig) bool { return t.Name == q.trunk }) {
			return call, fmt.Errorf("--trunk: %s has no trunk %q", c.file, q.trunk)
		}
		call.Trunk = q.trunk
	}
	if q.at == "" {
		return call, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, q.at, zone); err == nil {
			call.At = at
			return call, nil
		}
	}
	return call, fmt.Errorf("--at: %q is no time: write it as in \"2026-11-28 23:00\"", q.at)
}

// reputation returns what the flags say that Juhe does.
func (q *question) reputation() screening.Reputation {
	r := screening.Reputation{Label: q.label, Marks: int(q.marks)}
	if words, err := directory.NewCategories(nil); err == nil { // of no table there is nothing wrong
		r.Category, _ = words.Find(q.label)
	}
	return r
}

func (e *explained) learn(r screening.Reputation) {
	e.known, e.facts.Reputation, e.facts.Source = true, r, screening.SourceQuery
}

// lookUp asks Juhe about the caller. That it does not answer is one more fact.
func (e *explained) lookUp(ctx context.Context, c *config) error {
	client, err := openJuhe(c, zerolog.Nop(), nil)
	if errors.Is(err, juhe.ErrNoKey) {
		return exitWith(exitConfiguration, fmt.Errorf("%w: the policy asks for a lookup: name a key, or use --offline or --label", err))
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	r, err := client.Lookup(ctx, e.facts.Number)
	if err != nil {
		e.known, e.facts.Failed = true, err
		return nil
	}
	e.learn(r)
	return nil
}

// verdict returns the exit code of the verdict.
func (e *explained) verdict() error {
	code := [...]int{screening.Tag: exitTag, screening.Reject: exitReject, screening.Divert: exitDivert}[e.Verdict.Action]
	if code == 0 {
		return nil
	}
	return exitWith(code, fmt.Errorf("the verdict is %v", e.Verdict.Action))
}
