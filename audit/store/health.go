package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// State is how a Store fares.
type State struct {
	Up      bool      // the database takes calls
	Since   time.Time // since when it does, or does not
	Why     string    // why it does not
	Queued  int       // wait for the writer
	Spooled int64     // bytes that wait in the spool
	Written uint64    // calls and endings that went into the database
	Lost    uint64    // calls and endings that went nowhere
	LostAt  time.Time // when the last of them was lost
	LostWhy string    // and why
}

// State returns how the Store fares now.
func (s *Store) State() State {
	state := s.health.state()
	state.Queued = len(s.queue)
	return state
}

// health is what a writer leaves for others to read.
type health struct {
	log     zerolog.Logger
	start   time.Time
	spooled atomic.Int64
	written atomic.Uint64
	lost    atomic.Uint64
	warned  atomic.Int64 // when the last warning was logged, since start; 0: never
	mu      sync.Mutex
	lostAt  time.Time
	lostWhy string
	known   bool // set has been called
	up      bool
	since   time.Time
	why     string
}

func (h *health) init(log zerolog.Logger) {
	h.log, h.start = log, time.Now()
	h.since, h.why = h.start, "not connected yet"
}

func (h *health) state() State {
	h.mu.Lock()
	defer h.mu.Unlock()
	return State{
		Up: h.up, Since: h.since, Why: h.why, Spooled: h.spooled.Load(),
		Written: h.written.Load(), Lost: h.lost.Load(), LostAt: h.lostAt, LostWhy: h.lostWhy,
	}
}

// set notes that the database takes calls, or why it does not. It logs a change.
func (h *health) set(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	up := err == nil
	if h.why = ""; !up {
		h.why = err.Error()
	}
	if h.known && h.up == up {
		return
	}
	h.known, h.up, h.since = true, up, time.Now()
	if up {
		h.log.Info().Msg("database of the record is there")
	} else {
		h.log.Error().Err(err).Msg("database of the record is gone, calls are spooled")
	}
}

const warnEvery = time.Minute

// lose counts n lost calls or endings, and logs it unless it has done so within the
// last minute.
func (h *health) lose(n int, why error) {
	total := h.lost.Add(uint64(n))
	h.mu.Lock()
	h.lostAt, h.lostWhy = time.Now(), why.Error()
	h.mu.Unlock()
	now, last := int64(time.Since(h.start))+1, h.warned.Load()
	if last != 0 && now-last < int64(warnEvery) || !h.warned.CompareAndSwap(last, now) {
		return
	}
	h.log.Error().Err(fmt.Errorf("%d lost so far: %w", total, why)).Msg("calls not recorded")
}

// down notes that the database does not take calls.
func (s *Store) down(err error) { s.health.set(s.database.redact(err)) }

// note logs an error that nobody waits for.
func (s *Store) note(err error) {
	if err != nil {
		s.log.Error().Err(s.database.redact(err)).Msg("record")
	}
}
