package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// usage returns the error of a command that was not understood.
func usage(format string, args ...any) error {
	return exitWith(exitUsage, fmt.Errorf(format, args...))
}

// strict has cobra refuse what it lets pass or looks at too late: commands that there
// are not, flags that are missing and flags that exclude each other. understood is
// called before a command does its work, and for no other.
func strict(root *cobra.Command, understood func()) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	refuseUnknown(root)
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		err := errors.Join(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups())
		if err == nil {
			understood()
		}
		return err
	}
}

// refuseUnknown has a command with commands below it, and help, take their names alone.
func refuseUnknown(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		refuseUnknown(below)
	}
	switch {
	case cmd.HasSubCommands():
		cmd.Args, cmd.DisableFlagsInUseLine = noSuchCommand, true
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	case cmd.Name() == "help":
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			return errors.Join(err, noSuchCommand(found, rest))
		}
	}
}

// noSuchCommand returns the error of words behind a command that are none below it.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2 // letters, as cobra has it where it suggests by itself
	text := fmt.Sprintf("there is no command %q", cmd.CommandPath()+" "+args[0])
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		text += " (did you mean " + strings.Join(like, " or ") + "?)"
	}
	return errors.New(text)
}

// noNumber is what the flags say of a text that is no whole number.
var noNumber = regexp.MustCompile(`strconv\.Parse(Int|Uint): parsing ".*": (invalid syntax|value out of range)`)

// notUnderstood tells in one line what is wrong with how cmd was called, and where to
// read how to call it.
func notUnderstood(w io.Writer, cmd *cobra.Command, err error) {
	text := noNumber.ReplaceAllString(strings.ReplaceAll(err.Error(), "\n", "; "), "write a whole number")
	fmt.Fprintf(w, "callscreen: %s: see '%s --help'\n", text, cmd.CommandPath())
}
