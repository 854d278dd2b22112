package screening

import (
	"regexp"
	"slices"
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
	if !slices.ContainsFunc(p.labels, func(t *Template) bool { return t.imitation.likely(name) }) {
		return name, false
	}
	return p.strip(name)
}

func (p *Policy) strip(name string) (rest string, found bool) {
	rest = CleanText(toTimes.Replace(name), maxText)
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
	for _, t := range p.labels {
		if at := t.imitation.pattern.FindStringIndex(*name); at != nil {
			*name = (*name)[at[1]:]
			return true
		}
	}
	return false
}

// tellingLabels returns the templates of a policy whose labels can be told from names.
func (p *Policy) tellingLabels() (labels []*Template) {
	add := func(r *rule) {
		for _, t := range [...]*Template{r.template, r.ascii} {
			if t != nil && t.imitation != nil && !slices.Contains(labels, t) { // most rules share theirs
				labels = append(labels, t)
			}
		}
	}
	for i := range p.rules {
		add(&p.rules[i])
	}
	add(&p.fallback)
	return labels
}

// timesSigns are what looks like a ×, each with the × that it counts as.
var timesSigns = []string{"✕", "×", "✖", "×", "⨯", "×", "⨉", "×", "╳", "×", "х", "×", "*", "×", "＊", "×"}

var toTimes = strings.NewReplacer(timesSigns...)

// imitation is what a label of a template looks like in front of a name.
type imitation struct {
	pattern *regexp.Regexp // of a name that is clean
	holds   []string       // any name that pattern finds, clean or not, has a character of each
}

// likely reports whether pattern may find a name, at a fraction of its price.
func (i *imitation) likely(name string) bool {
	for _, chars := range i.holds {
		if !strings.ContainsAny(name, chars) {
			return false
		}
	}
	return true
}

// disguises returns the characters that count as r in a name.
func disguises(r rune) string {
	all := string(r)
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		all += string(other)
	}
	for _, c := range all {
		if '!' <= c && c <= '~' {
			all += string(c - '!' + '！')
		}
	}
	if r == '×' {
		all += disguises('x') + strings.Join(timesSigns, "")
	}
	return all
}

// labelWords are what number-tag services call callers. Any other word in front
// of a × may be a name: a branch office writes "王×3".
const labelWords = "[^ ]{0,6}(?:骚扰|推销|广告|营销|中介|快递|送餐|外卖|诈骗|欺诈|招聘|猎头|出租车|司机|贷款|保险|理财|spam|scam|fraud|sales)[^ ×]{0,4}"

// imitationOf compiles what a label of the parts looks like in front of a name;
// nil when any name could look so.
func imitationOf(parts []part) *imitation {
	var b strings.Builder
	var holds []string
	b.WriteString("(?i)^")
	telling := false
	for i, p := range parts {
		switch p.name {
		case "":
			counts := i+1 < len(parts) && parts[i+1].name == "marks" && strings.HasSuffix(strings.TrimRight(p.text, " "), "×")
			telling = telling || counts || strings.ContainsFunc(p.text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
			b.WriteString(literal(p.text))
			for _, r := range strings.ReplaceAll(p.text, " ", "") {
				holds = append(holds, disguises(r))
			}
		case "marks":
			b.WriteString("[0-9]+")
			holds = append(holds, "0123456789０１２３４５６７８９")
		case "label":
			b.WriteString(labelWords)
		default:
			b.WriteString(".{1,40}?")
		}
	}
	if !telling {
		return nil
	}
	return &imitation{regexp.MustCompile(b.String() + "(?: |$)"), holds}
}

// literal returns the pattern of a label's own text, whose × callers may write
// as an x and with blanks around it.
func literal(text string) string {
	quoted := regexp.QuoteMeta(text)
	return strings.ReplaceAll(quoted, "×", " ?[×x] ?")
}
