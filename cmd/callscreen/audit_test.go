package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptFound waits until the record holds a call: found SEARCH-FLAG...
func scriptFound(ts *testscript.TestScript, neg bool, args []string) {
	found := eventually(func() bool { return ts.Exec("callscreen", append([]string{"audit", "search"}, args...)...) == nil })
	if found == neg {
		ts.Fatalf("audit search %s found %v", strings.Join(args, " "), found)
	}
}

func TestTimesOfFlags(t *testing.T) {
	zone := time.FixedZone("CST", 8*3600)
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, zone)
	for _, tt := range []struct{ since, until, from, to string }{
		{"", "", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		{"7d", "1h30m", "2026-11-18T10:00:00+08:00", "2026-11-25T08:30:00+08:00"},
		{"2026-11-24", "2026-11-24", "2026-11-24T00:00:00+08:00", "2026-11-25T00:00:00+08:00"},
		{"2026-11-24 09:30", "2026-11-24T09:30:15", "2026-11-24T09:30:00+08:00", "2026-11-24T09:30:15+08:00"},
		{"2026-11-24T09:30:00Z", "2026-11-24 09:30:15", "2026-11-24T09:30:00Z", "2026-11-24T09:30:15+08:00"},
	} {
		from, to, err := period(tt.since, tt.until, now)
		if err != nil || from.Format(time.RFC3339) != tt.from || to.Format(time.RFC3339) != tt.to {
			t.Errorf("period(%q, %q) = %v, %v, %v; want %s, %s", tt.since, tt.until, from, to, err, tt.from, tt.to)
		}
	}
	for _, bad := range []string{"yesterday", "-1h", "2026-13-01", "7"} {
		if _, _, err := period("", bad, now); exitCode(err) != exitUsage {
			t.Errorf("period of %q = %v; want an error of usage", bad, err)
		}
	}
}
