package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callscreen/console"
)

const (
	outageToldAfter = 3 * time.Second // a database that restarts is back before
	lossToldFor     = time.Hour
)

// check tells how the record stands.
func (r *record) check() console.Check {
	c := console.Check{Name: "record"}
	var faults, details []string
	if r.mute != nil {
		faults = append(faults, "there are no lines: "+r.mute.Error()+"; mend it and restart")
	}
	if r.why != nil {
		faults = append(faults, "there is no database: "+r.why.Error()+"; mend it and restart")
	}
	if r.store != nil {
		s := r.store.State()
		if !s.Up && time.Since(s.Since) > outageToldAfter {
			c.Since = s.Since
			faults = append(faults, fmt.Sprintf("the database takes no calls: %s; %d bytes wait in the spool", s.Why, s.Spooled))
		}
		details = append(details, "database")
		faults, details = told(faults, details, "calls or endings", s.Lost, s.LostAt, s.LostWhy)
	}
	if r.lines != nil {
		s := r.lines.State()
		details = append(details, "lines")
		faults, details = told(faults, details, "lines", s.Lost, s.LostAt, s.Why)
	}
	c.Fault, c.Detail = strings.Join(faults, "; "), strings.Join(details, ", ")
	if r.lines == nil && r.store == nil && c.Fault == "" {
		c.Detail = "off"
	}
	return c
}

// told adds what was lost: as a fault for a while, and then as a detail.
func told(faults, details []string, what string, lost uint64, at time.Time, why string) (_, _ []string) {
	switch {
	case lost == 0:
	case time.Since(at) < lossToldFor:
		faults = append(faults, fmt.Sprintf("%d %s lost, the last at %s: %s", lost, what, at.Format(time.TimeOnly), why))
	default:
		details = append(details, fmt.Sprintf("%d %s lost until %s", lost, what, at.Format(time.DateTime)))
	}
	return faults, details
}

var (
	recordQueueDesc   = prometheus.NewDesc("callscreen_record_queue", "Calls and endings, and for homer and webhooks what they are told, that wait.", []string{"to"}, nil)
	recordWrittenDesc = prometheus.NewDesc("callscreen_record_written_total", "Of these, what was written or sent.", []string{"to"}, nil)
	recordLostDesc    = prometheus.NewDesc("callscreen_record_lost_total", "Of these, what went nowhere.", []string{"to"}, nil)
	recordSpoolDesc   = prometheus.NewDesc("callscreen_record_spool_bytes", "Bytes that wait in the spool for the database.", nil, nil)
	recordUpDesc      = prometheus.NewDesc("callscreen_record_database_up", "1 while the database takes calls.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (r *record) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{recordQueueDesc, recordWrittenDesc, recordLostDesc, recordSpoolDesc, recordUpDesc} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (r *record) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	taken := func(to string, queued int, written, lost uint64) {
		gauge(recordQueueDesc, float64(queued), to)
		ch <- prometheus.MustNewConstMetric(recordWrittenDesc, prometheus.CounterValue, float64(written), to)
		ch <- prometheus.MustNewConstMetric(recordLostDesc, prometheus.CounterValue, float64(lost), to)
	}
	if r.lines != nil {
		s := r.lines.State()
		taken("lines", s.Queued, s.Written, s.Lost)
	}
	if r.store != nil {
		s := r.store.State()
		taken("database", s.Queued, s.Written, s.Lost)
		gauge(recordSpoolDesc, float64(s.Spooled))
		up := 0.0
		if s.Up {
			up = 1
		}
		gauge(recordUpDesc, up)
	}
	if r.homer != nil {
		taken("homer", r.homer.Queued(), r.homer.Sent(), r.homer.Dropped())
	}
	if len(r.hooks) > 0 {
		taken(r.notifier.counted())
	}
}
