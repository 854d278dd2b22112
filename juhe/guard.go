package juhe

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
)

// How long no query is sent after an error. A query that is let through when the
// time is over decides whether it begins anew.
const (
	configPause   = 15 * time.Minute // a person must act first
	throttlePause = time.Minute      // doubled every time in a row
	throttleMost  = 15 * time.Minute
	troublePause  = 30 * time.Second // with Slow it bounds how long Juhe's return goes unnoticed
	retryMost     = time.Hour        // of what Retry-After asks for
	tripAfter     = 5                // failures in a row that stop queries
)

// shanghai is the provider's time zone. It has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// State is how Juhe stands: one value for metrics, health, log and page. The
// zero State says that it is asked as usual.
type State struct {
	Reason     string    // why no query is sent, a word of [Error.Reason]; empty: queries are sent
	Detail     string    // the same in words, with Juhe's error code
	Since      time.Time // the first failure after the last answer
	Until      time.Time // when a query may be sent again; past: the next call sends it
	Unscreened int       // calls since the last answer that went on without one; see [Client.Unscreened]
}

// guard decides whether a query may leave, and learns from what became of it.
// Times are measured by the monotonic clock, so that setting the clock neither
// prolongs a stop nor opens one twice; wall is for dates.
type guard struct {
	wall    func() time.Time
	slow    time.Duration
	log     zerolog.Logger
	limiter *rate.Limiter
	lost    atomic.Int64 // calls without an answer since the last one

	mu      sync.Mutex
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}] // used with mu held
	stop    *stop                                      // nil: queries are sent
	turn    int                                        // counts stops and their ends: a query begun before one has no say in it
	failing time.Time                                  // the first failure since the last answer; zero: none
	backoff time.Duration                              // pause of the last error 10011
	cause   *Error                                     // the failure that is being counted
	pause   time.Duration                              // that it asks for; 0: counted only
	shouted time.Time                                  // when a misunderstood question was logged last
}

// stop is a time without queries.
type stop struct {
	cause     *Error
	until     time.Time // by the monotonic clock
	untilWall time.Time
}

func newGuard(o Options) *guard {
	g := &guard{wall: o.wall, slow: cmp.Or(o.Slow, 800*time.Millisecond), log: o.Logger, limiter: newLimiter(o.Rate)}
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:       1, // the stop's own time decides; see admit
		ReadyToTrip:   func(c gobreaker.Counts) bool { return g.pause > 0 || c.ConsecutiveFailures >= tripAfter },
		IsSuccessful:  func(err error) bool { return err == nil },
		IsExcluded:    func(err error) bool { return errors.Is(err, errNotAsked) },
		OnStateChange: func(_ string, _, to gobreaker.State) { g.changed(to) },
	})
	return g
}

// newLimiter allows bursts of two seconds' worth.
func newLimiter(perSecond float64) *rate.Limiter {
	if perSecond < 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	perSecond = cmp.Or(perSecond, 5)
	return rate.NewLimiter(rate.Limit(perSecond), int(math.Ceil(2*perSecond)))
}

// attempt is a query that may leave.
type attempt struct {
	guard *guard
	turn  int
	done  func(error)
	late  *time.Timer // nil before sent
	over  bool        // settled; guard.mu
}

// errNotAsked settles an attempt that says nothing about Juhe.
var errNotAsked = errors.New("juhe: not asked")

// admit lets a query through, or says at once why not. Every attempt must be settled.
func (g *guard) admit() (*attempt, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if g.stop != nil && !g.stop.past(now, g.wall()) {
		return nil, g.stop.refusal()
	}
	done, err := g.breaker.Allow()
	if err != nil { // another query is finding out whether Juhe is back
		return nil, g.stop.refusal()
	}
	if !g.limiter.AllowN(now, 1) {
		done(errNotAsked)
		return nil, &Error{Class: ClassRate, Detail: "more queries than allowed a second", Until: now.Add(time.Second)}
	}
	return &attempt{guard: g, turn: g.turn, done: done}, nil
}

// sent starts the time within which Juhe must answer.
func (a *attempt) sent() {
	a.guard.mu.Lock()
	defer a.guard.mu.Unlock()
	a.late = time.AfterFunc(a.guard.slow, func() { a.settle(errSlow) })
}

