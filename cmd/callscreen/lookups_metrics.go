package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"callscreen/juhe"
	"callscreen/screening"
	"callscreen/sipagent"
)

// lookupTimes are how long lookups took.
type lookupTimes struct {
	calls   *prometheus.HistogramVec // as calls see it
	queries *prometheus.HistogramVec // of each directory
}

func newLookupTimes() lookupTimes {
	buckets := []float64{.0001, .001, .01, .025, .05, .1, .2, .4, .8, 1.6, 3.2, 10}
	return lookupTimes{
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "callscreen_lookup_seconds", Buckets: buckets,
			Help: "From the arrival of a call to the answer about its caller, by where that came from, and what it was: known, unknown, or why there was none.",
		}, []string{"source", "result"}),
		prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "callscreen_directory_seconds", Buckets: buckets,
			Help: "Time of a query to a directory, by what came of it: known, unknown, or why there was no answer.",
		}, []string{"directory", "result"}),
	}
}

// counted counts lookups on the way to the record.
type counted struct {
	sipagent.Recorder
	times lookupTimes
}

// Record counts the lookup of a call, if there was one.
func (c counted) Record(d screening.Decision) {
	c.times.observe(&d)
	c.Recorder.Record(d)
}

func (t lookupTimes) observe(d *screening.Decision) {
	if d.Source == screening.SourceNone && d.Failed == nil || d.Source == screening.SourceList && d.Reputation.Directory == "" {
		return
	}
	t.calls.WithLabelValues(string(d.Source), resultOf(d.Reputation, d.Failed)).Observe(d.Took.Seconds())
}

// resultOf is what a lookup came to, in one word of a closed set.
func resultOf(r screening.Reputation, err error) string {
	switch {
	case err != nil:
		return screening.FailureReason(err)
	case r.Known():
		return "known"
	}
	return "unknown"
}

// timed is a directory whose queries are timed.
type timed struct {
	screening.Directory
	name string
	by   *prometheus.HistogramVec
}

// Lookup asks the directory. What it refused to be asked took no time.
func (t timed) Lookup(ctx context.Context, n screening.Number) (screening.Reputation, error) {
	began := time.Now()
	r, err := t.Directory.Lookup(ctx, n)
	took := time.Since(began)
	if asked(err) {
		t.by.WithLabelValues(t.name, resultOf(r, err)).Observe(took.Seconds())
	}
	trailOf(ctx).add(t.name, r, err, took)
	return r, err
}

// asked reports whether a directory that came to err was sent a question.
func asked(err error) bool {
	var u interface{ Unasked() bool }
	return !errors.As(err, &u) || !u.Unasked()
}

func lookupDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("callscreen_"+name, help, labels, nil)
}

var (
	cacheEntriesDesc   = lookupDesc("cache_entries", "Numbers with a remembered answer, fresh or not.")
	cacheSizeDesc      = lookupDesc("cache_size", "Numbers with a remembered answer that there may be.")
	cacheAnswersDesc   = lookupDesc("cache_answers_total", "Lookups that were answered, by where the answer came from.", "source")
	cacheQueriesDesc   = lookupDesc("cache_queries_total", "Questions to the directories, renewals among them.")
	cacheFailuresDesc  = lookupDesc("cache_query_failures_total", "Questions to the directories that brought no answer.")
	cacheEvictionsDesc = lookupDesc("cache_evictions_total", "Answers that made room for others.")
	unscreenedDesc     = lookupDesc("unscreened_total", "Calls that went on without an answer about their caller, by reason.", "reason")

	directoryUpDesc      = lookupDesc("directory_up", "1: the directory is asked as usual. 0: it is not.", "directory")
	directoryStoppedDesc = lookupDesc("directory_stopped", "1 for the reason for which the directory is not asked.", "directory", "reason")
	directorySinceDesc   = lookupDesc("directory_failing_since_seconds", "When the directory, which is not asked, failed first since its last answer, since 1970; 0: it is asked.", "directory")
	directoryUntilDesc   = lookupDesc("directory_retry_at_seconds", "When the directory may be asked again, since 1970; 0: it is asked.", "directory")
	directoryCallsDesc   = lookupDesc("directory_unscreened", "Calls without an answer since the last one of the directory, which is not asked; 0: it is asked.", "directory")

	queriesDesc    = lookupDesc("juhe_queries", "Queries to Juhe in the day or month that runs in China, by whether they are billed as far as one can know.", "period", "billed")
	quotaLimitDesc = lookupDesc("quota_limit", "Queries to Juhe that the budget allows; absent: any number.", "period")
	quotaLeftDesc  = lookupDesc("quota_left", "Queries to Juhe that the budget still allows; absent: any number.", "period")
	unsavedDesc    = lookupDesc("quota_unsaved", "1: what is spent cannot be saved, and queries under a budget stop.")
	ownEntriesDesc = lookupDesc("own_list_entries", "Entries of the office's own list in force, expired ones among them.")
)

