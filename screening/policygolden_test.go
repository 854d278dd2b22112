package screening

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readBeside reads the files that a policy names from its own folder.
func readBeside(policy string) func(string) ([]byte, error) {
	dir := filepath.Dir(policy)
	return func(name string) ([]byte, error) {
		if name == filepath.Base(policy) {
			return os.ReadFile(policy)
		}
		return os.ReadFile(filepath.Join(dir, name))
	}
}

// load compiles the policy in a file of the repository.
func load(t testing.TB, file string) *Policy {
	t.Helper()
	p, err := LoadPolicy(filepath.Base(file), readBeside(file))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// reason is an error that says no more than its class.
type reason string

func (r reason) Error() string  { return string(r) }
func (r reason) Reason() string { return string(r) }

// madeCall is a call of a golden file: `from=110 marks=3 at="2026-11-25 23:00"`.
type madeCall struct {
	Call
	rep    Reputation
	source Source
	age    time.Duration
	failed error
	past   Past
}

func parseCall(text string) (madeCall, error) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return madeCall{}, err
	}
	c := madeCall{source: SourceQuery, Call: Call{
		ID: "1@golden", Trunk: "carrier", Header: "From", To: "057188990000", At: time.Date(2026, 11, 25, 10, 0, 0, 0, shanghai),
	}}
	for _, field := range fields(text) {
		key, value, _ := strings.Cut(field, "=")
		if value, err = strconv.Unquote(value); err != nil {
			_, value, _ = strings.Cut(field, "=")
		}
		if err := c.set(key, value); err != nil {
			return c, err
		}
	}
	return c, nil
}

// fields splits at blanks that stand in no quotes.
func fields(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		quoted = quoted != (r == '"')
		return r == ' ' && !quoted
	})
}

func (c *madeCall) set(key, value string) (err error) {
	texts := map[string]*string{
		"from": &c.From, "to": &c.To, "trunk": &c.Trunk, "name": &c.Name, "claimed": &c.Claimed, "asserted": &c.Asserted,
		"diverted": &c.DivertedBy, "verstat": &c.Verstat, "agent": &c.UserAgent, "label": &c.rep.Label, "place": &c.rep.Place,
		"merchant": &c.rep.Name, "description": &c.rep.Description,
	}
	if text, ok := texts[key]; ok {
		*text = value
		return nil
	}
	switch key {
	case "at":
		c.At, err = time.ParseInLocation("2006-01-02 15:04", value, c.At.Location())
	case "withheld":
		c.Withheld = value == "true"
	case "category":
		c.rep.Category = Category(value)
	case "marks":
		c.rep.Marks, err = strconv.Atoi(value)
	case "catnames":
		c.rep.Kinds = strings.Split(value, "|")
	case "itags":
		c.rep.FinancialTags = strings.Split(value, "|")
	case "age":
		c.source = SourceCache
		c.age, err = time.ParseDuration(value)
	case "failed":
		c.source, c.failed = SourceNone, reason(value)
	case "dialed":
		c.past.Dialed, err = time.ParseDuration(value)
	case "calls": // 3m|10m=: before so long, the = to the same number
		for one := range strings.SplitSeq(value, "|") {
			ago, err := time.ParseDuration(strings.TrimSuffix(one, "="))
			if err != nil {
				return err
			}
			c.past.Calls = append(c.past.Calls, PastCall{Ago: ago, Same: strings.HasSuffix(one, "=")})
		}
	default:
		err = errors.New("no such fact: " + key)
	}
	return err
}

// facts returns what an Engine would give the policy to judge.
func (c *madeCall) facts() Facts {
	s := screen{facts: Facts{Call: c.Call, Source: SourceNone}}
	s.identify()
	s.facts.Past, s.facts.Failed = c.past, c.failed
	if s.facts.Number.Screenable() && c.failed == nil && !c.Withheld {
		s.facts.Reputation, s.facts.Source, s.facts.Age = c.rep, c.source, c.age
	}
	return s.facts
}

// spelled writes a verdict as golden files do.
func spelled(v Verdict) string {
	text := v.Action.String() + " " + v.Rule
	for _, extra := range []struct{ name, value string }{
		{"", v.Label}, {"ascii=", v.ASCII}, {"", v.Reason}, {"cause=", v.Cause}, {"", v.Target}, {"ring=", v.Ring}, {"headers=", v.Headers},
	} {
		if extra.value == v.Reason && v.Action == Reject && extra.name == "" {
			extra.value = fmt.Sprint(v.Status, " ", v.Reason)
		}
		if extra.value != "" && extra.value != refused {
			text += " " + extra.name + strings.TrimSuffix(strings.ReplaceAll(extra.value, "\r\n", "|"), "|")
		}
	}
	return text
}

// judged writes what p decides on f as golden files do.
func judged(p *Policy, f Facts) string {
	text := spelled(p.Decide(f))
	if v, ok := p.Shadow(f); ok {
		text += " shadow: " + spelled(v)
	}
	return text
}

// goldenCalls checks the lines "call: FACTS -> VERDICT" of a file.
func goldenCalls(t *testing.T, p *Policy, file, prefix string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, line := 0, 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line++
		text, ok := strings.CutPrefix(lines.Text(), prefix)
		if !ok || prefix == "" && (text == "" || text[0] == '#') {
			continue
		}
		n++
		given, want, ok := strings.Cut(text, " -> ")
		c, err := parseCall(given)
		if err != nil || !ok {
			t.Fatalf("%s:%d: %v", file, line, err)
		}
		first := c.facts()
		if got := judged(p, first); got != want {
			t.Errorf("%s:%d: %s\n got %s\nwant %s", file, line, given, got, want)
		}
		unasked := first
		unasked.Reputation, unasked.Source, unasked.Failed = Reputation{}, SourceNone, nil
		if !p.NeedsLookup(unasked) && judged(p, unasked) != want {
			t.Errorf("%s:%d: %s needs no lookup, yet is decided by one", file, line, given)
		}
	}
	if n == 0 {
		t.Errorf("%s holds no calls", file)
	}
}

// A good file says in its comments what becomes of which call.
func TestGoodPolicies(t *testing.T) {
	files, err := filepath.Glob("../testdata/policy/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			goldenCalls(t, load(t, file), file, "# call: ")
		})
	}
}

// warnedAt is when the warnings of the golden files are asked for.
var warnedAt = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// A file that is odd begins with the warnings about it, word for word.
func TestWarnings(t *testing.T) {
	files, err := filepath.Glob("../testdata/policy/warn/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := load(t, file).Warnings(warnedAt).Error(), wanted(string(text), "# warning: "); got != want {
				t.Errorf("Warnings:\n got %s\nwant %s", got, want)
			}
		})
	}
}

// wanted returns what the first lines of a file say after a prefix.
func wanted(text, prefix string) string {
	var all []string
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			all = append(all, strings.TrimSuffix(rest, "\n"))
		}
	}
	return strings.Join(all, "\n")
}

// Every example loads without a warning, says how editors check it, and does what
// it is about.
func TestExamplePolicies(t *testing.T) {
	files, err := filepath.Glob("../configs/policies/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("%v, %d files; want at least 6", err, len(files))
	}
	v := newValidator(t)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(name, func(t *testing.T) {
			p := load(t, file)
			if w := p.Warnings(warnedAt); len(w) > 0 {
				t.Errorf("warnings: %v", w)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if wrong := v.checkYAML(string(text)); wrong != "" {
				t.Errorf("wrong by the schema: %s", wrong)
			}
			goldenCalls(t, p, "../testdata/policy/examples/"+name+".calls", "")
		})
	}
}
