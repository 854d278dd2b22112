package screening

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"callscreen/screening/strictyaml"
)

// conditionFile is a condition as it is written. Its keys must all hold; of the
// values of a key one is enough.
type conditionFile struct {
	Number      []string `yaml:"number,one"`
	List        []string `yaml:"list,one"`
	Class       []string `yaml:"class,one"`
	Length      []string `yaml:"length,one"`
	Country     []string `yaml:"country,one"`
	Withheld    *bool    `yaml:"withheld"`
	DisplayName []string `yaml:"display_name,one"`

	Trunk      []string `yaml:"trunk,one"`
	Called     []string `yaml:"called,one"`
	CalledList []string `yaml:"called_list,one"`
	Diverted   *bool    `yaml:"diverted"`
	DivertedBy []string `yaml:"diverted_by,one"`
	Mismatch   *bool    `yaml:"identity_mismatch"`
	Verstat    []string `yaml:"verstat,one"`
	UserAgent  []string `yaml:"user_agent,one"`

	Time    []string `yaml:"time,one"`
	Weekday []string `yaml:"weekday,one"`
	Date    []string `yaml:"date,one"`
	Holiday *bool    `yaml:"holiday"`
	Workday *bool    `yaml:"workday"`

	Calls    *callsFile     `yaml:"calls"`
	WeCalled *time.Duration `yaml:"we_called"`

	Category     []string `yaml:"category,one"`
	Marks        []string `yaml:"marks,one"`
	Label        []string `yaml:"label,one"`
	Place        []string `yaml:"place,one"`
	Province     []string `yaml:"province,one"`
	City         []string `yaml:"city,one"`
	Carrier      []string `yaml:"carrier,one"`
	Name         []string `yaml:"name,one"`
	Description  []string `yaml:"description,one"`
	Catnames     []string `yaml:"catnames,one"`
	ItagIDs      []string `yaml:"itag_ids,one"`
	Age          []string `yaml:"age,one"`
	LookupFailed []string `yaml:"lookup_failed,one"`

	Any []yaml.Node `yaml:"any"`
	All []yaml.Node `yaml:"all"`
	Not []yaml.Node `yaml:"not,one"` // none of these may hold
}

// callsFile counts the calls of a caller, this one included.
type callsFile struct {
	Count  string        `yaml:"count"`
	Within time.Duration `yaml:"within"`
	To     string        `yaml:"to"` // any or same
}

// values are what is written under a key, and how one of them compiles.
type values struct {
	key     key
	text    []string
	compile func(t *term, value string) error
}

// values returns the keys of f that take a list.
func (c *compiler) values(f *conditionFile) []values {
	caller := func(t *term, v string) error { return t.addNumber(v, false) }
	called := func(t *term, v string) error { return t.addNumber(v, true) }
	return []values{
		{keyClass, f.Class, addClass},
		{keyLength, f.Length, addSpan},
		{keyCountry, f.Country, addCountry},
		{keyTrunk, f.Trunk, addWord},
		{keyTime, f.Time, addTime},
		{keyWeekday, f.Weekday, addWeekday},
		{keyDate, f.Date, addDate},
		{keyVerstat, f.Verstat, addVerstat},
		{keyNumber, f.Number, caller},
		{keyList, f.List, c.addList},
		{keyCalled, f.Called, called},
		{keyCalledList, f.CalledList, c.addList},
		{keyDivertedBy, f.DivertedBy, called},
		{keyDisplayName, f.DisplayName, addPart},
		{keyUserAgent, f.UserAgent, addPart},
		{keyCategory, f.Category, addCategory},
		{keyMarks, f.Marks, addSpan},
		{keyLabel, f.Label, addWord},
		{keyProvince, f.Province, addProvince},
		{keyCity, f.City, addCity},
		{keyCarrier, f.Carrier, addCarrier},
		{keyPlace, f.Place, addPart},
		{keyName, f.Name, addPart},
		{keyDescription, f.Description, addPart},
		{keyCatnames, f.Catnames, addWord},
		{keyItagIDs, f.ItagIDs, addWord},
		{keyAge, f.Age, addAge},
		{keyFailed, f.LookupFailed, addFailure},
	}
}

