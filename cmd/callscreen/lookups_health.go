package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"callscreen/console"
	"callscreen/juhe"
	"callscreen/screening/strictyaml"
)

// checkLookups tells how whom callers are looked up with stands, each under its name.
func (p *process) checkLookups() []console.Check {
	var all []console.Check
	if p.own != nil {
		all = append(all, p.checkOwn())
	}
	for _, w := range p.wrong {
		if w.directory != ownName {
			all = append(all, console.Check{Name: w.directory, Fault: "not asked: " + w.Error() + "; then restart"})
		}
	}
	if p.juhe == nil && p.c.asksJuhe() && !p.lacks(juhe.Name) {
		all = append(all, console.Check{Name: juhe.Name, Fault: "there is no key: " + p.withoutJuhe() + "; write key_file under juhe"})
	}
	for name, g := range p.guarded {
		c := console.Check{Name: name}
		if s := g.State(); s.Reason != "" {
			c.Fault, c.Since = "numbers are not looked up: "+s.String(), s.Since
		}
		if name == juhe.Name {
			c = withSpending(c, p.juhe.Spending())
		}
		all = append(all, c)
	}
	return all
}

// lacks reports whether a directory does without a file that it needs.
func (l *lookups) lacks(name string) bool {
	return slices.ContainsFunc(l.wrong, func(w wrongFile) bool { return w.directory == name })
}

// checkOwn tells that the office's own list is not in force as it is written.
func (p *process) checkOwn() console.Check {
	c := console.Check{Name: ownName, Detail: fmt.Sprintf("%d entries", p.own.Len())}
	err := p.own.Err()
	var wrong strictyaml.Errors
	switch {
	case errors.As(err, &wrong): // its text may hold numbers
		c.Fault = fmt.Sprintf("the own list cannot be used as it is, see the log about line %d; %d entries stay in force", wrong[0].Line, p.own.Len())
	case err != nil:
		c.Fault = fmt.Sprintf("the own list cannot be read, %d entries stay in force: %v", p.own.Len(), err)
	}
	return c
}

// withSpending adds what queries have cost, and that nobody will know it later.
func withSpending(c console.Check, s juhe.Spending) console.Check {
	c.Detail = fmt.Sprintf("%s today, %s this month", spentText(s.Day), spentText(s.Month))
	if s.Err != nil {
		c.Fault = strings.TrimPrefix(c.Fault+"; what is spent cannot be saved: "+s.Err.Error(), "; ")
	}
	return c
}

func spentText(s juhe.Spent) string {
	switch {
	case s.Limit == 0:
		return fmt.Sprintf("%d queries", s.Billed)
	case s.Low():
		return fmt.Sprintf("%d of %d queries, nearly all,", s.Billed, s.Limit)
	}
	return fmt.Sprintf("%d of %d queries", s.Billed, s.Limit)
}
