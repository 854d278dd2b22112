// Package audit writes down every decision and how its call went on, one JSON
// object a line.
//
// It knows decisions and files, and nothing of SIP, HTTP, SQL or policy: it
// neither asks why a call was judged as it was nor reads back what it wrote.
// The fields of a line are listed in docs/record.md. The packages below it keep
// records for questions (store), hand them out (export), and tell others (notify, hep).
package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

const (
	gather      = 20 * time.Millisecond // what the first decision waits for others: waking up costs more than a line
	flushEvery  = time.Second           // a line waits no longer than this, however busy the queue
	flushAt     = 64 << 10              // nor do more bytes than this wait
	warnEvery   = time.Minute
	closeWithin = 5 * time.Second
)

// errQueueFull says that decisions come faster than they are written.
var errQueueFull = errors.New("queue full")

// errClosed says that a decision came after Close.
var errClosed = errors.New("record closed")

// Options configures a [Log]. A zero field takes the default named beside it.
type Options struct {
	Writer  io.Writer      // where the lines go; nil: File. It is never closed
	File    string         // path, appended to, made with mode 0640; required without Writer
	Numbers string         // callers' numbers: Mask (default), Full or Hash
	Key     []byte         // of Hash, 16 bytes or more
	Queue   int            // decisions that may wait for the disk; default 4096
	Logger  zerolog.Logger // told of lost decisions, at most once a minute; zero: discard

	// A File is set aside at midnight, and before it grows past Megabytes (default
	// 100), as name-2026-11-24T00-00-00.000-time.ext or -size.ext beside it.
	Megabytes int
	Keep      time.Duration // how long a file that was set aside stays; 0: for good
}

// Log records decisions. Its methods may be called from many goroutines.
type Log struct {
	files   files
	log     zerolog.Logger
	start   time.Time
	written atomic.Uint64
	loss    atomic.Pointer[loss] // nil: nothing was lost
	dropped atomic.Uint64
	warned  atomic.Int64         // when the last warning was logged, since start; 0: never
	next    atomic.Pointer[file] // opened by Reopen, not yet written to
	wake    chan struct{}        // Reopen's tap on the writer's shoulder
	queue   chan item
	ops     chan func()  // run by the writer between two lines
	closing sync.RWMutex // held for writing while closed changes
	closed  bool
	done    chan struct{} // closed when the writer has ended

	stopRetaining context.CancelFunc // nil: files are kept for good
	retaining     sync.WaitGroup

	// The writer's own.
	out io.Writer
	encoder
	file    *file // out, when it is ours to close
	torn    bool  // out ends in the middle of a line
	flushed time.Time
}

// item is what waits to be written: a decision, or else an ending.
type item struct {
	decision screening.Decision
	ending   screening.Ending // of a call, when it names one
}

// Open returns a Log that is ready to record, or says which option is wrong or
// why the file cannot be opened. A file that a crash left in the middle of a
// line is mended first.
func Open(o Options) (*Log, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	l := &Log{
		files: files{path: o.File, megabytes: cmp.Or(o.Megabytes, 100), keep: o.Keep},
		log:   o.Logger, start: time.Now(), out: o.Writer,
		wake:  make(chan struct{}, 1),
		queue: make(chan item, cmp.Or(o.Queue, 4096)),
		ops:   make(chan func()),
		done:  make(chan struct{}),
	}
	l.init(Privacy{o.Numbers, o.Key})
	if o.Writer == nil {
		if err := l.openFile(); err != nil {
			return nil, err
		}
	}
	go l.write() // ends when Close closes the queue
	if o.Keep > 0 && o.File != "" {
		ctx, stop := context.WithCancel(context.Background())
		l.stopRetaining = stop
		l.retaining.Go(func() { Retain(ctx, l.log, l.prune) }) // ends by stop
	}
	return l, nil
}

func (o Options) validate() error {
	switch {
	case (o.Writer == nil) == (o.File == ""):
		return errors.New("audit: exactly one of writer and file is needed")
	case o.Queue < 0:
		return fmt.Errorf("audit: queue %d is negative", o.Queue)
	case o.Megabytes < 0 || o.Keep < 0:
		return fmt.Errorf("audit: %d megabytes kept for %v: want no negative", o.Megabytes, o.Keep)
	}
	return Privacy{o.Numbers, o.Key}.Validate()
}

// openFile opens the file and mends its end. A disk that is full is no reason
// not to start: the first flush tries again.
func (l *Log) openFile() error {
	if err := mend(l.files.path); err != nil {
		l.log.Error().Err(err).Msg("record not mended")
		l.torn = true
	}
	f, err := l.files.open()
	if err != nil {
		return err
	}
	l.file, l.out = f, f
	return nil
}

// Record queues d to be written and returns at once. When the queue is full or
// the Log closed, d is lost and counted by Dropped.
func (l *Log) Record(d screening.Decision) { l.put(item{decision: d}) }

// Ended queues news of a call that was recorded, under the terms of Record.
func (l *Log) Ended(e screening.Ending) {
	if e.Call != "" {
		l.put(item{ending: e})
	}
}

