// Package audit writes down every decision and how its call went on, one JSON
// object a line.
//
// It knows decisions and files, and nothing of SIP, HTTP, SQL or policy: it
// neither asks why a call was judged as it was nor reads back what it wrote.
// The fields of a line are listed in docs/record.md. The packages below it keep
// records for questions (store), hand them out (export), tell others (notify, hep),
// and keep lines for a disk that is slow (queue).
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

	"callscreen/audit/queue"
	"callscreen/screening"
)

const (
	writeAtOnce = 64 << 10 // bytes, and the rest of a line: a file is set aside between two writes
	warnEvery   = time.Minute
	closeWithin = 5 * time.Second
)

// Options configures a [Log]. A zero field takes the default named beside it.
type Options struct {
	Writer  io.Writer      // where the lines go; nil: File. It is never closed
	File    string         // path, appended to, made with mode 0640; required without Writer
	Numbers string         // callers' numbers: Mask (default), Full or Hash
	Key     []byte         // of Hash, 16 bytes or more
	Queue   int            // lines that may wait for the disk; default 4096
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
	queue   *queue.Lines
	done    chan struct{} // closed when the writer has ended

	stopRetaining context.CancelFunc // nil: files are kept for good
	retaining     sync.WaitGroup

	encoder

	mu    sync.Mutex // held by who writes
	out   io.Writer
	file  *file // out, when it is ours to close
	torn  bool  // out ends in the middle of a line
	batch lines // being written
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
		queue: queue.New(cmp.Or(o.Queue, 4096)), done: make(chan struct{}),
	}
	l.init(Privacy{o.Numbers, o.Key}, adder{l})
	if o.Writer == nil {
		if err := l.openFile(); err != nil {
			return nil, err
		}
	}
	go l.write() // ends with Close
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

// Record queues the line of d and returns at once. When the queue is full or
// the Log closed, it is lost and counted by Dropped.
func (l *Log) Record(d screening.Decision) { l.decision(&d) }

// Ended queues news of a call that was recorded, under the terms of Record.
func (l *Log) Ended(e screening.Ending) {
	if e.Call != "" {
		l.ended(&e)
	}
}

// adder takes the lines of a Log's encoder.
type adder struct{ *Log }

// Write queues a line. That it was lost is no concern of the encoder.
func (a adder) Write(line []byte) (int, error) {
	if err := a.queue.Add(line); err != nil {
		a.drop(1, err)
	}
	return len(line), nil
}

// Dropped returns how many lines were lost since Open: the queue was full, or a
// write failed.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// State is how a Log fares.
type State struct {
	Queued  int       // lines that wait for the writer
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
	s := State{Queued: l.queue.Len(), Written: l.written.Load(), Lost: l.dropped.Load()}
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
	l.queue.Wake()
	return nil
}

// Close writes what is queued and closes the file. It gives up after five
// seconds when the disk does not take it, and says so.
func (l *Log) Close() error {
	l.queue.Close()
	if l.stopRetaining != nil {
		l.stopRetaining()
		l.retaining.Wait()
	}
	select {
	case <-l.done:
	case <-time.After(closeWithin):
		return errors.New("audit: closing: the writer is blocked with the last lines")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	f := l.file
	l.file = nil
	return f.Close()
}

// prune deletes files that were set aside and are kept no longer.
func (l *Log) prune(now time.Time) {
	if err := l.files.prune(now.Add(-l.files.keep)); err != nil {
		l.log.Error().Err(err).Msg("old files of the record are not deleted")
	}
}

// write is the goroutine that writes, until the queue is closed.
func (l *Log) write() {
	defer close(l.done)
	for more := true; more; {
		more = l.queue.Wait()
		l.mu.Lock()
		l.flush()
		l.mu.Unlock()
	}
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

// flush hands all that waits to the disk. What it does not take is lost.
func (l *Log) flush() {
	l.swap()
	l.batch = l.queue.Take(l.batch)
	for rest := l.batch; len(rest) > 0; {
		n := rest.whole(writeAtOnce)
		l.put(rest[:n])
		rest = rest[n:]
	}
}

// put writes lines.
func (l *Log) put(p lines) {
	if l.torn {
		if _, err := l.out.Write([]byte("\n")); err != nil {
			l.drop(p.count(), err)
			return
		}
		l.torn = false
	}
	n, err := l.out.Write(p)
	if err == nil {
		l.written.Add(uint64(p.count()))
		return
	}
	n = max(0, min(n, len(p)))
	kept := p[:bytes.LastIndexByte(p[:n], '\n')+1]
	l.written.Add(uint64(kept.count()))
	l.drop(p.count()-kept.count(), err)
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
