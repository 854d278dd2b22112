package juhe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Budget bounds how many queries may be billed. 0: any number.
type Budget struct {
	Day   int // from midnight to midnight in Shanghai
	Month int
}

// Store keeps what was spent across restarts. Load calls read with what was saved
// last, or not at all when there is nothing; Save returns when it is kept. On an
// error of either nothing has changed. state.File is one.
type Store interface {
	Load(read func(io.Reader) error) error
	Save(write func(io.Writer) error) error
}

// Spending is what queries cost so far.
type Spending struct {
	Day, Month Spent
	Err        error // why it cannot be saved now; queries under a budget stop until it can
}

// Spent is what the queries of a day or month cost.
type Spent struct {
	Billed int       // answers, and queries of which no one knows whether they will be billed
	Free   int       // sent, and refused by Juhe with an error that costs nothing
	Limit  int       // of Billed; 0: none
	Until  time.Time // when the next day or month begins
}

// Low reports whether four fifths of the limit are gone.
func (s Spent) Low() bool { return s.Limit > 0 && s.Billed >= lowAt(s.Limit) }

func lowAt(limit int) int { return (limit*4 + 4) / 5 }

// ledger sees to it that a budget is never exceeded, whatever happens: a query is
// in the store before it leaves. It saves ahead, a hundredth of the budget, so that
// few queries wait for the disk; a crash costs what was saved ahead and not used.
type ledger struct {
	budget Budget
	store  Store // nil: nothing is kept
	wall   func() time.Time
	log    zerolog.Logger

	mu      sync.Mutex
	book    *book
	covered cover   // what the store holds
	saving  *saving // under way; nil: none
	waiting int     // queries that wait for it
	err     error   // of the last save
	cause   *Error  // why the budget allows no query; nil: it does
	since   time.Time
	low     [2]string                        // the day and the month that were told as low
	tell    func(period string, spent Spent) // of what is low; nil: nobody
	alarms  []alarm                          // to be told
}

// cover says up to how many billed queries of a date the store holds.
type cover struct {
	day    string
	billed int
}

type saving struct {
	done chan struct{}
	err  error // once done is closed
}

// newLedger reads what was spent. A store that cannot be read is no reason not to
// run: the error is logged, and what was spent before is forgotten.
func newLedger(o Options) *ledger {
	l := &ledger{budget: o.Budget, store: o.Store, wall: o.wall, log: o.Logger, tell: o.Low, book: &book{Days: map[string]tally{}}}
	if l.store == nil {
		return l
	}
	err := l.store.Load(func(r io.Reader) error {
		b, err := readBook(r)
		if err == nil {
			l.book = b
		}
		return err
	})
	if err != nil {
		l.log.Error().Str("err", err.Error()).Msg("juhe: what was spent is not known")
	}
	return l
}

// entry is one query in the ledger.
type entry struct {
	ledger *ledger
	day    string
}

// reserve takes one query off the budget, as if it were billed. It waits for the
// store if it must. The error is an [*Error] of ClassBudget, or wraps ctx.Err.
func (l *ledger) reserve(ctx context.Context) (*entry, error) {
	for {
		e, s, err := l.take()
		l.alarm()
		if err != nil || e != nil {
			return e, err
		}
		select {
		case <-s.done:
		case <-ctx.Done():
		}
		l.mu.Lock()
		l.waiting--
		l.mu.Unlock()
		if ctx.Err() != nil {
			return nil, transportError(ctx, "waiting for the disk", ctx.Err())
		}
		if s.err == nil {
			continue
		}
		if err := l.check(); err != nil {
			return nil, err
		}
	}
}

// take returns an entry, a save to wait for, or why there is no query.
func (l *ledger) take() (*entry, *saving, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	today := l.open()
	if err := l.spent(today); err != nil {
		l.stand(err)
		return nil, nil, err
	}
	if !l.covers(today) {
		s := l.save(today)
		if l.limited() {
			l.waiting++
			return nil, s, nil
		}
	}
	l.stand(nil)
	l.book.add(today, 1, 0)
	l.warn(today)
	return &entry{l, today}, nil, nil
}

func (l *ledger) limited() bool { return l.budget != Budget{} }

// open returns today and prepares the book for it.
func (l *ledger) open() string {
	today := dateOf(l.wall())
	l.book.open(today)
	return today
}

// spent returns the error of a budget that is spent.
func (l *ledger) spent(today string) *Error {
	if b := l.budget.Month; b > 0 && l.book.since(monthOf(today)).Billed >= b {
		return &Error{Class: ClassBudget, Detail: fmt.Sprintf("budget of %d queries a month is spent", b), Until: nextMonth(l.wall())}
	}
	if b := l.budget.Day; b > 0 && l.book.since(today).Billed >= b {
		return &Error{Class: ClassBudget, Detail: fmt.Sprintf("budget of %d queries a day is spent", b), Until: nextDay(l.wall())}
	}
	return nil
}

func nextDay(now time.Time) time.Time {
	year, month, day := now.In(shanghai).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, shanghai)
}

func nextMonth(now time.Time) time.Time {
	year, month, _ := now.In(shanghai).Date()
	return time.Date(year, month+1, 1, 0, 0, 0, 0, shanghai)
}