func (l *Log) put(i item) {
	l.closing.RLock()
	defer l.closing.RUnlock()
	if l.closed {
		l.drop(1, errClosed)
		return
	}
	select {
	case l.queue <- i:
	default:
		l.drop(1, errQueueFull)
	}
}

// Dropped returns how many lines were lost since Open: the queue was full, or a
// write failed.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// State is how a Log fares.
type State struct {
	Queued  int       // wait for the writer
	Written uint64    // lines that went to the output
	Lost    uint64    // lines that went nowhere
	LostAt  time.Time // when the last of them was lost
	Why     string    // and why
}

// loss is when and why something was lost.
type loss struct {
	at  time.Time
	why error
}

// State returns how the Log fares now.
func (l *Log) State() State {
	s := State{Queued: len(l.queue), Written: l.written.Load(), Lost: l.dropped.Load()}
	if last := l.loss.Load(); last != nil {
		s.LostAt, s.Why = last.at, last.why.Error()
	}
	return s
}

// Reopen opens the file by its name again, for logrotate: what is written from
// now on goes there. When it cannot be opened the old one stays in use. Without
// a File it does nothing.
func (l *Log) Reopen() error {
	if l.files.path == "" {
		return nil
	}
	f, err := l.files.open()
	if err != nil {
		return err
	}
	if unused := l.next.Swap(f); unused != nil {
		unused.Close()
	}
	select {
	case l.wake <- struct{}{}:
	default: // it has been tapped already
	}
	return nil
}

// Close writes what is queued and closes the file. It gives up after five
// seconds when the disk does not take it, and says so.
func (l *Log) Close() error {
	l.closing.Lock()
	again := l.closed
	l.closed = true
	if !again {
		close(l.queue)
	}
	l.closing.Unlock()
	if l.stopRetaining != nil {
		l.stopRetaining()
		l.retaining.Wait()
	}
	select {
	case <-l.done:
	case <-time.After(closeWithin):
		return fmt.Errorf("audit: closing: writer blocked, %d lines still queued", len(l.queue))
	}
	if again || l.file == nil {
		return nil
	}
	return l.file.Close()
}

// prune deletes files that were set aside and are kept no longer.
func (l *Log) prune(now time.Time) {
	if err := l.files.prune(now.Add(-l.files.keep)); err != nil {
		l.log.Error().Err(err).Msg("old files of the record are not deleted")
	}
}

// write is the one goroutine that writes to the disk.
func (l *Log) write() {
	defer close(l.done)
	l.flushed = time.Now()
	for {
		select {
		case i, ok := <-l.queue:
			if !ok { // the last item found no other behind it, and was flushed
				l.swap()
				return
			}
			if len(l.pending) == 0 {
				time.Sleep(gather)
			}
			l.line(&i)
			if l.due(len(l.queue)) {
				l.flush()
			}
		case <-l.wake:
			l.swap()
		case op := <-l.ops:
			op()
		}
	}
}

// line appends i to the pending lines.
func (l *Log) line(i *item) {
	if i.ending.Call != "" {
		l.ending(&i.ending)
		return
	}
	l.decision(&i.decision)
}

// due reports whether the pending lines shall wait no longer for what is queued
// behind them.
func (l *Log) due(queued int) bool {
	return queued == 0 || len(l.pending) >= flushAt || time.Since(l.flushed) >= flushEvery
}

// swap goes over to the file that Reopen has opened, if there is one.
func (l *Log) swap() {
	f := l.next.Swap(nil)
	if f == nil {
		return
	}
	l.file.Close()
	l.file, l.out, l.torn = f, f, false
}

// flush hands all pending lines to the disk. What it does not take is lost.
func (l *Log) flush() {
	l.swap()
	l.flushed = time.Now()
	if len(l.pending) == 0 {
		return
	}
	defer func() { l.pending = l.pending[:0] }()
	if l.torn {
		if _, err := l.out.Write([]byte("\n")); err != nil {
			l.drop(l.pending.count(), err)
			return
		}
		l.torn = false
	}
	n, err := l.out.Write(l.pending)
	if err == nil {
		l.written.Add(uint64(l.pending.count()))
		return
	}
	n = max(0, min(n, len(l.pending)))
	kept := l.pending[:bytes.LastIndexByte(l.pending[:n], '\n')+1]
	l.written.Add(uint64(kept.count()))
	l.drop(l.pending.count()-kept.count(), err)
	l.torn = !l.cut(n - len(kept))
}

// cut takes the last n bytes off the file: the half of a line that still fitted
// on the disk. It reports whether the output ends with a whole line now.
func (l *Log) cut(n int) bool {
	return n == 0 || l.file != nil && l.file.cut(int64(n)) == nil
}

// drop counts n lost lines, and logs it unless it has done so within the
// last minute.
func (l *Log) drop(n int, why error) {
	total := l.dropped.Add(uint64(n))
	l.loss.Store(&loss{time.Now(), why})
	now, last := int64(time.Since(l.start))+1, l.warned.Load()
	if last != 0 && now-last < int64(warnEvery) || !l.warned.CompareAndSwap(last, now) {
		return
	}
	l.log.Error().Err(fmt.Errorf("%d lost so far: %w", total, why)).Msg("decisions not recorded")
}
