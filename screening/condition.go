package screening

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"callscreen/screening/strictyaml"
)

// conditionFile is a condition as it is written. Its keys must all hold; of the
// values of a key one is enough.
type conditionFile struct {
	Category     []string    `yaml:"category,one"`
	Label        []string    `yaml:"label,one"`
	Marks        []string    `yaml:"marks,one"`
	Number       []string    `yaml:"number,one"`
	Length       []string    `yaml:"length,one"`
	Class        []string    `yaml:"class,one"`
	Withheld     *bool       `yaml:"withheld"`
	Trunk        []string    `yaml:"trunk,one"`
	Called       []string    `yaml:"called,one"`
	Place        []string    `yaml:"place,one"`
	LookupFailed *bool       `yaml:"lookup_failed"`
	Any          []yaml.Node `yaml:"any"`
	All          []yaml.Node `yaml:"all"`
	Not          []yaml.Node `yaml:"not,one"` // none of these may hold
}

// list is a key whose values compile one by one.
type list struct {
	key     string
	values  []string
	compile func(t *term, value string) error
}

// lists returns the keys of f in the order in which they cost time to judge.
func (f *conditionFile) lists() []list {
	return []list{
		{"class", f.Class, addClass},
		{"length", f.Length, addSpan},
		{"trunk", f.Trunk, addWord},
		{"number", f.Number, func(t *term, v string) error { return t.numbers.add(v, false) }},
		{"called", f.Called, func(t *term, v string) error { return t.numbers.add(v, true) }},
		{"category", f.Category, addCategory},
		{"marks", f.Marks, addSpan},
		{"label", f.Label, addWord},
		{"place", f.Place, addWord},
	}
}

// condition compiles the condition in node, and reports whether it is what the
// file says: without terms it then holds for every call.
func (c *compiler) condition(node *yaml.Node, name string, path []any) (terms []term, sound bool) {
	before := c.faults
	var f conditionFile
	read := c.doc.DecodeNode(node, name, &f)
	if node.Kind == 0 && c.doc.Has(path...) {
		read = false
	}
	for _, w := range []struct {
		key  string
		want *bool
	}{{"withheld", f.Withheld}, {"lookup_failed", f.LookupFailed}} {
		if w.want != nil {
			terms = append(terms, term{key: w.key, want: *w.want})
		}
	}
	for _, l := range f.lists() {
		if at := under(path, l.key); c.filled(at, l.key, len(l.values)) {
			terms = append(terms, c.listed(l, at))
		}
	}
	terms = append(terms, c.nested("all", f.All, path)...)
	terms = append(terms, c.nested("any", f.Any, path)...)
	terms = append(terms, c.nested("not", f.Not, path)...)
	return terms, read && c.faults == before
}

// filled reports whether the key at path is written and has values. An empty
// list is refused: it would match no call, or be taken to match every one.
func (c *compiler) filled(path []any, key string, values int) bool {
	written := c.doc.Has(path...)
	if written && values == 0 {
		c.report(path, key+" is empty", "write a value, or remove the key")
	}
	return written && values > 0
}

func (c *compiler) listed(l list, path []any) term {
	t := term{key: l.key}
	for i, v := range l.values {
		if err := l.compile(&t, v); err != nil {
			c.reportErr(under(path, i), l.key+" "+strconv.Quote(v), err)
		}
	}
	return t
}

// nested compiles the conditions under any, all or not.
func (c *compiler) nested(key string, nodes []yaml.Node, path []any) []term {
	path = under(path, key)
	if !c.filled(path, key, len(nodes)) {
		return nil
	}
	t := term{key: key}
	for i := range nodes {
		at, name := under(path, i), fmt.Sprintf("%s[%d]", key, i)
		inner, sound := c.condition(&nodes[i], name, at)
		if sound && len(inner) == 0 {
			c.report(at, name+" is an empty condition", "write at least one key")
		}
		t.inner = append(t.inner, inner)
	}
	return []term{t}
}

func addWord(t *term, value string) error {
	if strings.TrimSpace(value) == "" {
		return errors.New("is empty: write a text")
	}
	t.words = append(t.words, value)
	return nil
}

var categories = []string{
	string(CategoryFraud), string(CategorySales), string(CategoryHarassment), string(CategoryAgent),
	string(CategoryDelivery), string(CategoryRecruiter), string(CategoryTaxi), string(CategoryOther),
}

func addCategory(t *term, value string) error {
	if err := oneOf(categories, value); err != nil {
		return err
	}
	return addWord(t, value)
}

// classInvalid is how a policy file writes ClassInvalid.
const classInvalid = "invalid"

var classes = []string{
	string(ClassMobile), string(ClassMVNO), string(ClassIoT), string(ClassSatellite), string(ClassLandline),
	string(ClassLocal), string(Class400), string(Class800), string(Class95), string(Class96), string(ClassShort),
	string(ClassEmergency), string(ClassSMS), string(ClassInternational), string(ClassExtension),
	string(ClassAnonymous), string(ClassAlphanumeric), classInvalid,
}

func addClass(t *term, value string) error {
	if err := oneOf(classes, value); err != nil {
		return err
	}
	if value == classInvalid {
		value = string(ClassInvalid)
	}
	t.words = append(t.words, value)
	return nil
}

// oneOf says what is wrong with a word that is none of known.
func oneOf(known []string, word string) error {
	if slices.Contains(known, word) {
		return nil
	}
	if near := strictyaml.Nearest(word, known); near != "" {
		return fmt.Errorf("is unknown: did you mean %q?", near)
	}
	return errors.New("is unknown: write one of " + strings.Join(known, ", "))
}

var comparison = regexp.MustCompile(`^(>=|<=|==|>|<) *([0-9]{1,9})$`)

func addSpan(t *term, value string) error {
	if strings.Trim(value, "0123456789") == "" && value != "" {
		return fmt.Errorf(`is a bare number: write ">=%s" for at least or "==%s" for exactly so many`, value, value)
	}
	m := comparison.FindStringSubmatch(value)
	if m == nil {
		return errors.New(`is no comparison: write it as in ">=50", ">10", "<5", "<=5" or "==3"`)
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return err
	}
	s := map[string]span{">=": {n, math.MaxInt}, ">": {n + 1, math.MaxInt}, "<=": {0, n}, "<": {0, n - 1}, "==": {n, n}}[m[1]]
	if s.high < 0 {
		return errors.New("can never hold: write a larger number")
	}
	t.spans = append(t.spans, s)
	return nil
}
