package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// BenchmarkRecord records answered calls at 2,000 a second, a burst every 100 ms, lines to a file and the
// log to another, and tells the processor time of all threads a call.
func BenchmarkRecord(b *testing.B) {
	dir := b.TempDir()
	to, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer to.Close()
	log, stop := newLog(to)
	defer stop()
	c := &config{State: dir, Record: recordConfig{File: filepath.Join(dir, "record.jsonl"), Numbers: audit.Mask, Database: recordOff}}
	kept, err := c.openRecord(log)
	if err != nil {
		b.Fatal(err)
	}
	r := decisions{counted{kept, newLookupTimes()}, log}
	b.ReportAllocs()
	began := processorTime(b)
	start := time.Now()
	for i := range b.N {
		recordCall(r, fmt.Sprintf("%d-a84b4c76e66710@203.0.113.10", i))
		if due := start.Add(time.Duration(i) * time.Second / 2000); i%200 == 0 && time.Until(due) > 0 {
			time.Sleep(time.Until(due))
		}
	}
	time.Sleep(time.Second / 5) // what is queued belongs to it
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/1e3/float64(b.N), "cpu-µs/call")
	if err := kept.close(); err != nil || kept.lines.Dropped() > 0 {
		b.Errorf("closing: %v; %d lines lost", err, kept.lines.Dropped())
	}
}

func recordCall(r decisions, id string) {
	now := time.Now()
	r.Record(screening.Decision{
		Call: screening.Call{
			ID: id, At: now, Trunk: "carrier", From: "sip:13041439112@203.0.113.10", Name: "Zhang San", Header: "From", To: "4001",
		},
		Number:     screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile},
		Called:     screening.Number{Digits: "4001", Class: screening.ClassExtension},
		Reputation: screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 3475, Place: "江苏苏州联通", Directory: "juhe"},
		Source:     screening.SourceCache, Age: 90 * time.Minute,
		Verdict: screening.Verdict{Action: screening.Tag, Rule: "sales", Why: "category is sales, 3475 marks", Label: "推销×3475"},
		Mode:    screening.Enforce, Policy: "7f3a9c1e", Took: 12 * time.Microsecond,
	})
	r.Ended(screening.Ending{Call: id, At: now, Status: 200, Ring: time.Second})
	r.Ended(screening.Ending{Call: id, At: now, By: screening.PartyCaller})
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
