package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/console"
	"callscreen/state"
)

// Commands that change files do so with nobody else in the state folder, and say so
// where somebody stays there. What only reads does not mind.
func TestCommandsClaimTheStateFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.write("callscreen.yaml", o.text())
		c := o.config("")
		if _, err := openState(c.State, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		used := must(state.Use(c.State))(t)
		for _, command := range []string{
			"allow 13041439112", "deny 13041439112", "forget 13041439112", "audit erase 13041439112", "audit erase 13041439112 --lists",
			"cache forget 13041439112", "cache purge", "lookup 13041439112",
		} {
			var out, told bytes.Buffer
			code := execute(append(strings.Fields(command), "--config", c.file), &out, &told)
			if code != exitFailed || !strings.Contains(told.String(), "callscreen works in "+c.State) || out.Len() > 0 {
				t.Errorf("%s: exit code %d, %q, %q; want that somebody works there", command, code, &out, &told)
			}
		}
		for _, command := range []string{"list", "lookup 10086 --offline"} {
			var out, told bytes.Buffer
			if execute(append(strings.Fields(command), "--config", c.file), &out, &told); strings.Contains(told.String(), "works in") {
				t.Errorf("%s: %q", command, &told)
			}
		}
		used(t)
		var out, told bytes.Buffer
		if code := execute([]string{"deny", "13041439112", "--config", c.file}, &out, &told); code != 0 {
			t.Errorf("deny: exit code %d, %q", code, &told)
		}
	})
}

// A command that finds the folder in use waits for a process that begins, or for another
// command to end.
func TestCommandsWaitForWhoIsInTheStateFolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOffice(t).config("")
		if _, err := openState(c.State, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		nothing := func() error { return nil }
		used := must(state.Use(c.State))(t)
		asked := 0
		err := c.ask(func() error {
			if asked++; asked < 3 {
				return console.ErrNotRunning
			}
			return nil
		}, func() error { return errors.New("it went to work alone") })
		if err != nil || asked != 3 {
			t.Errorf("asked %d times, %v; want the process to answer the third time", asked, err)
		}
		asked = 0
		err = c.ask(func() error {
			if asked++; asked == 3 {
				used(t)
			}
			return console.ErrNotRunning
		}, nothing)
		if err != nil || asked != 3 {
			t.Errorf("asked %d times, %v; want the command to go to work once the folder is left", asked, err)
		}
		refused := errors.New("refused")
		if err := c.ask(func() error { return refused }, nothing); !errors.Is(err, refused) {
			t.Errorf("%v; want what the process says", err)
		}
		must(state.Claim(c.State))(t)(t) // nobody is left in the folder
	})
}

// A process that begins waits for a command that is at work, and has the folder then.
func TestProcessWaitsForACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newOffice(t).config("")
		if _, err := openState(c.State, zerolog.Nop()); err != nil {
			t.Fatal(err)
		}
		claimed := must(state.Claim(c.State))(t)
		began := time.Now()
		time.AfterFunc(time.Second, func() { claimed(t) })
		p := &process{c: c, log: zerolog.Nop()}
		p.occupy()
		if waited := time.Since(began); waited < time.Second || waited > time.Second+claimAgain {
			t.Errorf("it waited for %v; want until the command has ended", waited)
		}
		if _, err := state.Claim(c.State); !errors.Is(err, state.ErrInUse) {
			t.Errorf("%v; want the folder in use", err)
		}
		must(p.release, nil)(t)(t)
	})
}

// A process that cannot wait any longer for a command screens calls all the same. It has
// read nothing before.
func TestProcessDoesNotWaitForEver(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", refuseSales+"  - {id: never, when: {category: sales}, action: reject}\n")
	c := o.config("")
	if _, err := openState(c.State, zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	claimed := must(state.Claim(c.State))(t)
	p, _ := o.start("")
	o.call(p, "13800138000", o.pbx, "INVITE ")
	log := o.log.String()
	said, odd := strings.Index(log, "commands may change files of this process"), strings.Index(log, "policy is odd")
	if p.release != nil || said < 0 || odd < said {
		t.Errorf("log = %s; want to be told of the command before the policy is read", log)
	}
	claimed(t)
}

// must returns what gives a hold on a folder back.
func must(release func() error, err error) func(*testing.T) func(*testing.T) {
	return func(t *testing.T) func(*testing.T) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return func(t *testing.T) {
			t.Helper()
			if err := release(); err != nil {
				t.Error(err)
			}
		}
	}
}