// settle tells the guard what became of the query; the first word counts.
func (a *attempt) settle(err error) {
	g := a.guard
	g.mu.Lock()
	if a.late != nil {
		a.late.Stop()
	}
	before := g.stop
	if !a.over && a.turn == g.turn {
		g.learn(a, err)
	}
	a.over = true
	after := g.stop
	g.mu.Unlock()
	g.announce(before, after)
}

// learn counts an outcome. Whatever Juhe itself said of one question shows that
// it answers.
func (g *guard) learn(a *attempt, err error) {
	var e *Error
	switch {
	case err == nil, errors.As(err, &e) && e.Class == ClassRequest && e.Status == 0:
		g.failing, g.backoff = time.Time{}, 0
		g.lost.Store(0)
		a.done(nil)
	case e == nil:
		a.done(errNotAsked)
	default:
		now := time.Now()
		if g.failing.IsZero() {
			g.failing = now
		}
		g.cause, g.pause = e, g.pauseAfter(e)
		a.done(e)
	}
}

// pauseAfter is how long e alone stops queries; 0: it must happen again first.
func (g *guard) pauseAfter(e *Error) time.Duration {
	switch {
	case e.Class == ClassConfig:
		return configPause
	case e.Class == ClassQuota:
		return untilReset(g.wall())
	case e.Retry > 0:
		return min(e.Retry, retryMost)
	case e.Class == ClassThrottle:
		g.backoff = min(max(2*g.backoff, throttlePause), throttleMost)
		return g.backoff
	}
	return 0
}

// untilReset is how long a spent quota stays so: until midnight in Shanghai. In
// the quarter of an hour after it Juhe's clock may not be there yet.
func untilReset(now time.Time) time.Duration {
	now = now.In(shanghai)
	year, month, day := now.Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, shanghai)
	if quarter := midnight.Add(15 * time.Minute); now.Before(quarter) {
		return quarter.Sub(now)
	}
	return midnight.AddDate(0, 0, 1).Sub(now)
}

// changed follows the breaker; mu is held.
func (g *guard) changed(to gobreaker.State) {
	switch to {
	case gobreaker.StateOpen:
		pause := max(g.pause, 0)
		if pause == 0 {
			pause = troublePause
		}
		g.stop = &stop{g.cause, time.Now().Add(pause), g.wall().Add(pause).Round(0)}
		g.turn++
	case gobreaker.StateClosed:
		g.stop = nil
		g.turn++
	}
}

// past reports whether queries may leave again. Clocks disagree when one was set,
// or stood still while the machine slept; the first that says so is believed, and
// one query finds out.
func (s *stop) past(now, wall time.Time) bool {
	return !now.Before(s.until) || !wall.Round(0).Before(s.untilWall)
}

// refusal is the error of a query that is not sent because of s.
func (s *stop) refusal() *Error {
	return &Error{
		Class: s.cause.Class, Code: s.cause.Code, Status: s.cause.Status, reason: s.cause.Reason(), Until: s.until,
		Detail: "not asked before " + s.until.Format(time.RFC3339) + ": " + s.cause.Detail,
	}
}

// announce logs that queries stop, stop for another reason, or are sent again.
func (g *guard) announce(before, after *stop) {
	switch {
	case after == nil && before != nil:
		g.log.Info().Msg("juhe answers again")
	case after != nil && (before == nil || before.cause.Reason() != after.cause.Reason() || before.cause.Code != after.cause.Code):
		level := zerolog.WarnLevel
		if c := after.cause.Class; c == ClassConfig || c == ClassQuota {
			level = zerolog.ErrorLevel
		}
		g.log.WithLevel(level).Str("err", fmt.Sprintf("%v; next query after %s", after.cause, after.until.Format(time.RFC3339))).
			Msg("juhe is not asked any more")
	}
}

// shout logs a question that Juhe does not understand, which a person must see
// to, once a while.
func (g *guard) shout(err error) {
	var e *Error
	if !errors.As(err, &e) || e.Class != ClassRequest {
		return
	}
	g.mu.Lock()
	now := time.Now()
	due := g.shouted.IsZero() || now.Sub(g.shouted) >= configPause
	if due {
		g.shouted = now
	}
	g.mu.Unlock()
	if due {
		g.log.Error().Str("err", e.Error()).Msg("juhe does not understand the question")
	}
}

// state returns the stop in force, if there is one.
func (g *guard) state() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stop == nil {
		return State{}
	}
	return State{
		Reason: g.stop.cause.Reason(), Detail: g.stop.cause.words(), Since: g.failing, Until: g.stop.until,
	}
}
