package main

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"callscreen/state"
)

// claimWithin is how long a command waits for another one to end.
const claimWithin = 3 * time.Second

// claim takes the state folder for a command that changes its files, until release. A
// process that runs would not see the change, and undo it. Without a folder there
// is nothing to take.
func (c *config) claim() (release func() error, err error) {
	for end := time.Now().Add(claimWithin); ; time.Sleep(20 * time.Millisecond) {
		release, err = state.Claim(c.State)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return func() error { return nil }, nil
		case errors.Is(err, state.ErrInUse) && time.Now().Before(end):
			continue
		case errors.Is(err, state.ErrInUse):
			return nil, fmt.Errorf("callscreen works in %s and is not reached at control %q: write there where its socket is, or stop it", c.State, c.Control)
		}
		return release, err
	}
}

// occupy marks the state folder as the process's.
func (p *process) occupy() {
	release, err := state.Use(p.c.State)
	if err != nil {
		p.log.Warn().Err(err).Msg("commands may change files of this process, and the change be lost")
		return
	}
	p.release = release
}
