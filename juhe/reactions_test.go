package juhe

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// reactions are the failures that stop queries: after how many, and how long.
var reactions = []struct {
	name   string
	reply  juhesim.Reply
	reason string
	after  int
	pause  time.Duration
	level  string
}{
	{"10001", juhesim.Reply{Code: 10001}, "key", 1, 15 * time.Minute, "error"},
	{"10002", juhesim.Reply{Code: 10002}, "key", 1, 15 * time.Minute, "error"},
	{"10003", juhesim.Reply{Code: 10003}, "key", 1, 15 * time.Minute, "error"},
	{"10004", juhesim.Reply{Code: 10004}, "key", 1, 15 * time.Minute, "error"},
	{"10005", juhesim.Reply{Code: 10005}, "key", 1, 15 * time.Minute, "error"},
	{"10007", juhesim.Reply{Code: 10007}, "key", 1, 15 * time.Minute, "error"},
	{"10008", juhesim.Reply{Code: 10008}, "key", 1, 15 * time.Minute, "error"},
	{"10009", juhesim.Reply{Code: 10009}, "key", 1, 15 * time.Minute, "error"},
	{"10011", juhesim.Reply{Code: 10011}, "throttled", 1, time.Minute, "warn"},
	{"10012", juhesim.Reply{Code: 10012}, "quota", 1, 16 * time.Hour, "error"}, // a bubble begins at 08:00 in Shanghai
	{"10013", juhesim.Reply{Code: 10013}, "quota", 1, 16 * time.Hour, "error"},
	{"10014", juhesim.Reply{Code: 10014}, "upstream", 5, 30 * time.Second, "warn"},
	{"10020", juhesim.Reply{Code: 10020}, "upstream", 5, 30 * time.Second, "warn"},
	{"10021", juhesim.Reply{Code: 10021}, "key", 1, 15 * time.Minute, "error"},
	{"251101", juhesim.Reply{Code: 251101}, "upstream", 5, 30 * time.Second, "warn"},
	{"undocumented", juhesim.Reply{Code: 99999}, "key", 1, 15 * time.Minute, "error"},
	{"hang", juhesim.Reply{Hang: true}, "timeout", 5, 30 * time.Second, "warn"},
	{"HTML", juhesim.Reply{Raw: "<html>"}, "upstream", 5, 30 * time.Second, "warn"},
	{"null", juhesim.Reply{Raw: "null"}, "upstream", 5, 30 * time.Second, "warn"},
	{"half", juhesim.Reply{Raw: `{"error_code":0,"result":{`}, "upstream", 5, 30 * time.Second, "warn"},
	{"64 KiB", juhesim.Reply{Raw: strings.Repeat(" ", maxBody+1)}, "upstream", 5, 30 * time.Second, "warn"},
	{"500", juhesim.Reply{Status: 500}, "upstream", 5, 30 * time.Second, "warn"},
	{"503", juhesim.Reply{Status: 503}, "upstream", 5, 30 * time.Second, "warn"},
	{"404", juhesim.Reply{Status: 404}, "request", 5, 30 * time.Second, "warn"},
	{"429", juhesim.Reply{Status: 429, Raw: "-"}, "throttled", 1, time.Minute, "warn"},
	{"401", juhesim.Reply{Status: 401}, "key", 1, 15 * time.Minute, "error"},
	{"403", juhesim.Reply{Status: 403}, "key", 1, 15 * time.Minute, "error"},
}

// TestReactions brings every failure about and holds after how many queries it
// stops, how loudly, for how long, that one query finds out, and what ends it.
func TestReactions(t *testing.T) {
	for _, tt := range reactions {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deskOf(t, nil, nil)
				d.sim.SetAll(tt.reply)
				began := time.Now()
				if n := d.fails(tt.after + 1); n != tt.after {
					t.Fatalf("stopped after %d queries, want %d", n, tt.after)
				}
				until := d.refused(tt.reason)
				state := d.State()
				if time.Until(until) != tt.pause || state.Reason != tt.reason || !state.Until.Equal(until) || state.Since.After(began.Add(800*time.Millisecond)) {
					t.Errorf("refused until %v, state %+v; want %s for %v from %v", until, state, tt.reason, tt.pause, began)
				}
				time.Sleep(tt.pause - 1)
				d.refused(tt.reason)
				time.Sleep(time.Nanosecond)
				if !d.asks() || d.asks() || d.State().Since != state.Since {
					t.Errorf("when the time is over: %+v; want one query and another stop of the same failure", d.State())
				}
				if log := d.stops(); strings.Count(log, "not asked any more") != 1 || !strings.Contains(log, `"level":"`+tt.level) || !strings.Contains(log, state.String()) {
					t.Errorf("log = %s; want one line at %s, with %v", log, tt.level, state)
				}
				d.sim.Restore()
				time.Sleep(time.Until(d.State().Until))
				if err := d.ask(); err != nil || d.State() != (State{}) || !strings.Contains(d.log.String(), "juhe answers again") {
					t.Errorf("after its return: %v, %+v, log %s", err, d.State(), d.log)
				}
				noKey(t, nil, d.Client, d.log)
			})
		})
	}
}

