package screening

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The naive evaluator: a policy as its parts are written, judged from the text of
// each part at every call, with nothing compiled, indexed or shared with the code
// under test but Normalize and FailureReason.

type naivePolicy struct {
	zone           string
	days           map[string]bool // 2026-10-01: true is off, false is worked
	allow, block   []naiveEntry
	blockOverrides bool
	lists          map[string][]naiveEntry
	rules          []naiveRule
}

type naiveEntry struct{ number, expires string }

type naiveRule struct {
	when             naiveCondition
	action           string // "allow", "tag", "tag, label: 外呼", "reject", …
	shadow, override bool
	expires          string
}

type naiveCondition []naiveTerm

type naiveTerm struct {
	key    string
	values []string
	inner  []naiveCondition
}

// text writes the policy as a file. Every value is quoted.
func (p *naivePolicy) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "mode: enforce\ntime_zone: %s\ncalendar:\n  holidays: %s\n  workdays: %s\n", p.zone, p.daysText(true), p.daysText(false))
	fmt.Fprintf(&b, "allow: %s\nblock: {entries: %s, even_if_never_reject: %v}\nlists:\n", entriesText(p.allow), entriesText(p.block), p.blockOverrides)
	for _, name := range sortedKeys(p.lists) {
		fmt.Fprintf(&b, "  %s: %s\n", name, entriesText(p.lists[name]))
	}
	b.WriteString("rules:\n")
	for i, r := range p.rules {
		fmt.Fprintf(&b, "- {id: r%d, action: %s", i, r.action)
		if r.shadow {
			b.WriteString(", shadow: true")
		}
		if r.override {
			b.WriteString(", even_if_never_reject: true")
		}
		if r.expires != "" {
			fmt.Fprintf(&b, ", expires: '%s'", r.expires)
		}
		if len(r.when) > 0 {
			fmt.Fprintf(&b, ", when: %s", r.when.text())
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func (p *naivePolicy) daysText(off bool) string {
	var all []string
	for _, d := range sortedKeys(p.days) {
		if p.days[d] == off {
			all = append(all, "'"+d+"'")
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func entriesText(entries []naiveEntry) string {
	all := make([]string, len(entries))
	for i, e := range entries {
		all[i] = fmt.Sprintf("{number: '%s'}", e.number)
		if e.expires != "" {
			all[i] = fmt.Sprintf("{number: '%s', expires: '%s'}", e.number, e.expires)
		}
	}
	return "[" + strings.Join(all, ", ") + "]"
}

func (c naiveCondition) text() string {
	terms := make([]string, len(c))
	for i, t := range c {
		switch {
		case t.inner != nil:
			inner := make([]string, len(t.inner))
			for k := range t.inner {
				inner[k] = t.inner[k].text()
			}
			terms[i] = t.key + ": [" + strings.Join(inner, ", ") + "]"
		case t.key == "calls":
			terms[i] = fmt.Sprintf("calls: {count: '%s', within: %s, to: %s}", t.values[0], t.values[1], t.values[2])
		case t.values[0] == "true" || t.values[0] == "false" || t.key == "we_called":
			terms[i] = t.key + ": " + t.values[0]
		default:
			terms[i] = t.key + ": ['" + strings.Join(t.values, "', '") + "']"
		}
	}
	return "{" + strings.Join(terms, ", ") + "}"
}

// outcome returns the rule that decides, with "never-reject" and the lists.
func (p *naivePolicy) outcome(f Facts, shadows bool) string {
	rings := slices.Contains([]string{"110", "112", "119", "120", "122", "96110", "12110", "12345", "12381"}, f.Number.Digits) && f.Number.Country == "86"
	if p.onList(p.allow, f.Number.Digits, f.Call.At) {
		if rings {
			return RuleNeverReject
		}
		return RuleAllowList
	}
	if p.onList(p.block, f.Number.Digits, f.Call.At) {
		if rings && !p.blockOverrides {
			return RuleNeverReject
		}
		return RuleBlockList
	}
	for i, r := range p.rules {
		if r.shadow && !shadows || p.over(r.expires, f.Call.At) || p.condition(r.when, f) != yes {
			continue
		}
		if rings && !r.override {
			return RuleNeverReject
		}
		return "r" + strconv.Itoa(i)
	}
	if rings {
		return RuleNeverReject
	}
	return RuleDefault
}

// outcomes returns every rule that may decide f before the reputation is known.
func (p *naivePolicy) outcomes(f Facts, shadows bool) []string {
	none := naivePolicy{zone: p.zone, days: p.days, allow: p.allow, block: p.block, blockOverrides: p.blockOverrides}
	first := none.outcome(f, shadows)
	if first == RuleAllowList || first == RuleBlockList || p.onList(p.allow, f.Number.Digits, f.Call.At) || p.onList(p.block, f.Number.Digits, f.Call.At) {
		return []string{first}
	}
	rings := first == RuleNeverReject
	var all []string
	for i, r := range p.rules {
		is := p.unknown(r.when, f)
		if r.shadow && !shadows || p.over(r.expires, f.Call.At) || is == no {
			continue
		}
		name := "r" + strconv.Itoa(i)
		if rings && !r.override {
			name = RuleNeverReject
		} else if r.action == "tag" {
			name += " with a label of the answer"
		}
		if all = append(all, name); is == yes {
			return all
		}
	}
	return append(all, first)
}

// needsLookup reports whether an answer could change anything.
func (p *naivePolicy) needsLookup(f Facts) bool {
	if !f.Number.Screenable() {
		return false
	}
	for _, shadows := range []bool{false, true} {
		all := p.outcomes(f, shadows)
		slices.Sort(all)
		if all = slices.Compact(all); len(all) > 1 || strings.HasSuffix(all[0], "answer") {
			return true
		}
	}
	return false
}

var reputedKeys = []string{
	"category", "marks", "label", "province", "city", "carrier", "place", "name", "description", "catnames", "itag_ids", "age", "lookup_failed",
}

// unknown judges a condition before the reputation is known.
func (p *naivePolicy) unknown(c naiveCondition, f Facts) truth {
	result := yes
	for _, t := range c {
		is := no
		switch {
		case slices.Contains(reputedKeys, t.key):
			is = maybe
		case t.inner == nil:
			is = truthOf(p.term(t, f))
		case t.key == "all":
			is = yes
			for _, inner := range t.inner {
				is = min(is, p.unknown(inner, f))
			}
		default:
			for _, inner := range t.inner {
				is = max(is, p.unknown(inner, f))
			}
			if t.key == "not" {
				is = yes - is
			}
		}
		result = min(result, is)
	}
	return result
}

func (p *naivePolicy) condition(c naiveCondition, f Facts) truth {
	for _, t := range c {
		if !p.term(t, f) {
			return no
		}
	}
	return yes
}

func (p *naivePolicy) term(t naiveTerm, f Facts) bool {
	holding := 0
	for _, inner := range t.inner {
		if p.condition(inner, f) == yes {
			holding++
		}
	}
	switch t.key {
	case "all":
		return holding == len(t.inner)
	case "any":
		return holding > 0
	case "not":
		return holding == 0
	case "calls":
		return p.calls(t, f)
	}
	return slices.ContainsFunc(t.values, func(v string) bool { return p.value(t.key, v, f) })
}

func (p *naivePolicy) calls(t naiveTerm, f Facts) bool {
	within, err := time.ParseDuration(t.values[1])
	if err != nil {
		panic(err)
	}
	n := 1
	for _, c := range f.Past.Calls {
		if c.Ago <= within && (c.Same || t.values[2] == "any") {
			n++
		}
	}
	return compares(n, t.values[0])
}

func compares(n int, text string) bool {
	relation := strings.TrimRight(text, "0123456789")
	than, err := strconv.Atoi(strings.TrimPrefix(text, relation))
	if err != nil {
		panic(err)
	}
	return map[string]bool{">=": n >= than, ">": n > than, "<=": n <= than, "<": n < than, "==": n == than}[relation]
}
