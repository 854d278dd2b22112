package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"callscreen/console"
	"callscreen/screening"
)

// trunkFlag adds --trunk, which says how numbers are written.
func trunkFlag(cmd *cobra.Command, trunk *string) {
	cmd.Flags().StringVar(trunk, "trunk", "", "`trunk` that writes numbers so (needed where trunks read it as different numbers)")
}

// number reads a number as a trunk writes it, see habits; what cannot be read has a
// class that says so.
func (c *config) number(raw, trunk string) (screening.Number, error) {
	h, err := c.habits(raw, trunk)
	if err != nil {
		return screening.Number{}, err
	}
	n, _ := h.Normalize(raw)
	return n, nil
}

// habits returns how to read a number, or the pattern of a list: as the trunk does, and
// where none is named as all do, of those that can read it. Where they differ the error
// says what to write. It is a [console.Error].
func (c *config) habits(raw, trunk string) (screening.Habits, error) {
	if trunk != "" {
		i := slices.IndexFunc(c.Trunks, func(t trunkConfig) bool { return t.Name == trunk })
		if i < 0 {
			return screening.Habits{}, console.BadRequest(fmt.Sprintf("--trunk: %s has no trunk %q", c.file, trunk))
		}
		return c.Trunks[i].habits(), nil
	}
	by, form := &c.Trunks[0], ""
	for i := range c.Trunks {
		t := &c.Trunks[i]
		f, err := t.habits().Form(raw)
		switch {
		case err != nil || f == form:
		case form == "":
			by, form = t, f
		default:
			return screening.Habits{}, console.BadRequest(fmt.Sprintf("number %q is %s to trunk %s and %s to trunk %s: write it with its area code or country, or add --trunk",
				raw, form, by.Name, f, t.Name))
		}
	}
	return by.habits(), nil
}
