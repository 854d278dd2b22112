package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"callscreen/console"
	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// figures are what the process counts: name and labels to the value, or the number
// of observations.
func (p *process) figures(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := p.metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "callscreen_")
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return all
}

func (p *process) wantFigures(t *testing.T, want map[string]float64) {
	t.Helper()
	got := p.figures(t)
	for name, v := range want {
		if has, ok := got[name]; has != v || !ok {
			t.Errorf("%s = %v, %v; want %v", name, has, ok, v)
		}
	}
}

func (p *process) check(name string) console.HealthCheck {
	for _, c := range console.Assess(p.checks).Checks {
		if c.Name == name {
			return c
		}
	}
	return console.HealthCheck{}
}

// TestLookupFigures: where answers came from, and what came of queries.
func TestLookupFigures(t *testing.T) {
	sim, at := simulated(t)
	service, _ := tagService(t, "13900000001", "推销")
	o := newOffice(t)
	o.write("own.csv", "13900000009,客户\n")
	p, _ := o.start(fmt.Sprintf(`
juhe: {url: %q, key: topsecret, budget: {day: 10}, rate: 0}
cache: {size: 2}
directories: {own: own.csv, services: [{name: tags, url: %q, proof: {path: code}, paths: {category: tag}}]}
`, at, service))
	for _, number := range []string{"95204657", "95204657", "13900000001", "13900000002", "13900000009", "1001"} {
		p.screen(number, false)
	}
	p.wantFigures(t, map[string]float64{
		"lookup_seconds known query": 2, "lookup_seconds unknown query": 1, "lookup_seconds known cache": 1, "lookup_seconds known list": 1,
		"directory_seconds juhe known": 1, "directory_seconds juhe unknown": 2, "directory_seconds tags known": 1, "directory_seconds tags unknown": 1,
		"cache_entries": 2, "cache_size": 2, "cache_evictions_total": 1, "cache_queries_total": 3, "cache_query_failures_total": 0,
		"cache_answers_total cache": 1, "cache_answers_total query": 3, "cache_answers_total list": 1,
		"directory_up juhe": 1, "directory_up tags": 1, "directory_unscreened juhe": 0, "own_list_entries": 1,
		"quota_limit day": 10, "quota_left day": 7, "juhe_queries true day": 3, "juhe_queries false day": 0, "quota_unsaved": 0,
	})
	if c := p.check("juhe"); c.Status != "ok" || c.Reason != "3 of 10 queries today, 3 queries this month" {
		t.Errorf("health = %+v", c)
	}
	if c := p.check("own"); c.Status != "ok" || c.Reason != "1 entries" {
		t.Errorf("health = %+v", c)
	}
	sim.SetAll(juhesim.Reply{Code: 10014})
	p.screen("13900000003", false)
	p.wantFigures(t, map[string]float64{
		"lookup_seconds upstream none": 1, "directory_seconds juhe upstream": 1, "unscreened_total upstream": 1, "cache_query_failures_total": 1,
		"juhe_queries false day": 1, "quota_left day": 7,
	})
	if _, limited := p.figures(t)["quota_left month"]; limited {
		t.Error("a month without a limit has something left")
	}
}

// TestOneStateForAll: metrics, health and log tell the same of a directory that is
// not asked: since when, why, until when, and how many calls went on without it.
func TestOneStateForAll(t *testing.T) {
	sim, at := simulated(t)
	sim.SetAll(juhesim.Reply{Code: 10001})
	o := newOffice(t)
	p, _ := o.start(fmt.Sprintf("juhe: {url: %q, key: topsecret}\n", at))
	for i := range 5 {
		p.screen(fmt.Sprint(13900000000+i), false)
	}
	s := p.juhe.State()
	if s.Reason != "key" || s.Unscreened != 5 || sim.Queries() != 1 {
		t.Fatalf("state = %+v after %d queries", s, sim.Queries())
	}
	c := p.check("juhe")
	if c.Status != "degraded" || c.Reason != "numbers are not looked up: "+s.String() || !c.Since.Equal(s.Since) {
		t.Errorf("health = %+v; want %v", c, s)
	}
	p.wantFigures(t, map[string]float64{
		"directory_up juhe": 0, "directory_stopped juhe key": 1, "directory_unscreened juhe": 5, "unscreened_total key": 5,
		"directory_failing_since_seconds juhe": float64(s.Since.Unix()), "directory_retry_at_seconds juhe": float64(s.Until.Unix()),
		"lookup_seconds key none": 5, "directory_seconds juhe key": 1,
	})
	s.Unscreened = 0 // when it was written
	logged := slices.Collect(strings.Lines(o.log.String()))
	if i := slices.IndexFunc(logged, func(l string) bool { return strings.Contains(l, "juhe is not asked any more") }); i < 0 || !strings.Contains(logged[i], s.String()) {
		t.Errorf("log = %s; want %v", o.log.String(), s)
	}
}

// TestSpentBudgetIsTold: the call after the last query of the day goes on without
// one, across a restart, and metrics, health and log say so. That midnight opens it
// again is package juhe's to test, under a clock of its own.
func TestSpentBudgetIsTold(t *testing.T) {
	sim, at := simulated(t)
	o := newOffice(t)
	more := fmt.Sprintf("juhe: {url: %q, key: topsecret, rate: 0, budget: {day: 100}}\n", at)
	p, stop := o.start(more)
	for i := range 100 {
		if d := p.screen(fmt.Sprint(13900000000+i), false); d.Failed != nil {
			t.Fatal(d.Failed)
		}
	}
	for range 2 {
		if d := p.screen("13900000100", false); screening.FailureReason(d.Failed) != "budget" || d.Verdict.Action != screening.Allow || sim.Queries() != 100 {
			t.Errorf("the 101st number: %v, %v after %d queries", d.Verdict.Action, d.Failed, sim.Queries())
		}
		p.wantFigures(t, map[string]float64{
			"quota_left day": 0, "directory_up juhe": 0, "directory_stopped juhe budget": 1, "unscreened_total budget": 1, "directory_unscreened juhe": 1,
		})
		if n, counted := p.figures(t)["directory_seconds juhe budget"]; counted {
			t.Errorf("%v queries that were not sent are timed", n)
		}
		c := p.check("juhe")
		if want := "numbers are not looked up: juhe: budget of 100 queries a day is spent; failing since "; c.Status != "degraded" || !strings.HasPrefix(c.Reason, want) {
			t.Errorf("health = %+v", c)
		}
		if log := o.log.String(); !strings.Contains(log, "juhe: budget stops queries") || !strings.Contains(log, p.juhe.State().Detail) {
			t.Errorf("log = %s", log)
		}
		if d := p.screen("13900000000", false); d.Source != screening.SourceCache {
			t.Errorf("a number that was paid for: %s, %v", d.Source, d.Failed)
		}
		stop()
		p, stop = o.start(more)
	}
	if log := o.log.String(); strings.Count(log, "juhe: budget is low") != 1 {
		t.Errorf("log = %s; want to be told once that it is low", log)
	}
}
