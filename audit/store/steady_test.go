package store

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"callscreen/screening"
)

var (
	steadyRate = flag.Int("rate", 2000, "calls a second that BenchmarkSteady records")
	steadyOld  = flag.Int("old", 0, "calls that are in the record before BenchmarkSteady records")
)

// BenchmarkSteady records as many calls a second as the load rig makes: a tenth is
// refused at once, the others are answered after 100 ms and end after another 100.
func BenchmarkSteady(b *testing.B) {
	for name, engine := range engines {
		b.Run(name, func(b *testing.B) {
			s := open(b, engine(b))
			if *steadyOld > 0 {
				b.Logf("%d calls in %v", *steadyOld, stock(b, s, *steadyOld))
			}
			o := newOffice(b.N)
			calls := make([]screening.Decision, b.N)
			for i := range calls {
				calls[i] = o.call()
			}
			b.ResetTimer()
			before := cpu(b)
			n := steadily(s, calls)
			written(b, s, n)
			b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/call")
			if lost := s.State().Lost; lost > 0 {
				b.Errorf("%d lost", lost)
			}
		})
	}
}

// steadily records calls and their endings as time passes, and returns how many of both.
func steadily(s *Store, calls []screening.Decision) uint64 {
	const tick = 5 * time.Millisecond
	each, later := int(tick*time.Duration(*steadyRate)/time.Second), int(100*time.Millisecond/tick)*int(tick*time.Duration(*steadyRate)/time.Second)
	clock := time.NewTicker(tick)
	defer clock.Stop()
	sent := 0
	for at := 0; at < len(calls)+2*later; at += each {
		now := <-clock.C
		for i := at; i < at+each; i++ {
			if i < len(calls) {
				calls[i].Call.At = now
				s.Record(calls[i])
				sent++
				if refused(i) {
					s.Ended(screening.Ending{Call: calls[i].Call.ID, At: now, Status: 603, By: screening.PartyProxy})
					sent++
				}
			}
			if j := i - later; j >= 0 && j < len(calls) && !refused(j) {
				s.Ended(screening.Ending{Call: calls[j].Call.ID, At: now, Status: 200, Ring: 100 * time.Millisecond})
				sent++
			}
			if j := i - 2*later; j >= 0 && j < len(calls) && !refused(j) {
				s.Ended(screening.Ending{Call: calls[j].Call.ID, At: now, By: screening.PartyCaller})
				sent++
			}
		}
	}
	return uint64(sent)
}

func refused(i int) bool { return i%10 == 0 }

// cpu returns the processor time that this process has used.
func cpu(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
