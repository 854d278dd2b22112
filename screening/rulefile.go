package screening

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// ruleFile is a rule as it is written.
type ruleFile struct {
	ID       string    `yaml:"id"`
	When     yaml.Node `yaml:"when"` // a conditionFile
	Shadow   bool      `yaml:"shadow"`
	Expires  *string   `yaml:"expires"`
	Override bool      `yaml:"even_if_never_reject"`
	actionFile
}

func (c *compiler) rules(files []ruleFile) []rule {
	all := make([]rule, len(files))
	seen := map[string]bool{}
	for i := range files {
		f, path := &files[i], []any{"rules", i}
		c.id(f.ID, seen, path)
		r := rule{outcome: c.action(&f.actionFile, path), shadow: f.Shadow, override: f.Override}
		r.explain(f.ID, c.why(f.Why, f.ID, path))
		r.until = c.until(f.Expires, under(path, "expires"))
		r.when, _ = c.condition(&f.When, "when", under(path, "when"))
		if f.Override && r.action == Allow {
			c.report(under(path, "even_if_never_reject"), "even_if_never_reject does nothing in action: allow", "remove it: these numbers ring anyway")
		}
		all[i] = r
	}
	return packed(all)
}

// packed puts what is judged of all rules one behind the other, in the order in
// which that is done.
func packed(rules []rule) []rule {
	var all []term
	for i := range rules {
		all = append(all, rules[i].when.terms...)
	}
	for i := range rules {
		n := len(rules[i].when.terms)
		rules[i].when.terms, all = all[:n:n], all[n:]
	}
	return rules
}

// explain gives the rule its id and its reason.
func (r *rule) explain(id, why string) {
	r.id, r.why, r.whyBare = id, why, why+"; the label came out empty"
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// isSlug reports whether a name can stand in a header, a URL and a file name.
func isSlug(name string) bool { return len(name) <= 64 && slug.MatchString(name) }

var reservedIDs = []string{RuleDefault, RuleNeverReject, RuleFailOpen, RuleFull, RuleAllowList, RuleBlockList}

func (c *compiler) id(id string, seen map[string]bool, path []any) {
	at := under(path, "id")
	switch {
	case id == "":
		c.report(at, "id is missing", "write a short name that stays, as in id: fraud")
	case !isSlug(id):
		c.report(at, "id "+strconv.Quote(id), "write small letters, digits and single - between them, at most 64")
	case slices.Contains(reservedIDs, id):
		c.report(at, "id "+strconv.Quote(id)+" belongs to the program", "write another name")
	case seen[id]:
		c.report(at, "id "+strconv.Quote(id)+" is taken by a rule above", "write another name")
	}
	seen[id] = true
}

// why returns the reason for the record.
func (c *compiler) why(text, otherwise string, path []any) string {
	if utf8.RuneCountInString(text) > 200 || strings.ContainsAny(text, "\r\n") {
		c.report(under(path, "why"), "why is too long", "write one line of at most 200 characters")
	}
	if text == "" {
		return otherwise
	}
	return text
}

// until returns the Unix second that ends something, and 0 for never.
func (c *compiler) until(expires *string, path []any) int64 {
	if expires == nil {
		return 0
	}
	at, err := readExpiry(*expires, c.zone)
	if err != nil {
		c.reportErr(path, "expires "+strconv.Quote(*expires), err)
		return 0
	}
	return max(at.Unix(), 1)
}
