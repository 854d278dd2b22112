package juhe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// memory is a Store that outlives the clients that use it.
type memory struct {
	mu    sync.Mutex
	saved []byte
	saves int
	slow  time.Duration
	fail  error
}

func (m *memory) Load(read func(io.Reader) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.fail != nil:
		return m.fail
	case m.saved == nil:
		return nil
	}
	return read(bytes.NewReader(m.saved))
}

func (m *memory) Save(write func(io.Writer) error) error {
	m.mu.Lock()
	slow := m.slow
	m.mu.Unlock()
	time.Sleep(slow)
	var b bytes.Buffer
	err := write(&b)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.saved, m.saves = b.Bytes(), m.saves+1
	return err
}

func (m *memory) set(slow time.Duration, fail error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slow, m.fail = slow, fail
}

// office returns a desk with a budget, without a rate.
func office(t *testing.T, m *memory, b Budget) *desk {
	t.Helper()
	return deskOf(t, nil, func(o *Options) { o.Budget, o.Store, o.Rate = b, m, -1 })
}

// spend sends queries until there are no more, n at most.
func (d *desk) spend(n int) (sent int) {
	for range n {
		if d.asks() {
			sent++
		}
	}
	return sent
}

func (d *desk) lines(message string) int { return strings.Count(d.log.String(), message) }

func TestBudgetOfTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(memory)
		d := office(t, m, Budget{Day: 100})
		if n := d.spend(79); n != 79 || d.lines("budget is low") != 0 || d.Spending().Day.Low() {
			t.Errorf("%d queries, %+v, log %s", n, d.Spending(), d.log)
		}
		if n := d.spend(21); n != 21 || d.lines("budget is low") != 1 || !d.Spending().Day.Low() {
			t.Errorf("%d queries, %+v, log %s", n, d.Spending(), d.log)
		}
		midnight := time.Now().Add(16 * time.Hour)
		if until := d.refused("budget"); !until.Equal(midnight) {
			t.Errorf("refused until %v, want %v", until, midnight)
		}
		d.refused("budget")
		s := d.State()
		if s.Reason != "budget" || !strings.Contains(s.Detail, "100 queries a day") || !s.Since.Equal(time.Now()) || !s.Until.Equal(midnight) || d.lines("budget stops queries") != 1 {
			t.Errorf("state = %+v, log %s", s, d.log)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		d = office(t, m, Budget{Day: 100})
		d.refused("budget")
		if s := d.State(); s.Reason != "budget" || d.lines("budget stops queries") != 1 {
			t.Errorf("after a restart: state = %+v, log %s", s, d.log)
		}
		time.Sleep(time.Until(midnight) - 1)
		d.refused("budget")
		time.Sleep(time.Nanosecond)
		if s := d.State(); s != (State{}) || d.lines("budget is open again") != 1 {
			t.Errorf("at midnight: state = %+v, log %s", s, d.log)
		}
		if n := d.spend(101); n != 100 || d.Spending().Month.Billed != 200 {
			t.Errorf("the next day: %d queries, %+v", n, d.Spending())
		}
	})
}

// TestLowBudgetIsTold once of the day and of the month, to somebody who may ask back.
func TestLowBudgetIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d *desk
		var told []string
		d = deskOf(t, nil, func(o *Options) {
			o.Budget, o.Store, o.Rate = Budget{Day: 10, Month: 20}, new(memory), -1
			o.Low = func(period string, s Spent) {
				told = append(told, fmt.Sprintf("%s: %d of %d, %v", period, s.Billed, s.Limit, d.Spending().Day.Low()))
			}
		})
		want := []string{"2000-01-01: 8 of 10, true", "2000-01-02: 8 of 10, true", "2000-01: 16 of 20, true"}
		for day, n := range []int{1, 3, 3} {
			d.spend(8)
			if !slices.Equal(told, want[:n]) {
				t.Errorf("day %d: told %q, want %q", day, told, want[:n])
			}
			time.Sleep(24 * time.Hour)
		}
	})
}

func TestBudgetOfTheMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(memory)
		d := office(t, m, Budget{Day: 40, Month: 100})
		for _, want := range []int{40, 40, 20, 0} {
			if n := d.spend(45); n != want {
				t.Errorf("%d queries at %v, want %d", n, time.Now(), want)
			}
			time.Sleep(24 * time.Hour)
		}
		if s := d.State(); s.Reason != "budget" || !strings.Contains(s.Detail, "a month") || !s.Until.Equal(time.Date(2000, 2, 1, 0, 0, 0, 0, shanghai)) {
			t.Errorf("state = %+v", s)
		}
		time.Sleep(time.Until(d.State().Until))
		if n := d.spend(45); n != 40 {
			t.Errorf("%d queries in the next month, want 40", n)
		}
	})
}

func TestBudgetUnderConcurrency(t *testing.T) {
	for _, slow := range []time.Duration{0, 50 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{slow: slow}
			d := office(t, m, Budget{Day: 100, Month: 1000})
			var all sync.WaitGroup
			for i := range 500 {
				all.Go(func() {
					_, err := d.Lookup(t.Context(), screening.Number{Country: "86", Digits: fmt.Sprint(13800000000 + i)})
					if err != nil && !errors.Is(err, ErrBudget) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if n := d.sim.Queries(); n != 100 {
				t.Errorf("%d queries, want 100", n)
			}
			if slow > 0 && m.saves > 10 {
				t.Errorf("%d saves for queries of one moment", m.saves)
			}
		})
	}
}

// TestBudgetSurvivesCrashes: a client that is never closed stands for one that was
// killed. Whenever that is, no query is sent that the store does not know of.
func TestBudgetSurvivesCrashes(t *testing.T) {
	for _, every := range []int{1, 3, 10, 37} {
		synctest.Test(t, func(t *testing.T) {
			m := new(memory)
			sent, crashes := 0, 0
			for ; crashes < 1000; crashes++ {
				n := office(t, m, Budget{Day: 500, Month: 9999}).spend(every)
				if n == 0 {
					break
				}
				sent += n
			}
			if sent > 500 || sent < 500-5*crashes {
				t.Errorf("%d queries with a crash after every %d, want 500 at most and few less", sent, every)
			}
		})
	}
}

func TestSavesAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(memory)
		d := office(t, m, Budget{Day: 10_000})
		d.spend(1000)
		if m.saves != 10 {
			t.Errorf("%d saves for 1000 queries of 10000, want 10", m.saves)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if s := office(t, m, Budget{Day: 10_000}).Spending(); s.Day.Billed != 1000 || s.Day.Limit != 10_000 || s.Month.Limit != 0 {
			t.Errorf("after a restart: %+v, want 1000 of 10000", s)
		}
	})
}

// TestBilled holds which outcomes are counted as what.
func TestBilled(t *testing.T) {
	tests := []struct {
		name         string
		reply        juhesim.Reply
		billed, free int
	}{
		{"answer", juhesim.Reply{Type: "推销"}, 1, 0},
		{"nothing known", juhesim.Reply{}, 1, 0},
		{"failed query", juhesim.Reply{Code: 251103}, 1, 0},
		{"undocumented", juhesim.Reply{Code: 99999}, 1, 0},
		{"hang", juhesim.Reply{Hang: true}, 1, 0},
		{"HTML", juhesim.Reply{Raw: "<html>"}, 1, 0},
		{"500", juhesim.Reply{Status: 500}, 1, 0},
	}
	for code := range codes {
		tests = append(tests, struct {
			name         string
			reply        juhesim.Reply
			billed, free int
		}{fmt.Sprint(code), juhesim.Reply{Code: code}, 0, 1})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := office(t, new(memory), Budget{Day: 100})
				d.sim.SetAll(tt.reply)
				_ = d.ask()
				got := d.Spending().Day
				if got.Billed != tt.billed || got.Free != tt.free {
					t.Errorf("spent %+v, want %d and %d", got, tt.billed, tt.free)
				}
			})
		})
	}
}

