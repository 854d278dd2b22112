package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"callscreen/screening"
)

// verdict returns the error that says that nothing is known, or why.
func (f lookedUp) verdict(offline bool) error {
	n := screening.Number{Country: f.Country, Digits: f.Number, Class: screening.Class(f.Class)}
	switch {
	case f.Failed == "key":
		return exitWith(exitConfiguration, errors.New(f.Error))
	case f.Failed == "request":
		return exitWith(exitFailed, errors.New(f.Error))
	case f.Failed != "":
		return exitWith(exitUpstream, errors.New(f.Error))
	case !n.Screenable():
		return exitWith(exitNothingFound, errors.New("not asked: nobody can know such a number"))
	case offline && f.Source == string(screening.SourceNone):
		return exitWith(exitNothingFound, errors.New("nothing is remembered of this number"))
	case !f.Known:
		return exitWith(exitNothingFound, errors.New("nothing is known of this number"))
	}
	return nil
}

// table writes keys and values in two columns, without those that say nothing.
type table struct{ *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

func (t table) row(key, value string) {
	if value != "" {
		fmt.Fprintf(t, "%s\t%s\n", key, printable(value)) // Flush tells of errors
	}
}

func (f lookedUp) print(w io.Writer) error {
	t := newTable(w)
	t.row("number", f.Number)
	t.row("country", f.Country)
	t.row("class", class(screening.Number{Class: screening.Class(f.Class)}))
	f.knowledge.rows(t)
	t.row("from", f.from())
	for _, s := range f.Asked {
		t.row("asked", s.text())
	}
	t.row("cost", f.cost())
	return t.Flush()
}

func (k knowledge) rows(t table) {
	t.row("category", k.Category)
	t.row("label", k.Label)
	if k.Marks > 0 {
		t.row("marks", fmt.Sprint(k.Marks))
	}
	t.row("name", k.Name)
	t.row("description", k.Description)
	t.row("place", k.Place)
	t.row("kinds", strings.Join(k.Kinds, ", "))
	t.row("financial", strings.Join(k.Financial, ", "))
}

// from says where the answer came from.
func (f lookedUp) from() string {
	who := f.Directory
	if who == "" {
		who = "nobody knows"
	}
	age := short(time.Duration(f.Age) * time.Second)
	switch screening.Source(f.Source) {
	case screening.SourceList:
		return "the own list"
	case screening.SourceCache:
		return who + ", remembered for " + age
	case screening.SourceStale:
		return who + ", remembered for " + age + ", past its time"
	case screening.SourceQuery:
		return who + ", asked now"
	}
	return ""
}

func (s said) text() string {
	text := s.Directory + ": " + s.Result
	if s.Queries == 0 {
		text += ", not asked"
	}
	return fmt.Sprintf("%s, %.0f ms", text, s.Took)
}

func (f lookedUp) cost() string {
	if f.Queries == 0 {
		return "no query"
	}
	queries := "1 query"
	if f.Queries > 1 {
		queries = fmt.Sprintf("%d queries", f.Queries)
	}
	return fmt.Sprintf("%s, %.0f ms", queries, f.Took)
}

func class(n screening.Number) string {
	if n.Class == screening.ClassInvalid {
		return "no number"
	}
	return string(n.Class)
}

func (f lookedUp) printJSON(w io.Writer) error { return printJSON(w, f) }
