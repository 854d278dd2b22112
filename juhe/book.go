package juhe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// maxDays bounds how many dates a book has: three months and some wrong ones.
const maxDays = 100

// book holds how many queries were sent, by date in Shanghai. Dates are keys as
// in "2026-11-25"; in their order one is before another.
//
// A clock that is set back gives nothing twice: what was spent on later dates
// counts for the earlier one, too, since it has been spent. Should the clock have
// been wrong by days that would go on until the date is reached again; so when a
// new date comes and there are still later ones, these move to the date on which
// they were first found to be later.
type book struct {
	Days   map[string]tally `json:"days"`
	Behind string           `json:"behind,omitempty"` // the date on which later ones were found
}

// tally is how many queries were sent.
type tally struct {
	Billed int `json:"billed"` // as far as one can know; see billed
	Free   int `json:"free"`
}

func dateOf(t time.Time) string { return t.In(shanghai).Format(time.DateOnly) }

func monthOf(date string) string { return date[:len("2026-11")] }

// since adds up what was sent on day, or in a month, and later.
func (b *book) since(day string) tally {
	var sum tally
	for date, t := range b.Days {
		if date >= day {
			sum.Billed += t.Billed
			sum.Free += t.Free
		}
	}
	return sum
}

// add changes the tally of a date, which may come when the date is over.
func (b *book) add(day string, billed, free int) {
	t := b.Days[day]
	b.Days[day] = tally{max(t.Billed+billed, 0), max(t.Free+free, 0)}
}

// open makes the book ready for today.
func (b *book) open(today string) {
	if _, ok := b.Days[today]; !ok {
		b.Days[today] = tally{}
	}
	later := slices.DeleteFunc(b.dates(), func(date string) bool { return date <= today })
	switch {
	case len(later) == 0:
		b.Behind = ""
	case b.Behind == "" || today < b.Behind:
		b.Behind = today
	case today > b.Behind:
		for _, date := range later {
			b.add(b.Behind, b.Days[date].Billed, b.Days[date].Free)
			delete(b.Days, date)
		}
		b.Behind = ""
	}
	if dates := b.dates(); len(dates) > maxDays {
		for _, date := range dates[:len(dates)-maxDays] {
			delete(b.Days, date)
		}
	}
}

func (b *book) dates() []string { return slices.Sorted(maps.Keys(b.Days)) }

// ahead returns a copy in which n more are billed today.
func (b *book) ahead(today string, n int) *book {
	c := &book{Days: maps.Clone(b.Days), Behind: b.Behind}
	c.add(today, n, 0)
	return c
}

func (b *book) write(w io.Writer) error { return json.NewEncoder(w).Encode(b) }

// readBook reads what write wrote.
func readBook(r io.Reader) (*book, error) {
	b := &book{}
	if err := json.NewDecoder(r).Decode(b); err != nil {
		return nil, fmt.Errorf("juhe: reading what was spent: %w", err)
	}
	if b.Days == nil {
		return nil, errors.New("juhe: reading what was spent: it holds no days")
	}
	for date, t := range b.Days {
		if _, err := time.Parse(time.DateOnly, date); err != nil || t.Billed < 0 || t.Free < 0 {
			return nil, errors.New("juhe: reading what was spent: a day makes no sense")
		}
	}
	return b, nil
}
