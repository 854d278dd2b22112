package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"callscreen/juhe"
	"callscreen/screening"
)

func newLookup() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "lookup NUMBER",
		Short: "Ask Juhe what it says of a number",
		Long: "Asks Juhe what it says of a number. This costs one query, unless it is a number that Juhe cannot\n" +
			"know. The number is read as the first trunk of the configuration writes numbers.\n\n" +
			"Exit codes: 4 when nothing is known, 5 when Juhe does not answer.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			found, err := lookUp(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			print := found.print
			if asJSON {
				print = found.printJSON
			}
			return errors.Join(print(cmd.OutOrStdout()), found.verdict())
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// finding is what a number is and what Juhe says of it.
type finding struct {
	number     screening.Number
	reputation screening.Reputation
	asked      bool
	took       time.Duration
}

// lookUp asks Juhe for a number. No answer is an error with its exit code.
func lookUp(ctx context.Context, c *config, raw string) (finding, error) {
	var f finding
	f.number, _ = c.Trunks[0].habits().Normalize(raw) // what cannot be read has a class that says so
	client, err := openJuhe(c, zerolog.Nop(), nil)
	if errors.Is(err, juhe.ErrNoKey) {
		err = fmt.Errorf("%w: write key_file into %s, or set $%s", err, c.file, juhe.KeyEnvironment)
		return f, exitWith(exitConfiguration, err)
	}
	if err != nil {
		return f, err
	}
	if !f.number.Screenable() {
		return f, nil
	}
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	f.asked = true
	began := time.Now()
	f.reputation, err = client.Lookup(ctx, f.number)
	f.took = time.Since(began)
	return f, exitWith(lookupCode(err), err)
}

// lookupCode tells a mistake of the configuration from an answer that is not to
// be had.
func lookupCode(err error) int {
	switch {
	case errors.Is(err, juhe.ErrKey):
		return exitConfiguration
	case errors.Is(err, juhe.ErrRequest):
		return exitFailed
	}
	return exitUpstream
}

// verdict returns the error that says that nothing is known.
func (f finding) verdict() error {
	switch {
	case !f.asked:
		return exitWith(exitNothingFound, errors.New("not asked: juhe cannot know such a number"))
	case !f.reputation.Known():
		return exitWith(exitNothingFound, errors.New("nothing is known of this number"))
	}
	return nil
}

func (f finding) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", key, printable(value)) // Flush tells of errors
		}
	}
	r := f.reputation
	row("number", f.number.Digits)
	row("country", f.number.Country)
	row("class", class(f.number))
	row("category", string(r.Category))
	row("label", r.Label)
	if r.Marks > 0 {
		row("marks", fmt.Sprint(r.Marks))
	}
	row("name", r.Name)
	row("description", r.Description)
	row("place", r.Place)
	row("kinds", strings.Join(r.Kinds, ", "))
	row("financial", strings.Join(r.FinancialTags, ", "))
	row("cost", f.cost())
	return t.Flush()
}

func (f finding) cost() string {
	if !f.asked {
		return "no query"
	}
	return fmt.Sprintf("1 query, %d ms", f.took.Milliseconds())
}

func class(n screening.Number) string {
	if n.Class == screening.ClassInvalid {
		return "no number"
	}
	return string(n.Class)
}

func (f finding) printJSON(w io.Writer) error {
	r := f.reputation
	queries := 0
	if f.asked {
		queries = 1
	}
	return printJSON(w, struct {
		Number      string   `json:"number"`
		Country     string   `json:"country"`
		Class       string   `json:"class"`
		Known       bool     `json:"known"`
		Category    string   `json:"category,omitempty"`
		Label       string   `json:"label,omitempty"`
		Marks       int      `json:"marks,omitempty"`
		Name        string   `json:"name,omitempty"`
		Description string   `json:"description,omitempty"`
		Place       string   `json:"place,omitempty"`
		Kinds       []string `json:"kinds,omitempty"`
		Financial   []string `json:"financial,omitempty"`
		Queries     int      `json:"queries"`
		Took        float64  `json:"took"` // milliseconds
	}{
		f.number.Digits, f.number.Country, string(f.number.Class), r.Known(), string(r.Category), r.Label, r.Marks, r.Name,
		r.Description, r.Place, r.Kinds, r.FinancialTags, queries, float64(f.took.Microseconds()) / 1000,
	})
}
