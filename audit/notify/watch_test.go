package notify

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

func refusal603(mode screening.Mode) screening.Decision {
	return screening.Decision{Mode: mode, Verdict: screening.Verdict{Action: screening.Reject, Status: 603}}
}

// a day of ten refusals an hour
func tens() []int {
	past := make([]int, watchHours)
	for i := range past {
		past[i] = 10
	}
	return past
}

func TestRiseInRefusals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		past  []int
		hours []int // refusals in the hours that follow
		want  []int // counts that were told
	}{
		{"as ever", tens(), []int{10, 12, 29, 10}, nil},
		{"three times as many", tens(), []int{30}, []int{30}},
		{"told once an hour", tens(), []int{100, 100}, []int{30, 42}}, // a day of 10s with a 100 in it averages 13.75, told is 14
		{"few are no rise", make([]int, watchHours), []int{19}, nil},
		{"many where none was", make([]int, watchHours), []int{20}, []int{20}},
		{"nothing is usual yet", nil, []int{1000}, nil},
		{"a day makes it usual", nil, append(make([]int, watchHours), 25), []int{20}},
		{"quiet days in between", tens(), append(append([]int{0}, make([]int, 3*watchHours)...), 20), []int{20}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []int
				w, err := NewWatch(WatchOptions{Past: tt.past, Send: func(e Event) {
					if e.Kind != Refusals || !e.At.Equal(time.Now()) {
						t.Errorf("told %+v", e)
					}
					got = append(got, e.Count)
				}})
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range tt.hours {
					for range n {
						w.Record(refusal603(screening.Enforce))
						w.Record(refusal603(screening.Observe)) // not carried out
						w.Record(screening.Decision{})
					}
					time.Sleep(time.Hour)
				}
				if !slices.Equal(got, tt.want) {
					t.Errorf("told at %v refusals; want %v", got, tt.want)
				}
			})
		})
	}
	for _, o := range []WatchOptions{{}, {Send: func(Event) {}, Least: -1}, {Send: func(Event) {}, Factor: -1}} {
		if _, err := NewWatch(o); err == nil {
			t.Errorf("NewWatch(%+v) succeeded; want an error", o)
		}
	}
}

// A clock that was ahead by a year, and is set, silences nobody for that year; one that is
// set back by an hour or two lets nothing come twice.
func TestClockIsSetBack(t *testing.T) {
	told := 0
	w, err := NewWatch(WatchOptions{Past: tens(), Send: func(Event) { told++ }})
	if err != nil {
		t.Fatal(err)
	}
	w.turn(w.hour + 365*24)
	w.past = tens()
	for range 30 {
		w.Record(refusal603(screening.Enforce))
	}
	if told != 1 || w.hour > hourOf(time.Now()) {
		t.Errorf("told %d times, hour %d; want one time, now", told, w.hour)
	}
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for back, want := range map[time.Duration]string{
		0:                     "2026-11-26 09:00:00",
		-3 * time.Hour:        "2026-11-26 09:00:00",
		-4 * time.Hour:        "2026-11-26 09:00:00",
		-365 * 24 * time.Hour: "2025-11-26 09:00:00",
		365 * 24 * time.Hour:  "2027-11-26 09:00:00",
	} {
		if got := following(now.Add(back), nextDaily(now, 9*time.Hour), 9*time.Hour).Format(time.DateTime); got != want {
			t.Errorf("a clock set by %v: next is %s; want %s", back, got, want)
		}
	}
}

func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone := time.FixedZone("CST", 8*3600) // the bubble begins at 08:00 on 1 January 2000
		ctx, cancel := context.WithCancel(t.Context())
		type call struct{ day, at string }
		var got []call
		done := make(chan struct{})
		go func() { // ends by cancel
			defer close(done)
			Daily(ctx, 9*time.Hour+30*time.Minute, zone, func(_ context.Context, day time.Time) {
				got = append(got, call{day.Format(time.DateOnly), time.Now().In(zone).Format("02 15:04:05")})
				time.Sleep(time.Minute) // it takes its time
			})
		}()
		time.Sleep(50 * time.Hour)
		cancel()
		<-done
		want := []call{{"1999-12-31", "01 09:30:00"}, {"2000-01-01", "02 09:30:00"}, {"2000-01-02", "03 09:30:00"}}
		if !slices.Equal(got, want) {
			t.Errorf("called %v; want %v", got, want)
		}
	})
}

func TestNextDaily(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for now, want := range map[string]string{
		"2026-11-24 07:59:59": "2026-11-24 08:00:00",
		"2026-11-24 08:00:00": "2026-11-25 08:00:00",
		"2026-12-31 23:00:00": "2027-01-01 08:00:00",
		"2026-03-28 09:00:00": "2026-03-29 08:00:00", // an hour is left out in between
		"2026-10-24 09:00:00": "2026-10-25 08:00:00", // an hour comes twice
	} {
		at, err := time.ParseInLocation(time.DateTime, now, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := nextDaily(at, 8*time.Hour).Format(time.DateTime); got != want {
			t.Errorf("after %s comes %s; want %s", now, got, want)
		}
	}
}
