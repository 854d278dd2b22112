package screening

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // a policy means the same on a machine without a database of zones
)

// defaultZone is the time zone of a policy that names none. It is fixed, and not
// the machine's, so that a container that runs in UTC opens no office at 16:00.
const defaultZone = "Asia/Shanghai"

// yearDay is what a day is counted by: 20270103 is 3 January 2027, and what is
// left of it without the year is 103.
const yearDay = 10000

// moment is the time of a call in the policy's zone.
type moment struct {
	minute  int  // of the day
	day     int  // 20270103
	weekday int  // 0 is Sunday
	holiday bool // the calendar has the day off
	workday bool // Monday to Friday unless the calendar says otherwise
}

// calendar holds the days that are not what their weekday says; true is a day
// off, false a make-up workday.
type calendar map[int]bool

func (c calendar) moment(at time.Time) moment {
	year, month, day := at.Date()
	m := moment{minute: at.Hour()*60 + at.Minute(), day: dayOf(year, month, day), weekday: int(at.Weekday())}
	off, special := c[m.day]
	m.holiday = off
	m.workday = !off && (special || at.Weekday() != time.Saturday && at.Weekday() != time.Sunday)
	return m
}

func dayOf(year int, month time.Month, day int) int { return year*yearDay + int(month)*100 + day }

// weekdays are the words for them, in the order of [time.Weekday].
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// addWeekday takes "mon" and "mon-fri"; "sat-mon" goes over the end of the week.
func addWeekday(t *term, text string) error {
	from, to, ranged := strings.Cut(text, "-")
	if !ranged {
		to = from
	}
	for _, w := range []string{from, to} {
		if err := oneOf(weekdays, w); err != nil {
			return err
		}
	}
	last := slices.Index(weekdays, to)
	for day := slices.Index(weekdays, from); ; day = (day + 1) % len(weekdays) {
		if t.allow(day); day == last {
			return nil
		}
	}
}

var clockRange = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$`)

// addTime takes "08:30-18:00", the end not included. "18:00-08:30" goes over
// midnight.
func addTime(t *term, text string) error {
	m := clockRange.FindStringSubmatch(text)
	if m == nil {
		return errors.New("is no time of day: write from and to, as in 08:30-18:00 or 22:00-06:00")
	}
	const midnight = 24 * 60
	from, to := minuteOf(m[1], m[2]), minuteOf(m[3], m[4])
	switch {
	case to > midnight:
		return errors.New("ends after midnight: write 24:00 at the latest, or as in 22:00-06:00")
	case from == to:
		return errors.New("is empty: write an end that differs from the start, or remove the key for all day")
	case from < to:
		t.spans = append(t.spans, span{from, to - 1})
	default:
		t.spans = append(t.spans, span{from, midnight - 1})
		if to > 0 {
			t.spans = append(t.spans, span{0, to - 1})
		}
	}
	return nil
}

// minuteOf counts two digits each of hours and minutes.
func minuteOf(hour, minute string) int { return pair(hour)*60 + pair(minute) }

// addDate takes "2027-02-05", "2027-02-05..2027-02-12", and without the year
// "12-25" and "12-24..01-02" for every year.
func addDate(t *term, text string) error {
	from, to, ranged := strings.Cut(text, "..")
	if !ranged {
		to = from
	}
	first, err1 := readDay(from)
	last, err2 := readDay(to)
	switch yearly := first < yearDay; {
	case err1 != nil || err2 != nil, yearly != (last < yearDay):
		return errors.New("is no date: write it as in 2027-02-05, 2027-02-05..2027-02-12, 12-25 or 12-24..01-02")
	case first <= last:
		t.spans = append(t.spans, span{first, last})
	case yearly:
		t.spans = append(t.spans, span{first, yearDay - 1}, span{0, last})
	default:
		return fmt.Errorf("ends before it begins: write %s..%s", to, from)
	}
	return nil
}

// readDay reads a date with its year, or without it for every year.
func readDay(text string) (int, error) {
	if at, err := time.Parse("2006-01-02", text); err == nil {
		return dayOf(at.Date()), nil
	}
	at, err := time.Parse("2006-01-02", "2024-"+text) // a leap year, for 02-29
	return dayOf(at.Date()) % yearDay, err
}

// readDays reads a day with its year, or a range of such days.
func readDays(text string) (first, last time.Time, ok bool) {
	from, to, ranged := strings.Cut(text, "..")
	if !ranged {
		to = from
	}
	first, err1 := time.Parse("2006-01-02", from)
	last, err2 := time.Parse("2006-01-02", to)
	return first, last, err1 == nil && err2 == nil
}

// readExpiry reads the end of an entry or a rule: a day, which it lasts to the end
// of, or a day and a time.
func readExpiry(text string, zone *time.Location) (time.Time, error) {
	if at, err := time.ParseInLocation("2006-01-02", text, zone); err == nil {
		return at.AddDate(0, 0, 1), nil
	}
	for _, layout := range []string{"2006-01-02 15:04", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("is no date: write its last day as in 2027-03-31, or a time as in 2027-03-31 18:00")
}
