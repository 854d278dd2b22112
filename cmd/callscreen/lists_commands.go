package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"callscreen/console"
	"callscreen/screening/strictyaml"
)

func newAllow() *cobra.Command {
	return newEntry(allowList, "allow NUMBER", "Let a number through, whatever the rules say",
		"Puts a number on the allow list, which beats the block list and the rules, and takes it off the block list.")
}

func newDeny() *cobra.Command {
	return newEntry(blockList, "deny NUMBER", "Refuse a number, whatever the rules say",
		"Puts a number on the block list, which beats the rules, and takes it off the allow list. A number that\n"+
			"always rings, such as 110, is refused only where the policy says even_if_never_reject: true under block.")
}

func newEntry(list, use, short, long string) *cobra.Command {
	var during string
	var ch listChange
	cmd := listCommand(use, short, long+"\n\n"+
		"NUMBER is read as a call's: one without area code is in the area of the trunk. It may be a pattern as in a\n"+
		"policy: 1380013XXXX, 0571* or _95XXX. It holds from the next call on and\n"+
		"survives a restart. Without a running process the file of the list is written, for the next one.", &ch)
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("for") {
			d, ok := strictyaml.Duration(during)
			if !ok || d <= 0 {
				return exitWith(exitUsage, fmt.Errorf("--for: %q is no time: write it as in 24h or 30d", during))
			}
			ch.For = d
		}
		ch.List = list
		return run(cmd, args)
	}
	cmd.Flags().StringVar(&during, "for", "", "how `long`, as in 24h or 30d (default: for good)")
	cmd.Flags().StringVar(&ch.Note, "note", "", "`reason`, which goes into the record of its calls")
	return cmd
}

func newForget() *cobra.Command {
	return listCommand("forget NUMBER", "Take a number off the allow and the block list",
		"Takes off what allow and deny have put there. What stands in the policy and its files stays.\n\n"+
			"Exit code 4: it is on neither list.", new(listChange))
}

// listCommand is a command that changes the lists as ch says.
func listCommand(use, short, long string, ch *listChange) *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.ExactArgs(1), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			ch.Number = args[0]
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			done, err := c.changeLists(cmd.Context(), *ch, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), done)
			}
			return done.print(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	trunkFlag(cmd, &ch.Trunk)
	return cmd
}

// changeLists has the running process change the lists. Where none runs the files are
// changed, and told is told so.
func (c *config) changeLists(ctx context.Context, ch listChange, told io.Writer) (done listChanged, err error) {
	err = c.ask(func() error {
		return c.client().Do(ctx, http.MethodPost, "/lists", ch, &done)
	}, func() (err error) {
		if done, err = c.changeFiles(ch); err == nil {
			_, err = fmt.Fprintln(told, "callscreen is not running: the file of the list is changed, for the next process")
		}
		return err
	})
	return done, refused(err)
}

func (c *config) changeFiles(ch listChange) (listChanged, error) {
	base, err := c.policy(readText)
	if err != nil {
		return listChanged{}, err
	}
	if ch.habits, err = c.habits(ch.Number, ch.Trunk); err != nil {
		return listChanged{}, err
	}
	done, _, err := c.lists().change(base, ch, time.Now(), sums{})
	return done, err
}

// print writes the result to w, and why it may not do what it seems to, to told.
func (d *listChanged) print(w, told io.Writer) error {
	text := ""
	switch {
	case d.Now == nil:
		text = d.Before[0].Number + " is on no list any more"
	case d.Now.List == allowList:
		text = d.Now.Number + " is let through"
	default:
		text = d.Now.Number + " is refused"
	}
	if d.Now != nil {
		text += ", " + d.Now.until()
	}
	_, err := fmt.Fprintln(w, text)
	if d.Remark != "" {
		_, err2 := fmt.Fprintln(told, "callscreen: "+d.Remark)
		err = errors.Join(err, err2)
	}
	return err
}

func (l *listEntry) until() string {
	if l.Expires == nil {
		return "for good"
	}
	return "until " + l.Expires.Local().Format(time.DateTime)
}

func newList() *cobra.Command {
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Print what allow and deny have put on the lists",
		Long: "Prints the entries that allow and deny have made. Those of the policy and of its files stand there.\n" +
			"Entries that have ended are printed until a list is written again.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			all, err := c.listEntries(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), all)
			}
			return printEntries(cmd.OutOrStdout(), all)
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// listEntries asks the running process for the entries, or else reads them.
func (c *config) listEntries(ctx context.Context) (all []listEntry, err error) {
	err = c.client().Do(ctx, http.MethodGet, "/lists", nil, &all)
	if !errors.Is(err, console.ErrNotRunning) {
		return all, err
	}
	pair, err := c.lists().read(nil, sums{}) // the times in them have a zone
	if err != nil {
		return nil, err
	}
	return pair.entries(), nil
}

func printEntries(w io.Writer, all []listEntry) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, l := range all {
		until := l.until()
		if l.Expires != nil && !l.Expires.After(time.Now()) {
			until = "ended " + l.Expires.Local().Format(time.DateTime)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.List, printable(l.Number), until, printable(cmp.Or(l.Note, "-"))) // Flush tells of errors
	}
	return t.Flush()
}