// check returns why the budget allows no query now; nil: it does.
func (l *ledger) check() *Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	today := l.open()
	err := l.spent(today)
	if err == nil && l.err != nil && l.limited() && !l.covers(today) {
		err = &Error{Class: ClassBudget, Detail: "what is spent cannot be saved", Until: l.wall()}
	}
	l.stand(err)
	return err
}

// stand remembers since when the budget allows no query, and logs when that
// begins and ends.
func (l *ledger) stand(cause *Error) {
	switch {
	case cause == nil && l.cause != nil:
		l.log.Info().Msg("juhe: budget is open again")
	case cause != nil && (l.cause == nil || l.cause.Detail != cause.Detail):
		l.since = time.Now()
		l.log.Error().Str("err", l.stateOf(cause).String()).Msg("juhe: budget stops queries")
	}
	l.cause = cause
}

// stateOf is the State of a budget that allows no query; mu is held.
func (l *ledger) stateOf(cause *Error) State {
	return State{Reason: cause.Reason(), Detail: cause.Error(), Since: l.since, Until: cause.Until}
}

// warn says once a day and a month that four fifths of it are gone.
func (l *ledger) warn(today string) {
	sum := l.sum(today)
	for i, a := range []alarm{{today, sum.Day}, {monthOf(today), sum.Month}} {
		if !a.spent.Low() || l.low[i] == a.period {
			continue
		}
		l.low[i] = a.period
		l.alarms = append(l.alarms, a)
		l.log.Warn().Str("err", fmt.Sprintf("%d of %d queries of %s are spent", a.spent.Billed, a.spent.Limit, a.period)).Msg("juhe: budget is low")
	}
}

// alarm is a day or month whose budget is low.
type alarm struct {
	period string
	spent  Spent
}

// alarm tells of budgets that have become low.
func (l *ledger) alarm() {
	l.mu.Lock()
	alarms := l.alarms
	l.alarms = nil
	l.mu.Unlock()
	for _, a := range alarms {
		if l.tell != nil {
			l.tell(a.period, a.spent)
		}
	}
}

// covers reports whether the store holds one more query of today.
func (l *ledger) covers(today string) bool {
	return l.store == nil || l.covered.day == today && l.book.Days[today].Billed < l.covered.billed
}

// save writes ahead, unless somebody does.
func (l *ledger) save(today string) *saving {
	if l.saving != nil {
		return l.saving
	}
	s := &saving{done: make(chan struct{})}
	l.saving = s
	ahead := l.ahead(today)
	copied, cover := l.book.ahead(today, ahead), cover{today, l.book.Days[today].Billed + ahead}
	go func() { // ends with the store; close waits for it
		err := l.store.Save(copied.write)
		l.mu.Lock()
		defer l.mu.Unlock()
		if err == nil {
			l.covered = cover
		} else if l.err == nil {
			l.log.Error().Str("err", err.Error()).Msg("juhe: what is spent cannot be saved")
		}
		s.err, l.err, l.saving = err, err, nil
		close(s.done)
	}()
	return s
}

// ahead is how many queries to save before they are sent: a hundredth of what is
// allowed, or as many as wait.
func (l *ledger) ahead(today string) int {
	n, left := 100, 1<<31-1
	for _, b := range []struct{ limit, spent int }{
		{l.budget.Day, l.book.since(today).Billed}, {l.budget.Month, l.book.since(monthOf(today)).Billed},
	} {
		if b.limit > 0 {
			n, left = min(n, b.limit/100), min(left, b.limit-b.spent)
		}
	}
	return min(max(n, 1+l.waiting), left)
}

// settle corrects the entry of a query that turned out to cost nothing.
func (e *entry) settle(err error) {
	asked, costs := billed(err)
	if costs {
		return
	}
	free := 0
	if asked {
		free = 1
	}
	e.ledger.mu.Lock()
	defer e.ledger.mu.Unlock()
	e.ledger.book.add(e.day, -1, free)
}

// billed says whether a query with this outcome reached Juhe, and whether it is
// billed. Juhe's document does not say; an answer and a failed query (251103)
// certainly may be, and so may one whose outcome is not known. What Juhe refused by
// a documented error brought nothing that could be billed.
func billed(err error) (asked, costs bool) {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return true, true
	case e.unsent || e.Unasked():
		return false, false
	}
	_, documented := codes[e.Code]
	return true, !documented
}

// spending returns the figures of today.
func (l *ledger) spending() Spending {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum(l.open())
}

// sum is what queries cost until today; mu is held.
func (l *ledger) sum(today string) Spending {
	now, day, month := l.wall(), l.book.since(today), l.book.since(monthOf(today))
	return Spending{
		Day:   Spent{day.Billed, day.Free, l.budget.Day, nextDay(now)},
		Month: Spent{month.Billed, month.Free, l.budget.Month, nextMonth(now)},
		Err:   l.err,
	}
}

// state returns that the budget allows no query.
func (l *ledger) state() State {
	cause := l.check()
	if cause == nil {
		return State{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stateOf(cause)
}

// close saves what was spent, to the query.
func (l *ledger) close() error {
	if l.store == nil {
		return nil
	}
	l.mu.Lock()
	for l.saving != nil {
		s := l.saving
		l.mu.Unlock()
		<-s.done
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	today := l.open()
	l.covered = cover{}
	if err := l.store.Save(l.book.ahead(today, 0).write); err != nil {
		return fmt.Errorf("juhe: saving what was spent: %w", err)
	}
	return nil
}
