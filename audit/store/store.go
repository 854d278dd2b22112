// Package store keeps the record of calls in a database, SQLite's or PostgreSQL,
// and answers questions about it.
//
// It knows calls, SQL and one spool file, and nothing of SIP, HTTP or policy. A
// call that is recorded waits in a queue for the one goroutine that writes; what
// the database does not take goes to the spool and later from there into the
// database, in order and once. Reading never holds up writing.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/screening"
)

// Options configures a [Store]. A zero field takes the default named beside it.
type Options struct {
	File       string         // a file of SQLite's; its folder must exist
	URL        string         // PostgreSQL's: "postgres://user:password@host/name"; exactly one of File and URL is needed
	Spool      string         // file for what the database does not take; default File with ".spool"; required with URL
	SpoolBytes int64          // most that the spool may hold; default 256 MiB
	Numbers    string         // callers' numbers: audit.Full (default), audit.Mask or audit.Hash
	Key        []byte         // of hashes: of numbers, and of what was erased; 16 bytes or more
	Queue      int            // calls and endings that may wait; default 8192
	Retention  time.Duration  // older calls are deleted; 0: none is
	Logger     zerolog.Logger // told when the database goes and comes, and of losses, at most once a minute; zero: discard
}

// Store keeps calls. Its methods may be called from many goroutines.
type Store struct {
	Reader
	database database
	privacy  audit.Privacy
	log      zerolog.Logger
	queue    chan item
	ops      chan func(*writer) // run between two batches
	ended    chan struct{}      // closed when the writer has ended
	closing  sync.RWMutex       // held for writing while closed changes
	closed   bool
	stop     context.CancelFunc // ends what may wait for the database
	running  sync.WaitGroup
	health   health
}

// item is what waits to be written: a decision, or else an ending.
type item struct {
	decision *screening.Decision
	ending   screening.Ending
}

// Open returns a Store that is ready to record, or says which option is wrong or
// why the spool cannot be opened. It does not wait for the database: until that is
// there, calls are spooled.
func Open(o Options) (*Store, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	spool, err := openSpool(cmp.Or(o.Spool, o.File+".spool"), cmp.Or(o.SpoolBytes, 256<<20))
	if err != nil {
		return nil, err
	}
	d := database{file: o.File, url: o.URL, log: o.Logger}
	privacy := o.privacy()
	reader, err := d.open(reading)
	if err != nil {
		return nil, errors.Join(err, spool.close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Store{
		Reader: Reader{reader, o.File, privacy}, database: d, privacy: privacy, log: o.Logger, stop: cancel,
		queue: make(chan item, cmp.Or(o.Queue, 8192)), ops: make(chan func(*writer)), ended: make(chan struct{}),
	}
	s.health.init(o.Logger)
	w := newWriter(s, spool)
	s.running.Go(func() { w.run(ctx) }) // ends when Close closes the queue
	if o.Retention > 0 {
		s.running.Go(func() { s.retain(ctx, o.Retention) }) // ends by stop
	}
	return s, nil
}

func (o Options) validate() error {
	switch {
	case (o.File == "") == (o.URL == ""):
		return errors.New("store: exactly one of file and URL is needed")
	case o.URL != "" && o.Spool == "":
		return errors.New("store: a spool is needed")
	case o.Queue < 0 || o.SpoolBytes < 0 || o.Retention < 0:
		return errors.New("store: a size or time is negative")
	case len(o.Key) > 0:
		if err := (audit.Privacy{Level: audit.Hash, Key: o.Key}).Validate(); err != nil {
			return err
		}
	}
	if o.URL != "" {
		if err := CheckURL(o.URL); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	return o.privacy().Validate()
}

// CheckURL says what is wrong with the URL of a database of PostgreSQL's, without
// what is secret in it.
func CheckURL(u string) error {
	if !strings.HasPrefix(u, "postgres://") && !strings.HasPrefix(u, "postgresql://") {
		return errors.New("URL does not begin with postgres://")
	}
	if _, err := pgconn.ParseConfig(u); err != nil {
		return errors.New("URL cannot be read") // why, may quote the password
	}
	return nil
}

func (o Options) privacy() audit.Privacy {
	return audit.Privacy{Level: cmp.Or(o.Numbers, audit.Full), Key: o.Key}
}

// Record queues a call to be written and returns at once. When the queue is full or
// the Store closed, the call is lost and counted.
func (s *Store) Record(d screening.Decision) { s.put(item{decision: &d}) }

// Ended queues news of a call that was recorded, under the terms of Record. News
// of a call that was not is forgotten.
func (s *Store) Ended(e screening.Ending) {
	if e.Call != "" {
		s.put(item{ending: e})
	}
}

// errQueueFull says that calls come faster than they are written.
var errQueueFull = errors.New("queue full")

// errClosed says that a call came after Close.
var errClosed = errors.New("record closed")

func (s *Store) put(i item) {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		s.health.lose(1, errClosed)
		return
	}
	select {
	case s.queue <- i:
	default:
		s.health.lose(1, errQueueFull)
	}
}

const (
	settleWithin = 2 * time.Second // how long Close lets a database connect that is about to
	closeWithin  = 5 * time.Second // how long it waits for the database and the disk then
)

// Close writes what is queued, to the database or else to the spool, and closes
// both. It gives up after seven seconds, and says so.
func (s *Store) Close() error {
	s.closing.Lock()
	if !s.closed {
		s.closed = true
		close(s.queue)
		time.AfterFunc(settleWithin, s.stop) // or sooner, when the writer has ended
	}
	s.closing.Unlock()
	done := make(chan struct{})
	go func() { // ends when the store's goroutines have
		<-s.ended
		s.stop()
		s.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(settleWithin + closeWithin):
		return fmt.Errorf("store: closing: database and spool blocked, %d still queued", len(s.queue))
	}
	return s.db.Close()
}
