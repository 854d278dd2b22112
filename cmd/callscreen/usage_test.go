package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command refuses what it does not understand in the same way, before it does
// anything.
func TestUsage(t *testing.T) {
	root := newRoot()
	strict(root, func() {})
	commands := 0
	var all func(*cobra.Command)
	all = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			all(below)
		}
		commands++
		path := strings.Fields(cmd.CommandPath())[1:]
		t.Run(strings.Join(path, " "), func(t *testing.T) {
			for _, args := range misuses(t, cmd) {
				var out, told bytes.Buffer
				code := execute(append(slices.Clone(path), args...), &out, &told)
				line, see := told.String(), ": see '"+cmd.CommandPath()+" --help'\n"
				if code != exitUsage || out.Len() > 0 || !strings.HasPrefix(line, "callscreen: ") || !strings.HasSuffix(line, see) || strings.Count(line, "\n") != 1 {
					t.Errorf("%v: exit code %d, %q, %q; want %d and one line that ends with %q", args, code, &out, line, exitUsage, see)
				}
			}
			var out, told bytes.Buffer
			if code := execute(append(path, "--help"), &out, &told); code != 0 || told.Len() > 0 || !strings.Contains(out.String(), "Usage:") {
				t.Errorf("--help: exit code %d, %q, %q", code, &out, &told)
			}
		})
	}
	all(root)
	if commands < 30 {
		t.Errorf("only %d commands were tried", commands)
	}
}

var flagNames = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`)

// misuses returns arguments that a command cannot understand: an unknown flag, too many or
// too few words, a required flag left out, and flags that exclude each other.
func misuses(t *testing.T, cmd *cobra.Command) (all [][]string) {
	var enough []string // words, as many as the command takes
	for cmd.ValidateArgs(enough) != nil {
		all, enough = append(all, enough), append(enough, "1")
	}
	more := append(slices.Clone(enough), "1")
	switch anyNumber := strings.HasSuffix(cmd.Use, "...]"); {
	case cmd.ValidateArgs(more) != nil:
		all = append(all, more)
	case !anyNumber:
		t.Errorf("%s takes any number of words", cmd.CommandPath())
	}
	var required []string
	groups := map[string][]string{}
	for _, name := range flagNames.FindAllStringSubmatch(cmd.Flags().FlagUsages(), -1) {
		f := cmd.Flags().Lookup(name[1])
		given := "--" + f.Name
		if f.Value.Type() != "bool" {
			given += "=1"
		}
		if f.Annotations[cobra.BashCompOneRequiredFlag] != nil {
			required = append(required, given)
		}
		for _, group := range f.Annotations["cobra_annotation_mutually_exclusive"] {
			groups[group] = append(groups[group], given)
		}
	}
	if required != nil {
		all = append(all, enough)
	}
	enough = append(enough, required...)
	for _, group := range groups {
		all = append(all, append(slices.Clone(enough), group...))
	}
	return append(all, append(enough, "--nope"))
}
