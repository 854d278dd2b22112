package main

import (
	"errors"
	"os"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/audit/store"
	"callscreen/screening"
)

// taker takes decisions, and how their calls went on. It never blocks.
type taker interface {
	Record(d screening.Decision)
	Ended(e screening.Ending)
}

// record is everywhere that decisions are kept.
type record struct {
	lines  *audit.Log   // nil: no lines are written
	store  *store.Store // nil: there is no database
	why    error        // why there is none, though there should be
	takers []taker
}

// openRecord opens what c wants of the record. A database that cannot be had is
// logged: it is no reason to screen no calls.
func (c *config) openRecord(log zerolog.Logger) (r *record, err error) {
	key, err := stateKey(c.State, recordKeyFile, recordKeyLost)
	if err != nil {
		return nil, err
	}
	r = &record{}
	if c.Record.File != recordOff {
		if r.lines, err = openLines(c.audit(key, log)); err != nil {
			return nil, err
		}
		r.takers = append(r.takers, r.lines)
	}
	if c.Record.database() {
		if r.store, r.why = store.Open(c.store(key, log)); r.why != nil {
			log.Error().Err(r.why).Msg("no database for the record")
			return r, nil
		}
		r.takers = append(r.takers, r.store)
	}
	return r, nil
}

func openLines(o audit.Options) (*audit.Log, error) {
	if o.File == "" {
		o.Writer = os.Stdout
	}
	return audit.Open(o)
}

// Record hands a decision to everyone who takes it.
func (r *record) Record(d screening.Decision) {
	for _, t := range r.takers {
		t.Record(d)
	}
}

// Ended hands on how a call went on.
func (r *record) Ended(e screening.Ending) {
	for _, t := range r.takers {
		t.Ended(e)
	}
}

// reopen opens the file of the lines by its name again.
func (r *record) reopen() error {
	if r.lines == nil {
		return nil
	}
	return r.lines.Reopen()
}

// close writes what waits, and closes everything.
func (r *record) close() (err error) {
	if r.lines != nil {
		err = r.lines.Close()
	}
	if r.store != nil {
		err = errors.Join(err, r.store.Close())
	}
	return err
}
