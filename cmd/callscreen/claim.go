package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"callscreen/console"
	"callscreen/state"
)

// claimWithin is how long a command or a process that begins waits until a command has
// left the state folder.
const claimWithin = 3 * time.Second

// claimAgain is how often it looks.
const claimAgain = 20 * time.Millisecond

// ask has the running process do what a command wants. Where none runs, [console.ErrNotRunning],
// the command does it alone, with nobody else in the state folder: a process would
// not see the change, and undo it. One that begins or ends is waited for, as is another
// command.
func (c *config) ask(running, alone func() error) error {
	for end := time.Now().Add(claimWithin); ; time.Sleep(claimAgain) {
		err := running()
		if !errors.Is(err, console.ErrNotRunning) {
			return err
		}
		release, err := state.Claim(c.State)
		switch {
		case errors.Is(err, fs.ErrNotExist): // there is nothing to take
			return alone()
		case err == nil:
			return errors.Join(alone(), release())
		case !errors.Is(err, state.ErrInUse):
			return err
		case time.Now().After(end):
			return c.errInUse()
		}
	}
}

// errInUse says what to do where somebody works in the state folder who does not answer.
func (c *config) errInUse() error {
	if c.Control == "" {
		return fmt.Errorf("callscreen, or another command, works in %s and has no control socket: stop it, or wait for its end", c.State)
	}
	return fmt.Errorf("callscreen works in %s and is not reached at control %q: write there where its socket is, or stop it", c.State, c.Control)
}

// occupy marks the state folder as the process's. A command that is at work in it is
// waited for a while: what it writes is to be read.
func (p *process) occupy() {
	release, err := state.Use(p.c.State)
	for end := time.Now().Add(claimWithin); errors.Is(err, state.ErrInUse) && time.Now().Before(end); {
		time.Sleep(claimAgain)
		release, err = state.Use(p.c.State)
	}
	if err != nil {
		p.log.Warn().Err(err).Msg("commands may change files of this process, and the change be lost")
		return
	}
	p.release = release
}
