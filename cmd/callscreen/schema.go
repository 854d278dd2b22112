package main

import (
	"github.com/spf13/cobra"

	"callscreen/screening"
)

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of policy files",
		Long: "Prints the JSON Schema (draft 7) of policy files. Editors that read YAML schemas complete and check\n" +
			"by it: callscreen schema > policy.schema.json, and as first line of the policy\n" +
			"# yaml-language-server: $schema=policy.schema.json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(screening.Schema())
			return err
		},
	}
}
