package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"callscreen/directory"
	"callscreen/juhe"
	"callscreen/screening"
	"callscreen/sipagent"
)

// The exit codes of explain --exit-code. They do not change.
const (
	exitTag    = 10
	exitReject = 11
	exitDivert = 12
)

// question is the call that explain is asked about.
type question struct {
	config, policy, from, name, to, trunk, at, label string
	marks                                            uint32
	told, offline, asJSON, exitCode                  bool
}

func newExplain() *cobra.Command {
	var q question
	cmd := &cobra.Command{
		Use:   "explain --from NUMBER",
		Short: "Tell what becomes of a call, and why",
		Long: "Tells what the policy makes of a call: how the number is read, each rule in its order with the term on\n" +
			"which it fails, the verdict, and what that puts on the wire. What is remembered of the caller comes from\n" +
			"the running process, or without one from its files.\n\n" +
			"If the policy asks for it and nothing is remembered somebody is asked about the number, which costs a\n" +
			"query; not so with --label or --marks, which say what Juhe would, or with --offline.\n\n" +
			"Exit codes with --exit-code: 0 allow, 10 tag, 11 reject, 12 divert.",
		Args: cobra.NoArgs,
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
			for _, note := range e.notes {
				cmd.PrintErrln(note)
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
	f.StringVar(&q.policy, "policy", "", "`file` of a policy to try (default: the one of the configuration)")
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
	notes  []string // about the answer

	wire, enforced []string // see [sipagent.Foretell]; enforced: if the policy did not observe
	screening.Explanation
}

func (q *question) answer(ctx context.Context) (e explained, err error) {
	c, err := loadConfig(q.config)
	if err != nil {
		return e, err
	}
	if e.policy, err = c.tried(q.policy); err != nil {
		return e, err
	}
	call, err := q.call(c, e.policy.Zone())
	if err != nil {
		return e, exitWith(exitUsage, err)
	}
	if err := e.remember(ctx, c, call); err != nil {
		return e, err
	}
	switch {
	case q.told:
		e.known, e.facts.Reputation, e.facts.Source = true, q.reputation(c), screening.SourceQuery
	case e.policy.NeedsLookup(e.facts):
		if err := e.lookUp(ctx, c, q); err != nil {
			return e, err
		}
	}
	e.Explanation = e.policy.Explain(e.facts, e.known)
	agent, d := sipagent.Options{PBX: sipagent.PBX{ASCII: c.PBX.ASCII}}, e.decision()
	e.wire = sipagent.Foretell(agent, d)
	d.Mode = screening.Enforce
	e.enforced = sipagent.Foretell(agent, d)
	return e, nil
}

// decision returns what the process would decide.
func (e *explained) decision() screening.Decision {
	f := &e.facts
	return screening.Decision{
		Call: f.Call, Number: f.Number, Called: f.Called, Reputation: f.Reputation, Source: f.Source, Failed: f.Failed,
		Verdict: e.Verdict, Mode: e.policy.Mode(), Policy: e.policy.Revision(),
	}
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
func (q *question) reputation(c *config) screening.Reputation {
	r := screening.Reputation{Label: q.label, Marks: int(q.marks), Directory: juhe.Name}
	if words, err := directory.NewCategories(c.Directories.texts()); err == nil { // the configuration was checked
		r.Category, _ = words.Find(q.label)
	}
	return r
}

// verdict returns the exit code of the verdict.
func (e *explained) verdict() error {
	code := [...]int{screening.Tag: exitTag, screening.Reject: exitReject, screening.Divert: exitDivert}[e.Verdict.Action]
	if code == 0 {
		return nil
	}
	return exitWith(code, fmt.Errorf("the verdict is %v", e.Verdict.Action))
}
