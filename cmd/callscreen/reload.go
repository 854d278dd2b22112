package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"
)

func newReload() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the running process read the policy again",
		Long: "Has the running process read the policy and its lists again, as it does by itself when they change.\n" +
			"With an error in them what was in force stays so.\n\n" +
			"Exit code 3: something is wrong with the files.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			told, err := c.reloadPolicy(cmd.Context())
			if err != nil {
				return err
			}
			print := told.print
			if asJSON {
				print = func(w io.Writer) error { return printJSON(w, told) }
			}
			return errors.Join(print(cmd.OutOrStdout()), told.verdict(cmd.ErrOrStderr()))
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func (c *config) reloadPolicy(ctx context.Context) (told policyTold, err error) {
	err = c.client().Do(ctx, http.MethodPost, "/policy/reload", nil, &told)
	return told, err
}

func (t policyTold) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "policy in force: %s, revision %s\n", t.Mode, t.Revision)
	return err
}

// verdict tells what is wrong with the files, and returns the exit code of it.
func (t policyTold) verdict(w io.Writer) error {
	if len(t.Errors) == 0 {
		return nil
	}
	for _, text := range t.Errors {
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
	return exitWith(exitConfiguration, errors.New("not reloaded"))
}
