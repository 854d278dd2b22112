package screening

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"callscreen/screening/strictyaml"
)

// remark is something odd about a policy that is no error.
type remark struct {
	strictyaml.Error
	from int64 // Unix second from which it is true
	list *List // the list that it is about, whose entries end by and by
}

// Warnings returns what is odd about the policy at a time, by place: a rule that
// can never match since one above takes all of its calls, a list that is empty or
// that nobody asks for, a rule or an entry that has ended, a calendar without the
// year. None of it keeps a policy from being used.
func (p *Policy) Warnings(now time.Time) strictyaml.Errors {
	var all strictyaml.Errors
	for _, r := range p.remarks {
		e, text := r.Error, ""
		switch {
		case r.list != nil:
			text, e.Hint = r.list.oddity(now.Unix())
		case r.from <= now.Unix():
			text = e.Text
		}
		if e.Text = text; text != "" {
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b strictyaml.Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return all
}

// oddity says what is odd about a list, and what to do.
func (l *List) oddity(now int64) (text, hint string) {
	switch gone := l.expired(now); {
	case len(l.entries) == 0:
		return "the list is empty", "write numbers, or remove it"
	case gone == 1:
		return "1 entry of the list has expired", "remove it, or give it a new date"
	case gone > 1:
		return fmt.Sprintf("%d entries of the list have expired", gone), "remove them, or give them a new date"
	}
	return "", ""
}

func (c *compiler) remark(path []any, text, hint string) {
	c.remarks = append(c.remarks, remark{Error: c.doc.Remark(text, hint, path...)})
}

// overlooked remarks on what nobody can have meant.
func (c *compiler) overlooked(p *Policy, f *policyFile) {
	for i := range p.rules {
		path := []any{"rules", i}
		if above := p.takerOf(i); above != nil {
			c.remark(path, fmt.Sprintf("rule %q can never match", p.rules[i].id),
				fmt.Sprintf("rule %q above takes all of its calls: move this one up, or remove it", above.id))
		}
		if until := p.rules[i].until; until != 0 {
			c.remark(under(path, "expires"), fmt.Sprintf("rule %q has expired", p.rules[i].id), "remove it, or give it a new date")
			c.remarks[len(c.remarks)-1].from = until
		}
	}
	for _, name := range c.listNames() {
		if !c.lists[name].used {
			c.remark([]any{"lists", name}, "no rule asks for list "+strconv.Quote(name), "write list: "+name+" or called_list: "+name+" in a rule, or remove it")
		}
	}
	c.outdated(p)
}

// outdated remarks on rules that ask for days off and a calendar that has none to
// come.
func (c *compiler) outdated(p *Policy) {
	for i := range p.rules {
		if !asksCalendar(p.rules[i].when) {
			continue
		}
		path := []any{"rules", i, "when"}
		if len(p.calendar) == 0 {
			c.remark(path, "there is no calendar to know days off by", "write calendar: with files, or with holidays and workdays")
			return
		}
		year := slices.Max(slices.Collect(maps.Keys(p.calendar))) / yearDay
		c.remark([]any{"calendar"}, fmt.Sprintf("the calendar ends with %d", year), "add the days off of the new year")
		c.remarks[len(c.remarks)-1].from = time.Date(year+1, 1, 1, 0, 0, 0, 0, p.zone).Unix()
		return
	}
}

func asksCalendar(c condition) bool {
	return slices.ContainsFunc(c.all, func(t term) bool {
		return t.key == keyHoliday || t.key == keyWorkday || slices.ContainsFunc(t.inner, asksCalendar)
	})
}

// takerOf returns the first rule above rule i that matches whenever it does.
func (p *Policy) takerOf(i int) *rule {
	for k := range p.rules[:i] {
		above := &p.rules[k]
		if !above.shadow && above.until == 0 && implied(above.when.all, p.rules[i].when.all) {
			return above
		}
	}
	return nil
}

// implied reports whether all of wide is certain to hold where all of narrow does.
func implied(wide, narrow []term) bool {
	for i := range wide {
		if !slices.ContainsFunc(narrow, func(t term) bool { return wide[i].covers(&t) }) {
			return false
		}
	}
	return true
}

// covers reports whether t is certain to hold where other does.
func (t *term) covers(other *term) bool {
	if t.key != other.key || t.want != other.want {
		return false
	}
	switch {
	case t.key >= keyAll:
		return false // what is nested is not compared
	case t.key == keyWeCalled:
		return t.within >= other.within
	case t.key == keyCalls:
		// More calls fit into more time, so only the least number counts.
		return t.within >= other.within && t.spans[0].high == math.MaxInt && t.coversSpans(other)
	case len(t.spans) > 0:
		return t.coversSpans(other)
	}
	if _, ok := groupOf(t.key); ok {
		return other.traits&^t.traits == 0
	}
	for _, v := range other.values {
		if !slices.Contains(t.values, v) {
			return false
		}
	}
	return true
}

// coversSpans reports whether each span of other lies within one of t.
func (t *term) coversSpans(other *term) bool {
	for _, o := range other.spans {
		if !slices.ContainsFunc(t.spans, func(s span) bool { return s.low <= o.low && o.high <= s.high }) {
			return false
		}
	}
	return true
}
