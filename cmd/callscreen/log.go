package main

import (
	"fmt"
	"io"
	stdlog "log"
	"os"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
)

// newLog returns the log of a process: JSON lines, or columns on a terminal. A
// reader who does not read costs lines and never a call. stop waits for the
// lines to be written, as long as somebody reads them.
func newLog(to *os.File) (log zerolog.Logger, stop func()) {
	var form io.Writer = unclosed{to}
	if isTerminal(to) {
		form = zerolog.ConsoleWriter{Out: unclosed{to}, TimeFormat: time.TimeOnly}
	}
	direct := zerolog.New(form).Level(zerolog.InfoLevel).With().Timestamp().Logger()
	const lines, poll = 4096, 50 * time.Millisecond
	queue := diode.NewWriter(form, lines, poll, func(missed int) {
		direct.Warn().Err(fmt.Errorf("%d lines", missed)).Msg("log lines lost")
	})
	return direct.Output(queue), func() { drainLog(queue) }
}

// muteLibraries ends what libraries write to standard error by themselves: net/http
// repeats there what servers send, and a server may send back our key.
func muteLibraries() { stdlog.SetOutput(io.Discard) }

func drainLog(queue io.Closer) {
	done := make(chan struct{})
	go func() { // ends when the lines are written, or with the process
		defer close(done)
		_ = queue.Close() // closes nothing that could fail
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
	}
}

// unclosed keeps the writer behind it from being closed.
type unclosed struct{ io.Writer }

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