// condition compiles the condition in node, and reports whether it is what the
// file says: without terms it then holds for every call.
func (c *compiler) condition(node *yaml.Node, name string, path []any) (compiled condition, sound bool) {
	before := c.faults
	var f conditionFile
	read := c.doc.DecodeNode(node, name, &f)
	if node.Kind == 0 && c.doc.Has(path...) {
		read = false
	}
	terms := append(flags(&f), c.memories(&f, path)...)
	for _, v := range c.values(&f) {
		if at := under(path, v.key.String()); c.filled(at, v.key.String(), len(v.text)) {
			terms = append(terms, c.valued(v, at))
		}
	}
	terms = append(terms, c.nested(keyAll, f.All, path)...)
	terms = append(terms, c.nested(keyAny, f.Any, path)...)
	terms = append(terms, c.nested(keyNot, f.Not, path)...)
	slices.SortStableFunc(terms, func(a, b term) int { return int(a.key) - int(b.key) })
	for i := range terms {
		c.asksDay = c.asksDay || terms[i].key.ofDay()
	}
	return conditionOf(terms), read && c.faults == before
}

// flags returns the terms of the keys that are true or false.
func flags(f *conditionFile) []term {
	var terms []term
	for _, w := range []struct {
		key  key
		want *bool
	}{{keyWithheld, f.Withheld}, {keyDiverted, f.Diverted}, {keyMismatch, f.Mismatch}, {keyHoliday, f.Holiday}, {keyWorkday, f.Workday}} {
		if w.want != nil {
			t := newTerm(w.key, strconv.FormatBool(*w.want))
			g, _ := groupOf(w.key)
			t.traits |= g.is(*w.want)
			terms = append(terms, t)
		}
	}
	return terms
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

func (c *compiler) valued(v values, path []any) term {
	t := newTerm(v.key, v.text...)
	for i, text := range v.text {
		if err := v.compile(&t, text); err != nil {
			c.reportErr(under(path, i), v.key.String()+" "+strconv.Quote(text), err)
		}
	}
	return t
}

// nested compiles the conditions under any, all or not.
func (c *compiler) nested(k key, nodes []yaml.Node, path []any) []term {
	path = under(path, k.String())
	if !c.filled(path, k.String(), len(nodes)) {
		return nil
	}
	t := newTerm(k)
	for i := range nodes {
		at, name := under(path, i), fmt.Sprintf("%v[%d]", k, i)
		inner, sound := c.condition(&nodes[i], name, at)
		if sound && len(inner.all) == 0 {
			c.report(at, name+" is an empty condition", "write at least one key")
		}
		t.inner = append(t.inner, inner)
	}
	return []term{t}
}

// addList takes the name of a list of the policy.
func (c *compiler) addList(t *term, name string) error {
	l := c.lists[name]
	if l == nil {
		if len(c.lists) == 0 {
			return errors.New("is no list: write it under lists")
		}
		return oneOf(c.listNames(), name)
	}
	l.used = true
	t.lists = append(t.lists, l.List)
	return nil
}

// oneOf says what is wrong with a word that is none of known.
func oneOf(known []string, word string) error {
	if slices.Contains(known, word) {
		return nil
	}
	if said := inChinese[word]; slices.Contains(known, said) {
		return errors.New("is unknown: write " + said)
	}
	if near := strictyaml.Nearest(word, known); near != "" {
		return fmt.Errorf("is unknown: did you mean %q?", near)
	}
	return errors.New("is unknown: write one of " + strings.Join(known, ", "))
}

// inChinese are words that people write where a policy file wants its own.
var inChinese = map[string]string{
	"放行": "allow", "标记": "tag", "标签": "tag", "拒接": "reject", "拒绝": "reject", "拦截": "reject", "转接": "divert", "转移": "divert",
	"诈骗": "fraud", "疑似诈骗": "fraud", "推销": "sales", "骚扰": "harassment", "中介": "agent", "快递": "delivery", "外卖": "delivery",
	"快递送餐": "delivery", "招聘": "recruiter", "出租车": "taxi", "其他": "other",
	"手机": "mobile", "固话": "landline", "座机": "landline", "分机": "extension", "境外": "international", "短号": "short",
	"周一": "mon", "周二": "tue", "周三": "wed", "周四": "thu", "周五": "fri", "周六": "sat", "周日": "sun",
}
