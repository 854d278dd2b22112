package screening

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"callscreen/screening/strictyaml"
)

// defaultLabel is the template of a policy that names none.
const defaultLabel = "{label}×{marks}"

// policyFile is a policy as it is written.
type policyFile struct {
	Mode    string     `yaml:"mode" example:"mode: observe"`
	Label   *string    `yaml:"label"`
	Default yaml.Node  `yaml:"default"` // the name of an action, or an actionFile
	Rules   []ruleFile `yaml:"rules"`
}

type ruleFile struct {
	ID   string    `yaml:"id"`
	When yaml.Node `yaml:"when"` // a conditionFile
	actionFile
}

// compiler turns a policy file into a Policy, and reports to doc what it cannot
// use.
type compiler struct {
	doc    *strictyaml.Document
	label  *Template // of tags that name none
	faults int
}

// ParsePolicy compiles a policy file; file is its name in errors. The error is
// [strictyaml.Errors]: everything that is wrong with the file, each with its
// line and column and what to write instead.
func ParsePolicy(file string, data []byte) (*Policy, error) {
	var f policyFile
	c := &compiler{doc: strictyaml.Decode(file, data, &f)}
	sum := sha256.Sum256(data)
	p := &Policy{revision: hex.EncodeToString(sum[:])[:12], mode: c.mode(f.Mode)}
	c.label = c.template(f.Label, []any{"label"})
	p.fallback = c.fallback(&f.Default)
	p.rules = c.rules(f.Rules)
	if err := c.doc.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

func (c *compiler) report(path []any, text, hint string) {
	c.faults++
	c.doc.Report(text, hint, path...)
}

// reportErr reports an error whose text is "what is wrong: what to write".
func (c *compiler) reportErr(path []any, of string, err error) {
	text, hint, _ := strings.Cut(err.Error(), ": ")
	c.report(path, of+" "+text, hint)
}

// under returns the path to what is below path.
func under(path []any, steps ...any) []any {
	return append(slices.Clip(path), steps...)
}

func (c *compiler) mode(text string) Mode {
	path := []any{"mode"}
	switch {
	case text == Enforce.String():
		return Enforce
	case text == Observe.String():
	case !c.doc.Has(path...):
		c.report(path, "mode is missing", "write mode: observe to begin with, and mode: enforce to act")
	default:
		c.report(path, "mode is "+strconv.Quote(text), "write observe or enforce")
	}
	return Observe
}

// template compiles a label, or takes the policy's own where text is nil.
func (c *compiler) template(text *string, path []any) *Template {
	if text == nil && c.label != nil {
		return c.label
	}
	source := defaultLabel
	if text != nil {
		source = *text
	}
	t, err := ParseTemplate(source)
	if err != nil {
		c.reportErr(path, "label "+strconv.Quote(source)+":", err)
	}
	return t
}

// fallback compiles what happens when no rule matches.
func (c *compiler) fallback(node *yaml.Node) rule {
	a, path := actionFile{Action: node.Value}, []any{"default"}
	switch node.Kind {
	case 0:
		a.Action = Allow.String()
	case yaml.MappingNode:
		c.doc.DecodeNode(node, "default", &a)
	case yaml.SequenceNode:
		c.report(path, "default is a list", "write default: allow, or a block with action and its keys")
	}
	r := c.action(&a, path)
	r.explain(RuleDefault, c.why(a.Why, "no rule matched", path))
	return r
}

// rules compiles the rules. One that takes every call must be the last.
func (c *compiler) rules(files []ruleFile) []rule {
	all := make([]rule, len(files))
	seen := map[string]bool{}
	greedy := -1
	for i := range files {
		f, path := &files[i], []any{"rules", i}
		c.id(f.ID, seen, path)
		if greedy >= 0 {
			c.report(path, fmt.Sprintf("rule %q can never match", f.ID),
				fmt.Sprintf("rule %q above takes every call: move it to the end or give it a when", files[greedy].ID))
		}
		all[i] = c.action(&f.actionFile, path)
		all[i].explain(f.ID, c.why(f.Why, f.ID, path))
		sound := false
		all[i].when, sound = c.condition(&f.When, "when", under(path, "when"))
		if sound && len(all[i].when) == 0 && f.ID != "" && greedy < 0 {
			greedy = i
		}
	}
	return all
}

// explain gives the rule its id and its reason.
func (r *rule) explain(id, why string) {
	r.id, r.why, r.whyBare = id, why, why+"; the label came out empty"
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (c *compiler) id(id string, seen map[string]bool, path []any) {
	at := under(path, "id")
	switch {
	case id == "":
		c.report(at, "id is missing", "write a short name that stays, as in id: fraud")
	case len(id) > 64 || !slug.MatchString(id):
		c.report(at, "id "+strconv.Quote(id), "write small letters, digits and single - between them, at most 64")
	case id == RuleDefault, id == RuleNeverReject, id == RuleFailOpen:
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
