package screening

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"callscreen/screening/strictyaml"
)

// calendarFile is a calendar as it is written, in a policy and in the files that
// this names.
type calendarFile struct {
	Files []string `yaml:"files,one"`
	daysFile
}

type daysFile struct {
	Holidays []string `yaml:"holidays,one"` // days off: 2027-01-01, 2027-02-05..2027-02-12
	Workdays []string `yaml:"workdays,one"` // Saturdays and Sundays that are worked
}

// calendar compiles the days of a policy and of the files that it names.
func (c *compiler) calendar(f *calendarFile) calendar {
	days, path := calendar{}, []any{"calendar"}
	days.add(&f.daysFile, func(text, hint string, steps ...any) { c.report(under(path, steps...), text, hint) })
	for i, name := range f.Files {
		data, ok := c.file(name, under(path, "files", i))
		if !ok {
			continue
		}
		var in daysFile
		doc := strictyaml.Decode(name, data, &in)
		days.add(&in, doc.Report)
		c.add(doc)
	}
	return days
}

// add adds days, and reports those that are none.
func (c calendar) add(f *daysFile, report func(text, hint string, path ...any)) {
	for _, kind := range []struct {
		key  string
		days []string
		off  bool
	}{{"holidays", f.Holidays, true}, {"workdays", f.Workdays, false}} {
		for i, text := range kind.days {
			if err := c.addDays(text, kind.off); err != "" {
				report(kind.key+" "+strconv.Quote(text)+" "+err, "write it as in 2027-02-05 or 2027-02-05..2027-02-12", kind.key, i)
			}
		}
	}
}

// longestHoliday bounds how many days one line of a calendar may stand for.
const longestHoliday = 100

// addDays adds a day or a range of days, and says what is wrong with it.
func (c calendar) addDays(text string, off bool) string {
	first, last, ok := readDays(text)
	if !ok {
		return "is no day of a year"
	}
	if last.Before(first) || last.Sub(first).Hours() > 24*longestHoliday {
		return fmt.Sprintf("is no range of at most %d days", longestHoliday)
	}
	for at := first; !at.After(last); at = at.AddDate(0, 0, 1) {
		day := dayOf(at.Date())
		if was, twice := c[day]; twice && was != off {
			return fmt.Sprintf("has %s both off and worked", at.Format("2006-01-02"))
		}
		c[day] = off
	}
	return ""
}

// sum adds the SHA-256 of data to sums.
func sum(sums, data []byte) []byte {
	s := sha256.Sum256(data)
	return append(sums, s[:]...)
}
