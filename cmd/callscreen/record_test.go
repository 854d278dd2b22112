package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/audit/store"
)

// withRecord is the configuration with another record.
func (o *office) withRecord(record string) *config {
	o.t.Helper()
	return mustConfig(o.t, o.path("callscreen.yaml"), strings.Replace(o.text(), "record: {file: record.jsonl}", "record: "+record, 1))
}

// run runs a process of c until the test or stop ends it.
func (o *office) run(c *config) (p *process, stop func()) {
	o.t.Helper()
	p, err := build(c, o.logger())
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }() // ends with ctx
	done := false
	stop = func() {
		if done {
			return
		}
		done = true
		cancel()
		if err := <-ended; err != nil {
			o.t.Errorf("run = %v, want nil", err)
		}
	}
	o.t.Cleanup(stop)
	return p, stop
}

// stored returns all that the database holds.
func (o *office) stored(c *config) []audit.Record {
	o.t.Helper()
	r, err := store.OpenReader(c.store(nil, zerolog.Nop()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		o.t.Fatal(err)
	}
	defer r.Close()
	calls, _, err := r.Search(o.t.Context(), store.Filter{}, store.Page{Oldest: true})
	if err != nil {
		o.t.Fatal(err)
	}
	return calls
}

func TestCallsAreKeptInBothForms(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", "mode: enforce\nrules: [{id: shorts, when: {class: extension}, action: reject}]\n")
	c := o.config("")
	p, stop := o.run(c)
	o.call(p, "1001", o.carrier, "SIP/2.0 603 Decline")
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	if !eventually(func() bool { return p.record.store.State().Written == 3 }) {
		t.Errorf("store is %+v; want two calls and the end of one written", p.record.store.State())
	}
	stop()

	calls := o.stored(c)
	if len(calls) != 2 || calls[0].Decision.Verdict.Rule != "shorts" || calls[1].Decision.Number.Digits != "13041439112" {
		t.Errorf("database has %+v; want both calls, with whole numbers", calls)
	}
	if n := strings.Count(o.read("record.jsonl"), `"event":"decision"`); n != 2 || strings.Contains(o.read("record.jsonl"), "13041439112") {
		t.Errorf("lines: %s; want two, with masked numbers", o.read("record.jsonl"))
	}
}

func TestRecordCanBeOff(t *testing.T) {
	o := newOffice(t)
	p, stop := o.run(o.withRecord("{file: off, database: off}"))
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	if err := p.record.reopen(); err != nil {
		t.Error(err)
	}
	stop()
	for _, name := range []string{"off", "record.jsonl", "state/record.db", "state/record.spool"} {
		if _, err := os.Stat(o.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there (%v); want no record", name, err)
		}
	}
}

// TestCallsGoOnWithoutDatabase: that the database cannot be had is no reason not to
// start, and what could not be written yet waits in the spool.
func TestCallsGoOnWithoutDatabase(t *testing.T) {
	const nobody = `{file: off, database: "postgres://u:topsecret@127.0.0.1:1/d"}`
	o := newOffice(t)
	c := o.withRecord(nobody)
	p, stop := o.run(c)
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	stop()
	if !strings.Contains(o.read("state/record.spool"), "13041439112") {
		t.Errorf("spool = %s; want the call", o.read("state/record.spool"))
	}
	if log := o.log.String(); !strings.Contains(log, "database of the record is gone") || strings.Contains(log, "topsecret") {
		t.Errorf("log = %s; want that the database is gone, and no password", log)
	}

	c = o.config("") // SQLite takes what waits
	_, stop = o.run(c)
	if !eventually(func() bool { return len(o.stored(c)) == 1 }) {
		t.Errorf("database has %+v; want the call from the spool", o.stored(c))
	}
	stop()
}

func TestCallsGoOnWithoutSpool(t *testing.T) {
	o := newOffice(t)
	if err := os.MkdirAll(o.path("state/record.spool"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, stop := o.run(o.config(""))
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	stop()
	if log := o.log.String(); !strings.Contains(log, "no database for the record") || p.record.why == nil {
		t.Errorf("log = %s, why = %v; want why there is no database", log, p.record.why)
	}
	if !strings.Contains(o.read("record.jsonl"), `"event":"decision"`) {
		t.Error("the lines miss the call")
	}
}
