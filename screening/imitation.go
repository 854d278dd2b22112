package screening

import (
	"regexp"
	"strings"
	"unicode"
)

// StripLabel returns a caller's own name without what could be taken for a label
// of the policy in front of it ("快递×12 Bob" becomes "Bob"), and whether there
// was any. It finds what a label would be with all its parts, however it is
// spaced or disguised by full-width or invisible characters; what is left has
// then lost those too. A template that any name could come from, such as
// "{label}", tells nothing and finds nothing. name may be no UTF-8.
func (p *Policy) StripLabel(name string) (rest string, found bool) {
	rest = CleanText(timesSigns.Replace(name), maxText)
	for p.stripOne(&rest) {
		found = true
	}
	if !found {
		return name, false
	}
	return rest, true
}

// StripLabel is [Policy.StripLabel] of the policy in force.
func (e *Engine) StripLabel(name string) (rest string, found bool) {
	return e.policy.Load().StripLabel(name)
}

func (p *Policy) stripOne(name *string) bool {
	var last [2]*Template // most rules share theirs
	for i := 0; i <= len(p.rules); i++ {
		o := &p.fallback.outcome
		if i < len(p.rules) {
			o = &p.rules[i].outcome
		}
		for j, t := range [...]*Template{o.template, o.ascii} {
			if t == nil || t == last[j] || t.imitation == nil {
				continue
			}
			last[j] = t
			if at := t.imitation.FindStringIndex(*name); at != nil {
				*name = (*name)[at[1]:]
				return true
			}
		}
	}
	return false
}

// timesSigns turns what looks like a × into one.
var timesSigns = strings.NewReplacer("✕", "×", "✖", "×", "⨯", "×", "⨉", "×", "╳", "×", "х", "×", "*", "×", "＊", "×")

// labelWords are what number-tag services call callers. Any other word in front
// of a × may be a name: a branch office writes "王×3".
const labelWords = "[^ ]{0,6}(?:骚扰|推销|广告|营销|中介|快递|送餐|外卖|诈骗|欺诈|招聘|猎头|出租车|司机|贷款|保险|理财|spam|scam|fraud|sales)[^ ×]{0,4}"

// imitationOf compiles what a label of the parts looks like in front of a name;
// nil when any name could look so.
func imitationOf(parts []part) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("(?i)^")
	telling := false
	for i, p := range parts {
		switch p.name {
		case "":
			counts := i+1 < len(parts) && parts[i+1].name == "marks" && strings.HasSuffix(strings.TrimRight(p.text, " "), "×")
			telling = telling || counts || strings.ContainsFunc(p.text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
			b.WriteString(literal(p.text))
		case "marks":
			b.WriteString("[0-9]+")
		case "label":
			b.WriteString(labelWords)
		default:
			b.WriteString(".{1,40}?")
		}
	}
	if !telling {
		return nil
	}
	return regexp.MustCompile(b.String() + "(?: |$)")
}

// literal returns the pattern of a label's own text, whose × callers may write
// as an x and with blanks around it.
func literal(text string) string {
	quoted := regexp.QuoteMeta(text)
	return strings.ReplaceAll(quoted, "×", " ?[×x] ?")
}
