// Package guard keeps queries from a directory that does not answer them, and
// from asking too many.
//
// It knows when to ask again, and nothing of numbers, replies or money. Times are
// measured by the monotonic clock, so that setting the clock neither prolongs a
// stop nor opens one twice.
package guard

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"

	"callscreen/screening"
)

const (
	tripAfter    = 5                // failures in a row that stop queries
	troublePause = 30 * time.Second // that they stop them; with Options.Slow it bounds how long a return goes unnoticed
)

// ErrRate reports more queries than Options.Rate.
var ErrRate = errors.New("guard: more queries than allowed a second")

// errSlow counts a query whose answer did not come within Options.Slow.
var errSlow error = slowError{}

type slowError struct{}

func (slowError) Error() string  { return "no answer in time" }
func (slowError) Reason() string { return "timeout" }

// Options configures a [Guard]. A zero field takes the default named beside it.
type Options struct {
	Name   string           // of the directory, for the log; required
	Slow   time.Duration    // an answer later than this counts as none; default 800ms
	Rate   float64          // queries a second at most, twice as many at once; default 5, negative: any number
	Wall   func() time.Time // the clock on the wall; nil: time.Now
	Logger zerolog.Logger   // zero: discard
}

// State is how a directory stands: one value for metrics, health, log and page.
// The zero State says that it is asked as usual.
type State struct {
	Reason     string    // why no query is sent, a word of [screening.FailureReason]; empty: queries are sent
	Detail     string    // the same in words
	Since      time.Time // the first failure after the last answer
	Until      time.Time // when a query may be sent again; past: the next call sends it
	Unscreened int       // calls since the last answer that went on without one; see [Guard.Unscreened]
}

// String tells it in one line, as log, health and page do.
func (s State) String() string {
	if s.Reason == "" {
		return "asked as usual"
	}
	return fmt.Sprintf("%s; failing since %s, next query after %s, %d calls without an answer",
		s.Detail, s.Since.Format(time.RFC3339), s.Until.Format(time.RFC3339), s.Unscreened)
}

// Outcome is what became of a query. The zero Outcome is an answer.
type Outcome struct {
	Err   error         // why there is none; its [screening.FailureReason] names it
	Void  bool          // it says nothing about the directory
	Pause time.Duration // how long Err alone stops queries; 0: it must happen five times in a row
	Most  time.Duration // Pause doubles every time in a row, up to this; 0: it does not
	Grave bool          // a person must act
}

// Refusal is the error of a query that is not sent. It wraps what stopped queries.
type Refusal struct {
	Cause error
	Until time.Time // when one may be sent again
}

// Error names the cause and the time.
func (r *Refusal) Error() string {
	return fmt.Sprintf("not asked before %s: %v", r.Until.Format(time.RFC3339), r.Cause)
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Reason is that of the cause, or rate.
func (r *Refusal) Reason() string {
	if r.Cause == ErrRate {
		return "rate"
	}
	return screening.FailureReason(r.Cause)
}

// Unasked tells a cache that the number is not to blame.
func (r *Refusal) Unasked() bool { return true }

// Guard decides whether a query may be sent, and learns from what became of it. It
// is safe for concurrent use and has no goroutines of its own. Use [New].
type Guard struct {
	o       Options
	limiter *rate.Limiter
	lost    atomic.Int64 // calls without an answer since the last one

	mu      sync.Mutex
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}] // used with mu held
	stop    *stop                                      // nil: queries are sent
	turn    int                                        // counts stops and their ends: a query begun before one has no say in it
	failing time.Time                                  // the first failure since the last answer; zero: none
	doubled time.Duration                              // the last pause that doubles
	last    Outcome                                    // the failure that is being counted
}

// stop is a time without queries.
type stop struct {
	cause     Outcome
	until     time.Time // by the monotonic clock
	untilWall time.Time
}

// New returns a Guard that lets queries through, or says which option is wrong.
func New(o Options) (*Guard, error) {
	switch {
	case o.Slow < 0:
		return nil, errors.New("slow is negative")
	case math.IsNaN(o.Rate) || math.IsInf(o.Rate, 1):
		return nil, errors.New("rate is no number")
	}
	o.Slow = cmp.Or(o.Slow, 800*time.Millisecond)
	if o.Wall == nil {
		o.Wall = time.Now
	}
	g := &Guard{o: o, limiter: newLimiter(cmp.Or(o.Rate, 5))}
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       1, // the stop's own time decides; see Admit
		ReadyToTrip:   func(c gobreaker.Counts) bool { return g.last.Pause > 0 || c.ConsecutiveFailures >= tripAfter },
		IsExcluded:    func(err error) bool { return err == errVoid },
		OnStateChange: func(_ string, _, to gobreaker.State) { g.changed(to) },
	})
	return g, nil
}

