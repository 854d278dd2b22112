package main

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestRecordOff(t *testing.T) {
	if c := new(record).check(); c.Fault != "" || c.Detail != "off" {
		t.Errorf("check = %+v; want off, and no fault", c)
	}
}

// TestHealthTellsWhatTheRecordMisses: that the database is gone, since when, why,
// and how much waits for it.
func TestHealthTellsWhatTheRecordMisses(t *testing.T) {
	o := newOffice(t)
	p, _ := o.run(o.withRecord(`{file: off, database: "postgres://u:topsecret@127.0.0.1:1/d"}`))
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	if c := p.record.check(); c.Fault != "" {
		t.Errorf("check = %+v at once; want that it waits a little", c)
	}
	if !eventually(func() bool { return p.record.check().Fault != "" && p.record.store.State().Spooled > 0 }) {
		t.Fatalf("check = %+v; want a fault", p.record.check())
	}
	c, spooled := p.record.check(), p.record.store.State().Spooled
	if !strings.Contains(c.Fault, "refused") || !strings.HasSuffix(c.Fault, fmt.Sprintf("; %d bytes wait in the spool", spooled)) || time.Since(c.Since) > patience {
		t.Errorf("check = %+v; want why, since when and %d bytes", c, spooled)
	}
	if strings.Contains(c.Fault, "topsecret") {
		t.Errorf("check tells the password: %s", c.Fault)
	}
	got := p.record.figures(t)
	if got["callscreen_record_database_up"] != 0 || got["callscreen_record_spool_bytes"] != float64(spooled) {
		t.Errorf("metrics %v; want a database that is down, and %d bytes", got, spooled)
	}
}

// figures are the metrics of the record: "name to".
func (r *record) figures(t *testing.T) map[string]float64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry() // holds Collect against Describe
	registry.MustRegister(r)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			all[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return all
}

func TestHealthTellsWhatIsLost(t *testing.T) {
	for _, tt := range []struct {
		name            string
		lost            uint64
		ago             time.Duration
		faults, details int
	}{
		{"nothing", 0, 0, 0, 0},
		{"just now", 3, time.Second, 1, 0},
		{"long ago", 3, 2 * time.Hour, 0, 1},
	} {
		faults, details := told(nil, nil, "lines", tt.lost, time.Now().Add(-tt.ago), "no space left on device")
		if len(faults) != tt.faults || len(details) != tt.details {
			t.Errorf("%s lost: faults %q, details %q; want %d and %d", tt.name, faults, details, tt.faults, tt.details)
		}
		if len(faults) == 1 && !strings.Contains(faults[0], "3 lines lost") {
			t.Errorf("fault %q; want how many are lost", faults[0])
		}
	}
}

func TestRecordIsCounted(t *testing.T) {
	o := newOffice(t)
	p, _ := o.start("")
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	ok := eventually(func() bool { return p.record.lines.State().Written == 1 && p.record.store.State().Written == 1 })
	if !ok {
		t.Errorf("lines %+v, database %+v; want a call written in each", p.record.lines.State(), p.record.store.State())
	}
	if c := p.record.check(); c.Fault != "" || c.Detail != "database, lines" {
		t.Errorf("check = %+v; want database and lines, and no fault", c)
	}
	want := map[string]float64{
		"callscreen_record_written_total lines": 1, "callscreen_record_written_total database": 1, "callscreen_record_database_up": 1,
		"callscreen_record_lost_total lines": 0, "callscreen_record_lost_total database": 0, "callscreen_record_spool_bytes": 0,
		"callscreen_record_queue lines": 0, "callscreen_record_queue database": 0,
	}
	if got := p.record.figures(t); !maps.Equal(got, want) {
		t.Errorf("metrics %v; want %v", got, want)
	}
}
