package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func newAuditErase() *cobra.Command {
	var file string
	var asked eraseRequest
	var lists, offline, asJSON bool
	cmd := &cobra.Command{
		Use:   "erase NUMBER",
		Short: "Erase a number from everything that callscreen keeps",
		Long: "Erases every call that a number made or was called by, and the number wherever else it is: database, spool,\n" +
			"JSON lines, SIP messages, what is remembered of lookups and callers; with --lists also the lists that allow and\n" +
			"deny have written. A line stays with a keyed hash of the number, by which it can be told that it was erased.\n" +
			"Files that were exported, logs and backups of a PostgreSQL server, and files that people write are not touched.\n\n" +
			"Without a running process the files are erased from, for which nobody may write them.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			asked.Number = args[0]
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			done, err := c.erase(cmd, asked, offline)
			if err != nil {
				return refused(err)
			}
			print := done.print
			if asJSON {
				print = func(w io.Writer) error { return printJSON(w, done) }
			}
			return errors.Join(print(cmd.OutOrStdout()), c.eraseFromLists(cmd, asked, lists), done.unfinished())
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	trunkFlag(cmd, &asked.Trunk)
	cmd.Flags().BoolVar(&lists, "lists", false, "take it off the allow and the block list too")
	cmd.Flags().BoolVar(&offline, "offline", false, "callscreen does not run: needed where there is no control socket to tell so")
	return cmd
}

// erase has the running process erase a number, or erases it from the files where none
// runs.
func (c *config) erase(cmd *cobra.Command, asked eraseRequest, offline bool) (done erasure, err error) {
	if c.Control == "" && !offline {
		return done, exitWith(exitUsage, errors.New("control is off, so nobody can tell whether callscreen runs: stop it and add --offline"))
	}
	err = c.ask(func() error {
		return c.client().Do(cmd.Context(), http.MethodPost, "/erase", asked, &done)
	}, func() (err error) {
		sayNotRunning(cmd)
		done, err = c.eraseFiles(cmd.Context(), asked)
		return err
	})
	return done, err
}

// eraseFromLists takes a number off the lists where that is wanted, and else tells that
// it is on one.
func (c *config) eraseFromLists(cmd *cobra.Command, asked eraseRequest, wanted bool) error {
	n, err := c.number(asked.Number, asked.Trunk)
	if err != nil {
		return err
	}
	entries, err := c.listEntries(cmd.Context())
	if err != nil {
		return err
	}
	switch _, on := formOnList(entries, asked.Number, n.Digits); {
	case !on:
		return nil
	case !wanted:
		cmd.PrintErrln("callscreen: the number is still on a list: --lists takes it off")
		return nil
	}
	_, err = c.changeLists(cmd.Context(), listChange{Number: asked.Number, Trunk: asked.Trunk}, cmd.ErrOrStderr())
	return err
}

func (e *erasure) print(w io.Writer) error {
	rows := [][]string{
		{"calls", strconv.FormatInt(e.Calls, 10)},
		{"lines", strconv.Itoa(e.Lines)},
		{"traces", strconv.Itoa(e.Traces)},
		{"lookups remembered", yesNo(e.Cached)},
		{"calls remembered", yesNo(e.Remembered)},
	}
	for _, file := range e.Deleted {
		rows = append(rows, []string{"file deleted", file})
	}
	return writeTable(w, []string{"erased", e.Hash}, rows)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// unfinished returns the error of what could not be erased.
func (e *erasure) unfinished() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return fmt.Errorf("not all is erased: %s", strings.Join(e.Problems, "; "))
}
