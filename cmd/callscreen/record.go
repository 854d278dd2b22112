package main

import (
	"errors"
	"os"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/audit/hep"
	"callscreen/audit/store"
	"callscreen/audit/trace"
	"callscreen/screening"
	"callscreen/sipagent"
)

// record is everywhere that calls are kept or told of. Nothing of it blocks.
type record struct {
	lines *audit.Log   // nil: no lines are written
	mute  error        // why there are none, though there should be
	store *store.Store // nil: there is no database
	why   error        // why there is none, though there should be
	trace *trace.Trace // nil: no messages are kept
	homer *hep.Sender  // nil: none is told
	key   []byte       // of hashes
	notifier

	decided []interface{ Record(d screening.Decision) }
	ended   []interface{ Ended(e screening.Ending) }
}

// openRecord opens what c wants of the record. On an error nothing stays open. A file or
// a database that cannot be had is logged: it is no reason to screen no calls.
func (c *config) openRecord(log zerolog.Logger) (_ *record, err error) {
	key, err := stateKey(c.State, recordKeyFile, log)
	if err != nil {
		return nil, err
	}
	r := &record{key: key}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close())
		}
	}()
	if c.Record.File != recordOff {
		r.openLines(c.audit(key, log))
	}
	if c.Record.database() {
		r.openStore(c.store(key, log))
	}
	if r.trace, err = trace.New(trace.Options{Calls: c.Record.Trace}); err != nil {
		return nil, err
	}
	if c.HEP.Address != "" {
		if r.homer, err = hep.Open(c.hep(key, log)); err != nil {
			return nil, err
		}
		r.decided = append(r.decided, r.homer)
	}
	if err := r.openNotifier(c, key, log); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *record) openLines(o audit.Options) {
	if o.File == "" {
		o.Writer = os.Stdout
	}
	if r.lines, r.mute = audit.Open(o); r.mute != nil {
		o.Logger.Error().Err(r.mute).Msg("no lines of the record")
		return
	}
	r.decided, r.ended = append(r.decided, r.lines), append(r.ended, r.lines)
}

func (r *record) openStore(o store.Options) {
	if r.store, r.why = store.Open(o); r.why != nil {
		o.Logger.Error().Err(r.why).Msg("no database for the record")
		return
	}
	r.decided, r.ended = append(r.decided, r.store), append(r.ended, r.store)
}

// Record hands a decision to everyone who takes it.
func (r *record) Record(d screening.Decision) {
	for _, to := range r.decided {
		to.Record(d)
	}
}

// Ended hands on how a call went on.
func (r *record) Ended(e screening.Ending) {
	for _, to := range r.ended {
		to.Ended(e)
	}
}

// Message keeps a SIP message, and tells Homer of it.
func (r *record) Message(m sipagent.Message) {
	r.trace.Add(trace.Message(m))
	if r.homer != nil {
		r.homer.Message(trace.Message(m))
	}
}

// tap is who sees the SIP messages; nil: nobody does.
func (r *record) tap() sipagent.Tap {
	if r.trace == nil && r.homer == nil {
		return nil
	}
	return r
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
	if r.homer != nil {
		err = errors.Join(err, r.homer.Close())
	}
	return errors.Join(err, r.notifier.close())
}
