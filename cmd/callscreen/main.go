// Command callscreen is a SIP proxy that screens calls on their way from a
// trunk to a PBX.
//
// It is where the packages meet, and knows them all: what it adds is the
// configuration, the life of the process and the commands. It decides nothing
// itself.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"callscreen/screening/strictyaml"
)

// The exit codes. They do not change.
const (
	exitFailed        = 1
	exitUsage         = 2
	exitConfiguration = 3
	exitNothingFound  = 4
	exitUpstream      = 5 // Juhe cannot be reached or does not answer
)

// codedError is an error with an exit code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// exitWith gives err an exit code; nil stays nil.
func exitWith(code int, err error) error {
	if err == nil {
		return nil
	}
	return &codedError{code, err}
}

func main() {
	zerolog.ErrorFieldName = "err" // as docs/CONVENTIONS.md has it
	muteLibraries()
	os.Exit(execute(os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs one command and returns the exit code: results go to stdout,
// messages to stderr.
func execute(args []string, stdout, stderr io.Writer) int {
	understood := false
	root := newRoot()
	strict(root, func() { understood = true })
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	switch {
	case err == nil:
		return 0
	case !understood:
		notUnderstood(stderr, cmd, err)
		return exitUsage
	}
	fmt.Fprintln(stderr, message(err))
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "callscreen",
		Short: "Screen calls between a trunk and a PBX",
		Long: "callscreen is a SIP proxy between a trunk and a PBX. It looks up who calls, and lets the call\n" +
			"through, puts a label on the phone, sends it elsewhere or refuses it, by the rules of a policy file.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newRun(), newStatus(), newDemo(), newCheck(), newLookup(), newCache(), newExplain(), newSchema(), newVersion(), newAudit(), newTrace())
	root.AddCommand(newAllow(), newDeny(), newForget(), newList(), newReload(), newReplay())
	return root
}

// message returns what the user is told of err. Errors with a place begin with
// their file, as editors expect it.
func message(err error) string {
	var places strictyaml.Errors
	switch {
	case errors.As(err, &places):
		return err.Error()
	case errors.Is(err, fs.ErrPermission):
		return "callscreen: " + err.Error() + ": run callscreen as who owns it, or as root"
	}
	return "callscreen: " + err.Error()
}

func exitCode(err error) int {
	var places strictyaml.Errors
	var coded *codedError
	switch {
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &places):
		return exitConfiguration
	}
	return exitFailed
}