func TestUnsentQueriesCostNothing(t *testing.T) {
	c, err := New(Options{URL: "http://callscreen.invalid/", Key: secretKey, Store: new(memory), Budget: Budget{Day: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := c.Lookup(t.Context(), caller); !errors.Is(err, ErrUpstream) {
			t.Errorf("Lookup = %v, want ErrUpstream", err)
		}
	}
	if s := c.Spending().Day; s.Billed != 0 || s.Free != 0 {
		t.Errorf("spent %+v, want nothing", s)
	}
}

// TestBudgetUnderAWrongClock: set back by whatever, the clock gives nothing twice.
func TestBudgetUnderAWrongClock(t *testing.T) {
	day := 24 * time.Hour
	for _, back := range []time.Duration{time.Hour, 9 * time.Hour, day, 31 * day, 365 * day} {
		synctest.Test(t, func(t *testing.T) {
			m := new(memory)
			d := office(t, m, Budget{Day: 10})
			d.spend(11)
			for range 2 {
				d.clock.set(-back)
				d.refused("budget")
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
				behind := d.clock
				d = office(t, m, Budget{Day: 10})
				d.clock.set(time.Duration(behind.offset.Load()))
				d.refused("budget")
				d.clock.set(back)
				d.refused("budget")
			}
			d.clock.set(-back)
			d.refused("budget")
			time.Sleep(2 * day)
			if n := d.spend(11); n != 10 {
				t.Errorf("back by %v: %d queries after two days, want 10", back, n)
			}
		})
	}
}

func TestStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{fail: errors.New("disk full")}
		d := office(t, m, Budget{Day: 100})
		if d.lines("what was spent is not known") != 1 {
			t.Errorf("log = %s", d.log)
		}
		for range 3 {
			d.refused("budget")
		}
		if s := d.State(); s.Reason != "budget" || !strings.Contains(s.Detail, "cannot be saved") || d.Spending().Err == nil || d.lines("cannot be saved") != 2 {
			t.Errorf("state = %+v, log %s", s, d.log)
		}
		if err := d.Close(); err == nil {
			t.Error("Close saved it")
		}
		m.set(0, nil)
		if !d.asks() || d.State() != (State{}) || d.Spending().Err != nil {
			t.Errorf("when the disk is back: %+v", d.State())
		}
	})
}

// TestStoreFailsWithoutBudget: then it costs no query.
func TestStoreFailsWithoutBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{fail: errors.New("disk full"), slow: time.Second}
		d := office(t, m, Budget{})
		if n := d.spend(10); n != 10 || d.State() != (State{}) || d.Spending().Day.Billed != 10 {
			t.Errorf("%d queries, %+v", n, d.State())
		}
		time.Sleep(time.Second) // for the save under way
	})
}

func TestStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{slow: time.Hour}
		d := office(t, m, Budget{Day: 100})
		for range 10 {
			started := time.Now()
			err := d.ask()
			if time.Since(started) != 800*time.Millisecond || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Lookup = %v after %v, want DeadlineExceeded after 800ms", err, time.Since(started))
			}
		}
		if s := d.State(); s != (State{}) || d.sim.Queries() != 0 {
			t.Errorf("state = %+v after %d queries: the disk is not Juhe's", s, d.sim.Queries())
		}
		time.Sleep(time.Hour)
		if !d.asks() {
			t.Error("no query when the disk is back")
		}
		time.Sleep(time.Hour) // for the save under way
	})
}

func TestTornStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := office(t, &memory{saved: []byte(`{"days":{"2000-01-01":{"bil`)}, Budget{Day: 10})
		if d.lines("what was spent is not known") != 1 || d.spend(11) != 10 {
			t.Errorf("%+v, log %s", d.Spending(), d.log)
		}
	})
}
