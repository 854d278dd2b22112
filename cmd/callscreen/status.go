package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"callscreen/console"
)

func newStatus() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how the running process stands",
		Long: "Asks the running process how each of its parts stands.\n\n" +
			"Exit code 1: something is wrong, or callscreen is not running.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			var h console.Health
			if err := c.client().Do(cmd.Context(), http.MethodGet, "/health", nil, &h); err != nil {
				return err
			}
			print := printHealth
			if asJSON {
				print = func(w io.Writer, h console.Health) error { return printJSON(w, h) }
			}
			return errors.Join(print(cmd.OutOrStdout(), h), unwell(h))
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// client asks the process that runs with the configuration.
func (c *config) client() console.Client { return console.Client{Path: c.Control} }

func unwell(h console.Health) error {
	if h.Status != "ok" {
		return errors.New(h.Status)
	}
	return nil
}

func printHealth(w io.Writer, h console.Health) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, c := range h.Checks {
		said := printable(cmp.Or(c.Reason, "-"))
		if c.Since != nil {
			said += ", since " + c.Since.Local().Format(time.DateTime)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", c.Name, c.Status, said) // Flush tells of errors
	}
	return t.Flush()
}
