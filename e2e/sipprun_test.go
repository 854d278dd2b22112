package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// sippLimit is the longest a SIPp may run.
const sippLimit = 2 * time.Minute

// sippRun is a SIPp under way.
type sippRun struct {
	t        *testing.T
	name     string
	cmd      *exec.Cmd
	messages string // file of what it sent and received
	dislikes string // file of what it did not expect
	screen   string // file of its screen
}

// startSIPp runs a scenario of testdata/.
func startSIPp(t *testing.T, sipp, dir, scenario, ip, port string, more ...string) *sippRun {
	t.Helper()
	xml, err := filepath.Abs(filepath.Join("testdata", scenario+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	r := &sippRun{
		t: t, name: scenario, messages: filepath.Join(dir, scenario+".messages"),
		dislikes: filepath.Join(dir, scenario+".errors"), screen: filepath.Join(dir, scenario+".screen"),
	}
	out, err := os.Create(r.screen)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	ctx, cancel := context.WithTimeout(context.Background(), sippLimit)
	r.cmd = exec.CommandContext(ctx, sipp, append(more, "-sf", xml, "-i", ip, "-p", port, "-t", "u1", "-nostdin",
		"-trace_msg", "-message_file", r.messages, "-trace_err", "-error_file", r.dislikes)...)
	r.cmd.Dir, r.cmd.Stdout, r.cmd.Stderr = dir, out, out
	t.Cleanup(cancel)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = r.cmd.Wait() // an error where end has waited before
	})
	return r
}

// end waits for SIPp, whose exit code is 0 when no call failed.
func (r *sippRun) end() {
	r.t.Helper()
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("sipp %s: %v\n%s\n%s", r.name, err, tail(r.t, r.screen), tail(r.t, r.dislikes))
	}
}

// traffic is what one SIPp sent and received, each in order, by Call-ID.
type traffic struct {
	sent, received map[string][]message
}

// SIPp writes "sent (520 bytes):" and "received [427] bytes :".
var sippMessage = regexp.MustCompile(`(?m)^UDP message (sent|received) [([](\d+)[^:\n]*:\n\n`)

// log reads SIPp's messages.
func (r *sippRun) log() traffic {
	r.t.Helper()
	text, err := os.ReadFile(r.messages)
	if err != nil {
		r.t.Fatal(err)
	}
	tr := traffic{map[string][]message{}, map[string][]message{}}
	for _, m := range sippMessage.FindAllSubmatchIndex(text, -1) {
		size, err := strconv.Atoi(string(text[m[4]:m[5]]))
		if err != nil || m[1]+size > len(text) {
			r.t.Fatalf("%s: cut off in the middle of a message", r.messages)
		}
		msg, to := message(text[m[1]:m[1]+size]), tr.received
		if string(text[m[2]:m[3]]) == "sent" {
			to = tr.sent
		}
		id := msg.header("Call-ID")
		to[id] = append(to[id], msg)
	}
	return tr
}