// stops returns the lines of the log about queries that stop.
func (d *desk) stops() string {
	var lines []string
	for line := range strings.Lines(d.log.String()) {
		if strings.Contains(line, "not asked any more") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// TestHarmlessOutcomesStopNothing: whoever says so, Juhe answers.
func TestHarmlessOutcomesStopNothing(t *testing.T) {
	for name, reply := range map[string]juhesim.Reply{"251102": {Code: 251102}, "251103": {Code: 251103}, "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deskOf(t, nil, nil)
				d.sim.SetAll(reply)
				for range 40 {
					if !d.asks() {
						t.Fatalf("queries stopped: %+v", d.State())
					}
					time.Sleep(time.Second)
				}
				if shouted := strings.Count(d.log.String(), `"level":"error"`); (shouted == 1) != (name == "251102") {
					t.Errorf("%d lines at error: %s", shouted, d.log)
				}
				time.Sleep(configPause)
				_ = d.ask()
				if shouted := strings.Count(d.log.String(), `"level":"error"`); (shouted == 2) != (name == "251102") {
					t.Errorf("%d lines at error after a while: %s", shouted, d.log)
				}
			})
		})
	}
}

func TestRetryAfter(t *testing.T) {
	const date = "Sat, 01 Jan 2000 12:00:00 GMT" // not the bubble's time
	tests := []struct {
		status      int
		value, date string
		want        time.Duration
	}{
		{429, "7", "", 7 * time.Second},
		{503, "7", "", 7 * time.Second},
		{503, "Sat, 01 Jan 2000 12:05:00 GMT", date, 5 * time.Minute},
		{429, "Sat, 01 Jan 2000 00:05:00 GMT", "", 5 * time.Minute},
		{429, "99999999999999999999", "", time.Minute},
		{429, "999999999", "", time.Hour},
		{429, "-7", "", time.Minute},
		{429, "0", "", time.Minute},
		{429, "soon", "", time.Minute},
		{429, "Sat, 01 Jan 1999 12:05:00 GMT", date, time.Minute},
		{500, "7", "", 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.value), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := deskOf(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", tt.value)
					w.Header().Set("Date", tt.date)
					w.WriteHeader(tt.status)
				}), nil)
				_ = d.ask()
				want := time.Time{}
				if tt.want > 0 {
					want = time.Now().Add(tt.want)
				}
				if got := d.State().Until; !got.Equal(want) {
					t.Errorf("stopped until %v, want %v", got, want)
				}
			})
		})
	}
}

func TestThrottleDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		for range 2 { // an answer makes it begin anew
			d.sim.SetAll(juhesim.Reply{Code: 10011})
			for _, minutes := range []time.Duration{1, 2, 4, 8, 15, 15} {
				if !d.asks() || time.Until(d.State().Until) != minutes*time.Minute {
					t.Fatalf("state = %+v at %v; want %d minutes", d.State(), time.Now(), minutes)
				}
				time.Sleep(minutes * time.Minute)
			}
			d.sim.Restore()
			if err := d.ask(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestQueriesOfOneMomentCountOnce: ten were under way when Juhe had enough.
func TestQueriesOfOneMomentCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		d.sim.SetAll(juhesim.Reply{Code: 10011, Delay: 100 * time.Millisecond})
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				d.Lookup(t.Context(), screening.Number{Country: "86", Digits: fmt.Sprint(13800000000 + i)})
			})
		}
		all.Wait()
		if d.sim.Queries() != 10 || time.Until(d.State().Until) != time.Minute {
			t.Errorf("%d queries, %+v; want 10 and one minute", d.sim.Queries(), d.State())
		}
		time.Sleep(time.Minute)
		_ = d.ask()
		if pause := time.Until(d.State().Until); pause != 2*time.Minute {
			t.Errorf("the next stop lasts %v, want two minutes", pause)
		}
	})
}

// TestOneQueryFindsOut: when the time is over others do not join it.
func TestOneQueryFindsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := deskOf(t, nil, nil)
		d.sim.SetAll(juhesim.Reply{Code: 10001, Delay: 500 * time.Millisecond})
		_ = d.ask()
		time.Sleep(configPause)
		for range 2 {
			before := d.sim.Queries()
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					d.Lookup(t.Context(), screening.Number{Country: "86", Digits: fmt.Sprint(13800000000 + i)})
				})
			}
			all.Wait()
			if n := d.sim.Queries() - before; n != 1 {
				t.Errorf("%d queries at a time, want 1", n)
			}
			time.Sleep(configPause)
		}
	})
}

// TestBusinessErrorsCostFewQueries: ten an hour at most, whatever the error.
func TestBusinessErrorsCostFewQueries(t *testing.T) {
	for _, code := range []int{10001, 10003, 10011, 10012, 10013, 99999} {
		synctest.Test(t, func(t *testing.T) {
			d := deskOf(t, nil, nil)
			d.sim.SetAll(juhesim.Reply{Code: code})
			for range 720 {
				_ = d.ask()
				time.Sleep(5 * time.Second)
			}
			if n := d.sim.Queries(); n > 10 {
				t.Errorf("%d: %d queries an hour, want 10 at most", code, n)
			}
		})
	}
}

func TestQuotaEndsAtMidnightInShanghai(t *testing.T) {
	tests := map[string]time.Duration{
		"2026-11-25 23:59:59": time.Second,
		"2026-11-25 00:15:00": 24*time.Hour - 15*time.Minute,
		"2026-11-25 00:00:00": 15 * time.Minute, // Juhe's clock may be behind ours
		"2026-11-25 00:14:59": time.Second,
		"2026-12-31 12:00:00": 12 * time.Hour,
		"2028-02-28 12:00:00": 12 * time.Hour,
	}
	for at, want := range tests {
		now, err := time.ParseInLocation(time.DateTime, at, shanghai)
		if err != nil {
			t.Fatal(err)
		}
		if got := untilReset(now.UTC()); got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
	}
}
