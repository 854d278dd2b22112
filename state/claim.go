package state

import "errors"

// ErrInUse reports a folder that somebody else works in.
var ErrInUse = errors.New("in use")

// Use marks a folder as one that a process works in, until release. Others may do so
// at the same time, as a process and its successor do. It never waits; on ErrInUse a
// command is at work in the folder. The folder's files are no less usable without.
func Use(dir string) (release func() error, err error) { return hold(dir, shared) }

// Claim takes a folder that nobody works in, until release. It never waits; on
// ErrInUse what is saved there would be lost to who works there.
func Claim(dir string) (release func() error, err error) { return hold(dir, alone) }
