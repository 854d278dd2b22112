package e2e

import (
	"flag"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

var restarts = flag.Int("restarts", 5, "how often TestSignalsUnderLoad signals callscreen")

const rate = 50 // calls a second

// Signals at random moments, under 50 calls a second. With the socket kept, as
// systemd does, a restart loses no call; and whatever happens, no call that stands
// is harmed.
//
// A kill in the middle of a lookup loses that call: its caller has been told 100
// Trying and does not ask again. All others come through.
func TestSignalsUnderLoad(t *testing.T) {
	for _, tt := range []struct {
		name             string
		signal           syscall.Signal
		kept             bool
		lost, unrecorded int // calls that may be, for each signal
	}{
		{"restart, socket kept", syscall.SIGTERM, true, 0, 0},
		{"restart", syscall.SIGTERM, false, 0, 0},
		{"kill, socket kept", syscall.SIGKILL, true, 3, rate}, // the record of a second
		{"kill", syscall.SIGKILL, false, 3, rate},
		{"reload", syscall.SIGHUP, true, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, setting{kept: tt.kept, drain: 500 * time.Millisecond})
			l := o.startLoad(rate)
			longest := time.Duration(0)
			for range *restarts {
				time.Sleep(time.Second + time.Duration(rand.Int64N(int64(time.Second))))
				if o.signal(tt.signal); tt.signal == syscall.SIGHUP {
					continue
				}
				o.exit()
				gone := time.Now()
				o.start()
				longest = max(longest, time.Since(gone))
			}
			time.Sleep(time.Second)
			fates := l.stop()
			o.stop()
			seen, unscreened := map[string]bool{}, 0
			for _, e := range o.record("record.jsonl") {
				if e.Verdict != "" {
					seen[e.Call] = true
				}
				if e.Rule == "fail-open" || e.Failed != "" {
					unscreened++
				}
			}
			calls, lost := 0, 0
			for fate, n := range fates {
				if calls += n; fate != "" {
					t.Logf("%d calls %s", n, fate)
					lost += n
				}
				if strings.Contains(fate, "in the call") {
					t.Errorf("%d calls harmed while they stood: %s", n, fate)
				}
			}
			t.Logf("%d times: %d calls, %d lost, %d not recorded, %d unscreened; %d requests were sent again; away for %v at the most",
				*restarts, calls, lost, calls-len(seen), unscreened, l.repeated.Load(), longest)
			if lost > tt.lost**restarts {
				t.Errorf("%d calls lost, want %d at the most", lost, tt.lost**restarts)
			}
			if missing := calls - len(seen); missing > tt.unrecorded**restarts {
				t.Errorf("%d calls are not in the record, want %d at the most", missing, tt.unrecorded**restarts)
			}
			if calls < 20**restarts {
				t.Errorf("%d calls are no load", calls)
			}
		})
	}
}
