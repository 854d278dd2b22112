package screening

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"callscreen/screening/strictyaml"
)

// defaultLabel is the template of a policy that names none.
const defaultLabel = "{label}×{marks}"

// policyFile is a policy as it is written.
type policyFile struct {
	Mode     string               `yaml:"mode" example:"mode: observe"`
	TimeZone *string              `yaml:"time_zone"`
	Label    *string              `yaml:"label"`
	ASCII    *string              `yaml:"ascii"`
	Calendar calendarFile         `yaml:"calendar"`
	Allow    yaml.Node            `yaml:"allow"` // a list of entries, or a listFile
	Block    yaml.Node            `yaml:"block"` // a list of entries, or a blockFile
	Lists    map[string]yaml.Node `yaml:"lists"` // as allow
	Default  yaml.Node            `yaml:"default"`
	Rules    []ruleFile           `yaml:"rules"`
}

// compiler turns a policy file into a Policy, and reports to doc what it cannot
// use.
type compiler struct {
	doc    *strictyaml.Document
	read   func(name string) ([]byte, error)
	zone   *time.Location
	label  *Template // of tags that name none
	ascii  *Template // likewise; may be nil
	lists  map[string]*namedList
	faults int

	asksDay bool // some condition does

	files   []string
	sums    []byte // of the files
	foreign strictyaml.Errors
	remarks []remark
}

// errNoFiles is what ParsePolicy reads of any file.
var errNoFiles = errors.New("no files are read here")

// ParsePolicy compiles a policy that names no other file; file is its name in
// errors. The error is [strictyaml.Errors]: everything that is wrong with it,
// each with its line and column and what to write instead.
func ParsePolicy(file string, data []byte) (*Policy, error) {
	return compile(file, data, func(string) ([]byte, error) { return nil, errNoFiles })
}

// LoadPolicy compiles the policy in a file and reads the lists and calendars that
// it names. read brings what is in a file: it is asked for the policy itself
// first, then for each name as the policy has it. The error is that of the first
// read, or [strictyaml.Errors]: everything that is wrong with any of the files.
func LoadPolicy(file string, read func(name string) ([]byte, error)) (*Policy, error) {
	data, err := read(file)
	if err != nil {
		return nil, fmt.Errorf("screening: reading policy: %w", err)
	}
	return compile(file, data, read)
}

func compile(file string, data []byte, read func(string) ([]byte, error)) (*Policy, error) {
	var f policyFile
	c := &compiler{doc: strictyaml.Decode(file, data, &f), read: read}
	p := &Policy{mode: c.mode(f.Mode)}
	c.zone = c.timeZone(f.TimeZone)
	c.label = c.template(f.Label, []any{"label"})
	c.ascii = c.asciiTemplate(f.ASCII, []any{"ascii"})
	p.zone, p.calendar = c.zone, c.calendar(&f.Calendar)
	p.allow = c.allowed(&f.Allow)
	p.block, p.blocked = c.blocked(&f.Block)
	c.namedLists(f.Lists)
	p.fallback = c.fallback(&f.Default)
	p.rules = c.rules(f.Rules)
	if err := c.err(); err != nil {
		return nil, err
	}
	c.overlooked(p, &f)
	p.asksDay, p.files, p.remarks, p.labels = c.asksDay, c.files, c.remarks, p.tellingLabels()
	p.overrides = p.blocked.override || slices.ContainsFunc(p.rules, func(r rule) bool { return r.override })
	p.shadows = slices.ContainsFunc(p.rules, func(r rule) bool { return r.shadow })
	sum := sha256.Sum256(append(slices.Clip(data), c.sums...))
	p.revision = hex.EncodeToString(sum[:6])
	return p, nil
}

// err returns all that is wrong: with the policy, and with each file it names.
func (c *compiler) err() error {
	var all strictyaml.Errors
	if err := c.doc.Err(); err != nil && !errors.As(err, &all) {
		return err
	}
	if all = append(all, c.foreign...); len(all) == 0 {
		return nil
	}
	return all
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

func (c *compiler) timeZone(name *string) *time.Location {
	text := defaultZone
	if name != nil {
		text = *name
	}
	zone, err := time.LoadLocation(text)
	// The machine's own zone would mean something else on another machine.
	if err != nil || text == "" || text == "Local" {
		c.report([]any{"time_zone"}, "time_zone "+strconv.Quote(text)+" is unknown", "write it as in Asia/Shanghai")
	}
	return cmp.Or(zone, time.UTC)
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

// asciiTemplate compiles a label for phones that show ASCII only, or takes the
// policy's own, if it has one, where text is nil.
func (c *compiler) asciiTemplate(text *string, path []any) *Template {
	if text == nil {
		return c.ascii
	}
	t, err := ParseASCIITemplate(*text)
	if err != nil {
		c.reportErr(path, "ascii "+strconv.Quote(*text)+":", err)
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
	r := rule{outcome: c.action(&a, path)}
	r.explain(RuleDefault, c.why(a.Why, "no rule matched", path))
	return r
}
