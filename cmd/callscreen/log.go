package main

import (
	"fmt"
	"io"
	stdlog "log"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit/queue"
)

// newLog returns the log of a process: JSON lines, or columns on a terminal. A
// reader who does not read costs lines and never a call. stop waits for the
// lines to be written, as long as somebody reads them.
func newLog(to *os.File) (log zerolog.Logger, stop func()) {
	form := func(w io.Writer) io.Writer { return w }
	if isTerminal(to) {
		form = func(w io.Writer) io.Writer { return zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly} }
	}
	direct := zerolog.New(form(unclosed{to})).Level(zerolog.InfoLevel).With().Timestamp().Logger()
	q := &logQueue{Lines: queue.New(4096), written: make(chan struct{})}
	go q.write(to, direct) // ends with stop, or with the process where nobody reads
	return direct.Output(form(q)), q.stop
}

// logQueue are lines of a log that wait to be written.
type logQueue struct {
	*queue.Lines
	missed  atomic.Int64
	written chan struct{} // closed when all is
}

// Write queues a line, or counts it as missed.
func (q *logQueue) Write(line []byte) (int, error) {
	if q.Add(line) != nil {
		q.missed.Add(1)
	}
	return len(line), nil
}

// write writes what is queued, and tells in the log itself what was missed.
func (q *logQueue) write(to io.Writer, log zerolog.Logger) {
	defer close(q.written)
	var lines []byte
	for more := true; more; {
		more = q.Wait()
		lines = q.Take(lines)
		_, _ = to.Write(lines) // who reads no log wants none
		if n := q.missed.Swap(0); n > 0 {
			log.Warn().Err(fmt.Errorf("%d lines", n)).Msg("log lines lost")
		}
	}
}

func (q *logQueue) stop() {
	q.Close()
	select {
	case <-q.written:
	case <-time.After(time.Second):
	}
}

// muteLibraries ends what libraries write to standard error by themselves: net/http
// repeats there what servers send, and a server may send back our key.
func muteLibraries() { stdlog.SetOutput(io.Discard) }

// unclosed keeps the writer behind it from being closed.
type unclosed struct{ io.Writer }

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
