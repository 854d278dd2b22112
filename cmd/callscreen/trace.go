package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit"
	"callscreen/audit/trace"
	"callscreen/console"
)

// traced are the messages of a call as the process tells them.
type traced struct {
	Messages []trace.Message `json:"messages"`
	Left     int             `json:"left"` // more there were
}

func newTrace() *cobra.Command {
	var file, pcap string
	var full, asJSON bool
	cmd := &cobra.Command{
		Use:   "trace CALL",
		Short: "Print the SIP messages of one of the last calls",
		Long: "Prints the messages of a call as they came and as they left, as a ladder. CALL is its Call-ID, or its id in\n" +
			"the record. The running process keeps the messages of as many calls as record.trace says.\n\n" +
			"Exit code 4: there is no such call, or its messages are not kept.",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := loadConfig(file)
			if err != nil {
				return err
			}
			t, err := c.trace(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			switch {
			case pcap != "":
				return t.writePcap(pcap)
			case asJSON:
				return t.printJSON(out)
			case full:
				return t.printFull(out)
			}
			return t.print(out)
		},
	}
	configFlag(cmd, &file)
	jsonFlag(cmd, &asJSON)
	cmd.Flags().StringVar(&pcap, "pcap", "", "write a `file` that Wireshark and sngrep open; it must not be there yet")
	cmd.Flags().BoolVar(&full, "full", false, "print the messages whole")
	cmd.MarkFlagsMutuallyExclusive("pcap", "full", "json")
	return cmd
}

// trace asks the running process for the messages of a call, which its Call-ID or its
// id in the record names.
func (c *config) trace(ctx context.Context, name string) (traced, error) {
	t, err := c.traceOf(ctx, name)
	id, _ := strconv.ParseInt(name, 10, 64)
	if exitCode(err) != exitNothingFound || id <= 0 || !c.Record.database() {
		return t, err
	}
	r, err := c.openReader()
	if err != nil {
		return t, err
	}
	defer r.Close()
	call, err := findCall(ctx, r, name)
	if err != nil {
		return t, err
	}
	return c.traceOf(ctx, call.Decision.Call.ID)
}

func (c *config) traceOf(ctx context.Context, call string) (t traced, err error) {
	err = c.client().Do(ctx, http.MethodGet, "/trace/"+url.PathEscape(call), nil, &t)
	return t, refused(err)
}

// handleTrace answers with the messages of a call.
func (r *record) handleTrace(req *http.Request) (any, error) {
	if r.trace == nil {
		return nil, console.NotFound("no messages are kept: write trace: 500 under record")
	}
	messages, left := r.trace.Call(req.PathValue("call"))
	if len(messages) == 0 {
		return nil, console.NotFound("no messages of such a call are kept")
	}
	return traced{messages, left}, nil
}

func (t *traced) print(w io.Writer) error {
	err := trace.Ladder(w, t.Messages)
	if err == nil && t.Left > 0 {
		_, err = fmt.Fprintf(w, "and %d more, which were not kept\n", t.Left)
	}
	return err
}

// printFull prints every message under a line that says when and where it went.
func (t *traced) printFull(w io.Writer) error {
	for i := range t.Messages {
		m := &t.Messages[i]
		if _, err := fmt.Fprintf(w, "%s %s %s -> %s\n", m.At.Local().Format("15:04:05.000"), m.Transport, m.From, m.To); err != nil {
			return err
		}
		for line := range strings.Lines(string(m.Raw)) {
			if _, err := fmt.Fprintln(w, "  "+audit.Visible(strings.TrimRight(line, "\r\n"))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *traced) printJSON(w io.Writer) error {
	type message struct {
		At        time.Time `json:"time"`
		Transport string    `json:"transport"`
		From      string    `json:"from"`
		To        string    `json:"to"`
		Text      string    `json:"text"`
	}
	out := struct {
		Messages []message `json:"messages"`
		Left     int       `json:"left"`
	}{Left: t.Left}
	for i := range t.Messages {
		m := &t.Messages[i]
		out.Messages = append(out.Messages, message{m.At, m.Transport, m.From.String(), m.To.String(), string(m.Raw)})
	}
	return printJSON(w, out)
}

func (t *traced) writePcap(name string) (err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("pcap: %w", err)
	}
	return errors.Join(trace.WritePcap(f, t.Messages), f.Close())
}
