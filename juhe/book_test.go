package juhe

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestBookKeepsEverything(t *testing.T) {
	b := &book{Days: map[string]tally{"2026-11-24": {3, 1}, "2026-11-25": {0, 0}}, Behind: "2026-11-24"}
	var file bytes.Buffer
	if err := b.write(&file); err != nil {
		t.Fatal(err)
	}
	if got, err := readBook(&file); err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("readBook = %+v, %v; want %+v", got, err, b)
	}
}

func TestBookRefuses(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{}", `{"days":{"x":{}}}`, `{"days":{"2026-13-01":{}}}`, `{"days":{"2026-11-25":{"billed":-1}}}`, `{"days":`} {
		if b, err := readBook(strings.NewReader(text)); err == nil {
			t.Errorf("readBook(%s) = %+v, want an error", text, b)
		}
	}
}

func TestBookStaysSmall(t *testing.T) {
	b := &book{Days: map[string]tally{}}
	for month := range 24 {
		for day := range 28 {
			b.open(fmt.Sprintf("%d-%02d-%02d", 2026+month/12, 1+month%12, 1+day))
		}
	}
	if len(b.Days) != maxDays || b.dates()[maxDays-1] != "2027-12-28" {
		t.Errorf("%d days, the last is %s", len(b.Days), b.dates()[maxDays-1])
	}
}

// TestBookUnderAWrongClock goes through dates as a clock shows them, spends ten
// queries on each, and holds how many count for the day and for the month.
func TestBookUnderAWrongClock(t *testing.T) {
	type at struct {
		date       string
		day, month int
	}
	tests := map[string][]at{
		"right":                     {{"2026-11-24", 10, 10}, {"2026-11-25", 10, 20}, {"2026-12-01", 10, 10}},
		"back over midnight":        {{"2026-11-25", 10, 10}, {"2026-11-24", 20, 20}, {"2026-11-25", 20, 30}, {"2026-11-26", 10, 40}},
		"back over the month":       {{"2026-12-01", 10, 10}, {"2026-11-30", 20, 20}, {"2026-12-01", 20, 20}},
		"ahead by a year, and back": {{"2026-11-25", 10, 10}, {"2027-11-25", 10, 10}, {"2026-11-25", 30, 30}, {"2026-11-26", 10, 40}, {"2026-12-01", 10, 10}},
		"back by a year, and ahead": {{"2026-11-25", 10, 10}, {"2025-11-25", 20, 20}, {"2026-11-25", 20, 20}, {"2026-11-26", 10, 30}},
		"no clock at start":         {{"2026-11-25", 10, 10}, {"1970-01-01", 20, 20}, {"1970-01-01", 30, 30}, {"2026-11-25", 20, 20}, {"2026-11-26", 10, 30}},
		"back further, and further": {{"2026-11-25", 10, 10}, {"2026-11-20", 20, 20}, {"2026-11-10", 30, 30}, {"2026-11-11", 10, 40}},
	}
	for name, path := range tests {
		b := &book{Days: map[string]tally{}}
		for i, p := range path {
			b.open(p.date)
			b.add(p.date, 10, 0)
			day, month := b.since(p.date).Billed, b.since(monthOf(p.date)).Billed
			if day != p.day || month != p.month {
				t.Errorf("%s: step %d, %s: %d and %d, want %d and %d", name, i, p.date, day, month, p.day, p.month)
			}
		}
	}
}
