package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/console"
	"callscreen/screening"
	"callscreen/state"
)

// eraser is everywhere that a number can be, beside lists: in a process, or in the
// files that one has left.
type eraser struct {
	c      *config
	record *record
	cache  *screening.Cache // nil: nothing is remembered
	memory *screening.Memory
	log    zerolog.Logger
}

// eraseRequest is the number to erase, as a trunk writes it.
type eraseRequest struct {
	Number string `json:"number"`
	Trunk  string `json:"trunk,omitempty"`
}

// erasure is what was erased. It does not hold the number.
type erasure struct {
	Hash       string   `json:"hash"`       // as the line has it that stays
	Calls      int64    `json:"calls"`      // in database and spool
	Lines      int      `json:"lines"`      // in files of JSON lines
	Traces     int      `json:"traces"`     // calls whose SIP messages were kept
	Cached     bool     `json:"cached"`     // an answer about it was remembered
	Remembered bool     `json:"remembered"` // so were its calls
	Deleted    []string `json:"deleted,omitempty"`
	Problems   []string `json:"problems,omitempty"` // what could not be erased, and why
}

// handleErase erases a number from the process.
func (p *process) handleErase(req *http.Request) (any, error) {
	var asked eraseRequest
	if err := console.ReadBody(req, &asked); err != nil {
		return nil, err
	}
	p.engine.Forget()
	e := eraser{p.c, p.record, p.cache, p.memory, p.log}
	return e.erase(context.WithoutCancel(req.Context()), asked) // who asked may go; half of it would be worse
}

// eraseFiles erases a number from the files of a process that does not run.
func (c *config) eraseFiles(ctx context.Context, asked eraseRequest) (done erasure, err error) {
	if state.Foreign(c.State) {
		return done, fmt.Errorf("%s is another user's: run this as that user, or callscreen may not be able to read what is left", c.State)
	}
	files := *c
	files.HEP.Address, files.Notify.Hooks, files.Record.Trace = "", nil, 0
	if !c.Record.lines() {
		files.Record.File = recordOff
	}
	e := eraser{c: c, log: zerolog.Nop()}
	if e.record, err = files.openRecord(e.log); err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, e.record.close()) }()
	if e.record.why != nil { // a process may have it that does not answer
		return done, e.record.why
	}
	if e.cache, err = c.savedCache(); unreadable(err) {
		return done, err
	}
	defer e.cache.Close()
	if e.memory, err = screening.NewMemory(screening.MemoryOptions{}); err != nil {
		return done, err
	}
	if err := c.memoryFile().Load(e.memory.Load); unreadable(err) {
		return done, err
	}
	e.record.connected(ctx)
	return e.erase(ctx, asked)
}

// unreadable reports whether a file could not be read that is still in its place.
func unreadable(err error) bool { return err != nil && !errors.Is(err, state.ErrSetAside) }

// connected waits a while for the database.
func (r *record) connected(ctx context.Context) {
	for end := time.Now().Add(10 * time.Second); r.store != nil && !r.store.State().Up && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(10 * time.Millisecond)
	}
}

func (e *eraser) erase(ctx context.Context, asked eraseRequest) (done erasure, err error) {
	n, err := e.c.number(asked.Number, asked.Trunk)
	if err != nil {
		return done, err
	}
	if n.Digits == "" {
		return done, console.BadRequest("this is no number")
	}
	done.Hash = audit.Digest(e.record.key, n.Digits)
	failed := func(what string, err error) {
		if err != nil {
			e.log.Error().Err(err).Msg("erasing from the " + what)
			done.Problems = append(done.Problems, what+": "+err.Error())
		}
	}
	failed("memory of callers", e.forget(n, &done))
	done.Traces = e.record.trace.Forget(erasable(n))
	if e.record.store != nil {
		left, err := e.record.store.Erase(ctx, n)
		failed("database", err)
		done.Calls = left.Calls
	}
	if e.record.why != nil {
		failed("database", e.record.why)
	}
	if e.record.lines != nil {
		done.Lines, err = e.record.lines.Erase(n, done.Hash)
		failed("lines", err)
	}
	done.Deleted, err = deleteAside(e.c.State, n)
	failed("state folder", err)
	e.log.Info().Msg("number erased, of which stays " + done.Hash)
	return done, nil
}

// erasable is what to look for in messages: the digits that every way of writing n has,
// or where those are few, n itself.
func erasable(n screening.Number) string {
	if core := audit.Core(n); core != "" {
		return core
	}
	return n.Digits
}

// forget erases n from the cache and the memory of callers, and from their files.
func (e *eraser) forget(n screening.Number, done *erasure) error {
	var errs []error
	if e.cache != nil {
		done.Cached = e.cache.Forget(n)
		errs = append(errs, e.c.cacheFile().Save(e.cache.Save))
	}
	done.Remembered = e.memory.Forget(n)
	return errors.Join(append(errs, e.c.memoryFile().Save(e.memory.Save))...)
}

// asideFiles are those of the state folder that were set aside, as nobody could read
// them.
var asideFiles = []string{"*.bad", "record.db.damaged-*"}

// deleteAside deletes the files set aside that hold n.
func deleteAside(dir string, n screening.Number) (deleted []string, err error) {
	core := audit.Core(n)
	for _, pattern := range asideFiles {
		entries, listErr := fsGlob(dir, pattern)
		err = errors.Join(err, listErr)
		for _, name := range entries {
			text, readErr := os.ReadFile(name)
			if readErr == nil && core != "" && bytes.Contains(text, []byte(core)) {
				readErr = os.Remove(name)
				deleted = append(deleted, filepath.Base(name))
			}
			err = errors.Join(err, readErr)
		}
	}
	return deleted, err
}

// fsGlob returns the files of a folder whose names match, whatever the folder's name.
func fsGlob(dir, pattern string) (found []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok && e.Type().IsRegular() { // the patterns are ours
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	return found, err
}