var lookupDescs = []*prometheus.Desc{
	cacheEntriesDesc, cacheSizeDesc, cacheAnswersDesc, cacheQueriesDesc, cacheFailuresDesc, cacheEvictionsDesc, unscreenedDesc,
	directoryUpDesc, directoryStoppedDesc, directorySinceDesc, directoryUntilDesc, directoryCallsDesc,
	queriesDesc, quotaLimitDesc, quotaLeftDesc, unsavedDesc, ownEntriesDesc,
}

// Describe implements [prometheus.Collector].
func (m lookupMetrics) Describe(ch chan<- *prometheus.Desc) {
	m.p.times.calls.Describe(ch)
	m.p.times.queries.Describe(ch)
	for _, d := range lookupDescs {
		ch <- d
	}
}

// lookupMetrics are the figures about lookups.
type lookupMetrics struct{ p *process }

// Collect implements [prometheus.Collector]. Label values come from closed sets:
// names of the configuration, reasons and sources; none tells who called.
func (m lookupMetrics) Collect(ch chan<- prometheus.Metric) {
	m.p.times.calls.Collect(ch)
	m.p.times.queries.Collect(ch)
	if m.p.cache != nil {
		collectCache(ch, m.p.cache.Stats())
	}
	for name, g := range m.p.guarded {
		collectState(ch, name, g.State())
	}
	if m.p.juhe != nil {
		collectSpending(ch, m.p.juhe.Spending())
	}
	if m.p.own != nil {
		gauge(ch, ownEntriesDesc, float64(m.p.own.Len()))
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, n uint64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

func collectCache(ch chan<- prometheus.Metric, s screening.CacheStats) {
	gauge(ch, cacheEntriesDesc, float64(s.Entries))
	gauge(ch, cacheSizeDesc, float64(s.Size))
	counter(ch, cacheQueriesDesc, s.Queries)
	counter(ch, cacheFailuresDesc, s.Failures)
	counter(ch, cacheEvictionsDesc, s.Evictions)
	for source, n := range s.Hits {
		counter(ch, cacheAnswersDesc, n, string(source))
	}
	for reason, n := range s.Unscreened {
		counter(ch, unscreenedDesc, n, reason)
	}
}

func collectState(ch chan<- prometheus.Metric, name string, s juhe.State) {
	up, since, until := 1.0, 0.0, 0.0
	if s.Reason != "" {
		up, since, until = 0, float64(s.Since.Unix()), float64(s.Until.Unix())
		gauge(ch, directoryStoppedDesc, 1, name, s.Reason)
	}
	gauge(ch, directoryUpDesc, up, name)
	gauge(ch, directorySinceDesc, since, name)
	gauge(ch, directoryUntilDesc, until, name)
	gauge(ch, directoryCallsDesc, float64(s.Unscreened), name)
}

func collectSpending(ch chan<- prometheus.Metric, s juhe.Spending) {
	for period, spent := range map[string]juhe.Spent{"day": s.Day, "month": s.Month} {
		gauge(ch, queriesDesc, float64(spent.Billed), period, "true")
		gauge(ch, queriesDesc, float64(spent.Free), period, "false")
		if spent.Limit > 0 {
			gauge(ch, quotaLimitDesc, float64(spent.Limit), period)
			gauge(ch, quotaLeftDesc, float64(max(spent.Limit-spent.Billed, 0)), period)
		}
	}
	unsaved := 0.0
	if s.Err != nil {
		unsaved = 1
	}
	gauge(ch, unsavedDesc, unsaved)
}
