package main

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/audit/store"
)

// recordConfig says what is kept of calls, and where.
type recordConfig struct {
	File            string        `yaml:"file"`    // empty: standard output; recordOff: no lines
	Numbers         string        `yaml:"numbers"` // in lines, and wherever they are handed on to
	Database        secret        `yaml:"database,secret"`
	DatabaseNumbers string        `yaml:"database_numbers"`
	Retention       time.Duration `yaml:"retention"` // 0: for good
	Trace           int           `yaml:"trace"`
}

// What record.file and record.database may be beside a name and a URL.
const (
	recordOff = "off"
	sqlite    = "sqlite"
)

func defaultRecord() recordConfig {
	return recordConfig{Numbers: audit.Mask, Database: sqlite, DatabaseNumbers: audit.Full, Retention: 90 * 24 * time.Hour, Trace: 500}
}

// lines reports whether lines go to a file of their own.
func (r *recordConfig) lines() bool { return r.File != "" && r.File != recordOff }

// database reports whether calls are kept in a database.
func (r *recordConfig) database() bool { return r.Database != "" && r.Database != recordOff }

func (k checker) record() {
	r := &k.c.Record
	for _, n := range []struct{ key, value string }{{"numbers", r.Numbers}, {"database_numbers", r.DatabaseNumbers}} {
		if n.value != audit.Mask && n.value != audit.Full && n.value != audit.Hash {
			k.doc.Report(n.key+" is "+strconv.Quote(n.value), "write mask, full or hash", "record", n.key)
		}
	}
	if r.database() && r.Database != sqlite {
		if err := store.CheckURL(string(r.Database)); err != nil {
			k.doc.Report("database: "+err.Error(), `write sqlite, off, or a URL as in "postgres://callscreen@db.example.com/callscreen"`, "record", "database")
		}
	}
	k.within("retention", r.Retention, 0, 10*aYear, "record", "retention")
	k.between("trace", r.Trace, 0, 100_000, "record", "trace")
}

// recordKeyFile is where in the state folder the key of hashed numbers is. Another
// one makes other hashes of the same numbers.
const recordKeyFile = "record.key"

func (c *config) recordKeyPath() string { return filepath.Join(c.State, recordKeyFile) }

// audit returns the options of the lines.
func (c *config) audit(key []byte, log zerolog.Logger) audit.Options {
	return audit.Options{File: c.Record.File, Numbers: c.Record.Numbers, Key: key, Keep: c.Record.Retention, Logger: log}
}

// store returns the options of the database.
func (c *config) store(key []byte, log zerolog.Logger) store.Options {
	o := store.Options{
		Spool: filepath.Join(c.State, "record.spool"), Numbers: c.Record.DatabaseNumbers, Key: key,
		Retention: c.Record.Retention, Logger: log,
	}
	if c.Record.Database == sqlite {
		o.File = filepath.Join(c.State, "record.db")
	} else {
		o.URL = string(c.Record.Database)
	}
	return o
}