// newLimiter allows bursts of two seconds' worth.
func newLimiter(perSecond float64) *rate.Limiter {
	if perSecond < 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(2*perSecond)))
}

// Attempt is a query that may be sent.
type Attempt struct {
	guard *Guard
	turn  int
	done  func(error)
	late  *time.Timer // nil before Sent
	over  bool        // settled
}

// errVoid tells the breaker that an attempt says nothing about the directory.
var errVoid = errors.New("void")

// Admit lets a query through, or says at once why not: the error is a [*Refusal].
// Every Attempt must be settled.
func (g *Guard) Admit() (*Attempt, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.stop != nil && !g.stop.past(now, g.o.Wall()) {
		return nil, &Refusal{g.stop.cause.Err, g.stop.until}
	}
	done, err := g.breaker.Allow()
	if err != nil { // another query is finding out whether the directory is back
		return nil, &Refusal{g.stop.cause.Err, g.stop.until}
	}
	if !g.limiter.AllowN(now, 1) {
		done(errVoid)
		return nil, &Refusal{ErrRate, now.Add(time.Second)}
	}
	return &Attempt{guard: g, turn: g.turn, done: done}, nil
}

// Sent starts the time within which the answer must come.
func (a *Attempt) Sent() {
	a.guard.mu.Lock()
	defer a.guard.mu.Unlock()
	a.late = time.AfterFunc(a.guard.o.Slow, func() { a.Settle(Outcome{Err: errSlow}) })
}

// Settle tells what became of the query; the first word counts.
func (a *Attempt) Settle(o Outcome) {
	g := a.guard
	g.mu.Lock()
	if a.late != nil {
		a.late.Stop()
	}
	before := g.state()
	if !a.over && a.turn == g.turn {
		g.learn(a, o)
	}
	a.over = true
	after, grave := g.state(), g.stop != nil && g.stop.cause.Grave
	g.mu.Unlock()
	g.announce(before, after, grave)
}

// learn counts an outcome; mu is held.
func (g *Guard) learn(a *Attempt, o Outcome) {
	switch {
	case o.Void:
		a.done(errVoid)
	case o.Err == nil:
		g.failing, g.doubled = time.Time{}, 0
		g.lost.Store(0)
		a.done(nil)
	default:
		if g.failing.IsZero() {
			g.failing = time.Now()
		}
		if o.Most > 0 {
			g.doubled = min(max(2*g.doubled, o.Pause), o.Most)
			o.Pause = g.doubled
		}
		g.last = o
		a.done(o.Err)
	}
}

// changed follows the breaker; mu is held.
func (g *Guard) changed(to gobreaker.State) {
	switch to {
	case gobreaker.StateOpen:
		pause := cmp.Or(g.last.Pause, troublePause)
		g.stop = &stop{g.last, time.Now().Add(pause), g.o.Wall().Add(pause).Round(0)}
		g.turn++
	case gobreaker.StateClosed:
		g.stop = nil
		g.turn++
	}
}

// past reports whether queries may be sent again. Clocks disagree when one was
// set, or stood still while the machine slept; the first that says so is believed,
// and one query finds out.
func (s *stop) past(now, wall time.Time) bool {
	return !now.Before(s.until) || !wall.Round(0).Before(s.untilWall)
}

// announce logs that queries stop, stop for another reason, or are sent again.
func (g *Guard) announce(before, after State, grave bool) {
	switch {
	case before.Reason == after.Reason:
	case after.Reason == "":
		g.o.Logger.Info().Msg(fmt.Sprintf("%s answers again: %d calls without an answer since %s",
			g.o.Name, before.Unscreened, before.Since.Format(time.RFC3339)))
	default:
		level := zerolog.WarnLevel
		if grave {
			level = zerolog.ErrorLevel
		}
		g.o.Logger.WithLevel(level).Str("err", after.String()).Msg(g.o.Name + " is not asked any more")
	}
}

// Unscreened counts a call that went on without an answer, for [State]. It is made
// for [screening.CacheOptions].
func (g *Guard) Unscreened(error) { g.lost.Add(1) }

// Lost returns how many calls went on without an answer since the last one.
func (g *Guard) Lost() int { return int(g.lost.Load()) }

// State returns how the directory stands.
func (g *Guard) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state()
}

// state is State with mu held.
func (g *Guard) state() State {
	if g.stop == nil {
		return State{}
	}
	err := g.stop.cause.Err
	return State{screening.FailureReason(err), err.Error(), g.failing, g.stop.until, g.Lost()}
}
