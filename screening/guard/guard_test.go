package guard

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("down")

func guardOf(t *testing.T, o Options) *Guard {
	t.Helper()
	o.Name = "test"
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// try sends one query, if it may, with that outcome.
func try(g *Guard, o Outcome) error {
	a, err := g.Admit()
	if err != nil {
		return err
	}
	a.Sent()
	a.Settle(o)
	return nil
}

// TestOutcomes holds after how many queries which outcome stops them, and how long.
func TestOutcomes(t *testing.T) {
	tests := []struct {
		name    string
		outcome Outcome
		after   int // 0: never
		pauses  []time.Duration
	}{
		{"answer", Outcome{}, 0, nil},
		{"void", Outcome{Err: errDown, Void: true}, 0, nil},
		{"failure", Outcome{Err: errDown}, 5, []time.Duration{30 * time.Second, 30 * time.Second}},
		{"pause", Outcome{Err: errDown, Pause: time.Hour}, 1, []time.Duration{time.Hour, time.Hour}},
		{"doubling", Outcome{Err: errDown, Pause: time.Minute, Most: 3 * time.Minute}, 1, []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guardOf(t, Options{Rate: -1})
				sent := 0
				for ; sent < 20 && try(g, tt.outcome) == nil; sent++ {
					continue
				}
				if want := tt.after; sent != want && want != 0 || want == 0 && sent != 20 {
					t.Fatalf("stopped after %d queries, want %d", sent, want)
				}
				for _, pause := range tt.pauses {
					var r *Refusal
					err := try(g, Outcome{})
					if !errors.As(err, &r) || !errors.Is(err, errDown) || time.Until(r.Until) != pause || g.State().Until != r.Until {
						t.Fatalf("refused: %v, state %+v; want for %v", err, g.State(), pause)
					}
					time.Sleep(pause)
					if err := try(g, tt.outcome); err != nil {
						t.Fatalf("after %v: %v", pause, err)
					}
				}
			})
		})
	}
}

// TestUnscreenedSinceTheLastAnswer is what a health page counts by.
func TestUnscreenedSinceTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(t, Options{})
		for range 3 {
			g.Unscreened(errDown)
		}
		if err := try(g, Outcome{}); err != nil || g.Lost() != 0 {
			t.Errorf("%v, %d calls after an answer", err, g.Lost())
		}
		g.Unscreened(errDown)
		if err := try(g, Outcome{Err: errDown, Pause: time.Hour}); err != nil {
			t.Fatal(err)
		}
		g.Unscreened(errDown)
		if s := g.State(); s.Unscreened != 2 || s.Reason != "failed" || s.Detail != "down" || s.Since != time.Now() {
			t.Errorf("state = %+v", s)
		}
	})
}

func TestRefusalOfTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardOf(t, Options{Rate: 0.5})
		if err := try(g, Outcome{}); err != nil {
			t.Fatal(err)
		}
		var r *Refusal
		if err := try(g, Outcome{}); !errors.As(err, &r) || !errors.Is(err, ErrRate) || r.Reason() != "rate" || !r.Unasked() {
			t.Errorf("second query: %v", err)
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{{Slow: -1}, {Rate: math.NaN()}, {Rate: math.Inf(1)}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) took it", o)
		}
	}
}
