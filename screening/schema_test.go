package screening

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// validator judges values by the part of JSON Schema that Schema uses.
type validator struct{ root map[string]any }

func newValidator(t testing.TB) validator {
	t.Helper()
	var v validator
	d := json.NewDecoder(strings.NewReader(string(Schema())))
	d.UseNumber()
	if err := d.Decode(&v.root); err != nil {
		t.Fatal(err)
	}
	return v
}

// known are the keywords that the validator understands, and those that say nothing.
var known = []string{
	"type", "enum", "pattern", "properties", "required", "additionalProperties", "items", "anyOf", "allOf", "not", "$ref", "minimum", "maximum",
	"description", "title", "$schema", "definitions",
}

// check returns what is wrong with a value, empty for nothing.
func (v validator) check(s map[string]any, value any, path string) string {
	for k := range s {
		if !slices.Contains(known, k) {
			return "the schema has the keyword " + k
		}
	}
	if to, ok := s["$ref"].(string); ok {
		return v.check(v.root["definitions"].(map[string]any)[strings.TrimPrefix(to, "#/definitions/")].(map[string]any), value, path)
	}
	for _, wrong := range []string{v.checkType(s, value), v.checkScalar(s, value), v.checkObject(s, value, path), v.checkList(s, value, path), v.checkSome(s, value, path)} {
		if wrong != "" {
			return strings.TrimPrefix(path+": "+wrong, ": ")
		}
	}
	return ""
}

func (v validator) checkType(s map[string]any, value any) string {
	is := "null"
	switch x := value.(type) {
	case string:
		is = "string"
	case bool:
		is = "boolean"
	case map[string]any:
		is = "object"
	case []any:
		is = "array"
	case json.Number:
		is = "number"
		if _, err := x.Int64(); err == nil {
			is = "integer"
		}
	}
	var types []any
	switch x := s["type"].(type) {
	case nil:
		return ""
	case string:
		types = []any{x}
	case []any:
		types = x
	}
	if slices.Contains(types, any(is)) || is == "integer" && slices.Contains(types, any("number")) {
		return ""
	}
	return fmt.Sprintf("%v is %s, not %v", value, is, types)
}

func (v validator) checkScalar(s map[string]any, value any) string {
	if enum, ok := s["enum"].([]any); ok && !slices.ContainsFunc(enum, func(e any) bool { return reflect.DeepEqual(e, value) }) {
		return fmt.Sprintf("%v is none of %v", value, enum)
	}
	if text, ok := value.(string); ok && s["pattern"] != nil && !regexp.MustCompile(s["pattern"].(string)).MatchString(text) {
		return fmt.Sprintf("%q does not match %s", text, s["pattern"])
	}
	n, ok := value.(json.Number)
	if !ok || s["minimum"] == nil {
		return ""
	}
	i, err1 := n.Int64()
	low, err2 := s["minimum"].(json.Number).Int64()
	high, err3 := s["maximum"].(json.Number).Int64()
	if err1 != nil || err2 != nil || err3 != nil || i < low || i > high {
		return fmt.Sprintf("%v is not from %v to %v", n, low, high)
	}
	return ""
}

func (v validator) checkObject(s map[string]any, value any, path string) string {
	block, ok := value.(map[string]any)
	if !ok {
		return ""
	}
	if needs, ok := s["required"].([]any); ok {
		for _, key := range needs {
			if _, has := block[key.(string)]; !has {
				return "lacks " + key.(string)
			}
		}
	}
	keys, _ := s["properties"].(map[string]any)
	for key, inner := range block {
		sub, ok := keys[key].(map[string]any)
		if !ok {
			if sub, ok = s["additionalProperties"].(map[string]any); !ok && s["additionalProperties"] == false {
				return "unknown key " + key
			}
		}
		if ok {
			if wrong := v.check(sub, inner, path+"."+key); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

func (v validator) checkList(s map[string]any, value any, path string) string {
	list, ok := value.([]any)
	items, described := s["items"].(map[string]any)
	if !ok || !described {
		return ""
	}
	for i, item := range list {
		if wrong := v.check(items, item, fmt.Sprintf("%s[%d]", path, i)); wrong != "" {
			return wrong
		}
	}
	return ""
}

func (v validator) checkSome(s map[string]any, value any, path string) string {
	var all []string
	if some, ok := s["anyOf"].([]any); ok {
		for _, one := range some {
			wrong := v.check(one.(map[string]any), value, path)
			if wrong == "" {
				all = nil
				break
			}
			all = append(all, wrong)
		}
	}
	if every, ok := s["allOf"].([]any); ok {
		for _, one := range every {
			if wrong := v.check(one.(map[string]any), value, path); wrong != "" {
				return wrong
			}
		}
	}
	if no, ok := s["not"].(map[string]any); ok && v.check(no, value, path) == "" {
		return fmt.Sprintf("%v is excluded", value)
	}
	return strings.Join(all, "; or ")
}

// checkYAML reads a file as an editor does and checks it.
func (v validator) checkYAML(text string) string {
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		return err.Error()
	}
	if len(n.Content) == 0 {
		return ""
	}
	return v.check(v.root, plainValue(n.Content[0]), "")
}

// plainValue returns a node as JSON has it; what is no number, word or nothing is
// a text, dates too (YAML 1.2, core schema).
func plainValue(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainValue(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			l = append(l, plainValue(c))
		}
		return l
	}
	switch n.Tag {
	case "!!int", "!!float":
		return json.Number(n.Value)
	case "!!bool":
		return n.Value == "true"
	case "!!null":
		return nil
	}
	return n.Value
}

// Whatever ParsePolicy accepts is right by the schema.
func TestSchemaAcceptsPolicies(t *testing.T) {
	v := newValidator(t)
	for _, pattern := range []string{"../testdata/policy/good/*.yaml", "../testdata/policy/warn/*.yaml", "../policy.yaml"} {
		for name, text := range policies(t, pattern) {
			if wrong := v.checkYAML(text); wrong != "" {
				t.Errorf("%s is wrong by the schema: %s", name, wrong)
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := drawPolicy(t).text()
		if wrong := v.checkYAML(text); wrong != "" {
			t.Fatalf("wrong by the schema: %s\n%s", wrong, text)
		}
	})
}

// What an editor can know to be wrong it tells.
func TestSchemaRefuses(t *testing.T) {
	v := newValidator(t)
	refused := []string{
		"unknown-keys", "words", "statuses", "mode-missing", "mode-unknown", "times", "weekdays", "dates", "calls", "we-called", "ages", "failures",
		"verstat", "kinds", "expires", "overrides", "ids", "actions", "comparisons", "list-allow", "list-entries", "default", "calendar", "wrong-types", "headers",
	}
	for _, name := range refused {
		text, err := os.ReadFile("../testdata/policy/bad/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		if v.checkYAML(string(text)) == "" {
			t.Errorf("%s.yaml is right by the schema", name)
		}
	}
}

// Every key of the schema is one of the code's, has a description in both languages
// and offers the words that the code knows.
func TestSchemaSaysEverything(t *testing.T) {
	v := newValidator(t)
	n := 0
	var walk func(s any, path string)
	walk = func(s any, path string) {
		switch s := s.(type) {
		case []any:
			for _, inner := range s {
				walk(inner, path)
			}
		case map[string]any:
			keys, _ := s["properties"].(map[string]any)
			for key, value := range keys {
				n++
				text, _ := value.(map[string]any)["description"].(string)
				zh, en, ok := strings.Cut(text, "\n")
				if !ok || !strings.ContainsFunc(zh, func(r rune) bool { return unicode.Is(unicode.Han, r) }) || len(en) < 10 {
					t.Errorf("%s.%s has the description %q", path, key, text)
				}
			}
			for key, inner := range s {
				if key != "description" {
					walk(inner, path+"."+key)
				}
			}
		}
	}
	walk(v.root, "")
	if want := 100; n < want {
		t.Errorf("the schema describes %d keys; want at least %d, or this test shows nothing", n, want)
	}
	for name, words := range map[string][]string{
		"class": classNames, "category": categories, "verstat": verstats, "kind": kindNames(), "lookup_failed": failures, "action": actions,
	} {
		for _, w := range words {
			if !strings.Contains(string(Schema()), `"`+w+`"`) {
				t.Errorf("the schema does not offer %s for %s", w, name)
			}
		}
	}
}

// The tables hold no key that is gone.
func TestSchemaTextsAreUsed(t *testing.T) {
	for _, table := range []struct {
		texts map[string]keyText
		of    []reflect.Type
	}{
		{fileTexts, []reflect.Type{reflect.TypeFor[policyFile]()}},
		{calendarTexts, []reflect.Type{reflect.TypeFor[calendarFile]()}},
		{listTexts, []reflect.Type{reflect.TypeFor[listFile]()}},
		{blockTexts, []reflect.Type{reflect.TypeFor[blockFile]()}},
		{entryTexts, []reflect.Type{reflect.TypeFor[entryFile]()}},
		{ruleTexts, []reflect.Type{reflect.TypeFor[ruleFile]()}},
		{actionTexts, []reflect.Type{reflect.TypeFor[actionFile]()}},
		{conditionTexts, []reflect.Type{reflect.TypeFor[conditionFile]()}},
		{callsTexts, []reflect.Type{reflect.TypeFor[callsFile]()}},
	} {
		var keys []string
		for _, of := range table.of {
			for _, f := range reflect.VisibleFields(of) {
				name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
				keys = append(keys, name)
			}
		}
		for name := range table.texts {
			if !slices.Contains(keys, name) {
				t.Errorf("there is a text about %s, which %v has not", name, table.of)
			}
		}
	}
}

// Editors find the schema by the first line of a policy.
func TestPoliciesPointToTheSchema(t *testing.T) {
	files, err := filepath.Glob("../configs/policies/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../policy.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		name, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
		if !ok {
			t.Errorf("%s begins with %q", file, first)
			continue
		}
		schema, err := os.ReadFile(filepath.Join(filepath.Dir(file), name))
		if err != nil {
			t.Error(err)
		}
		if string(schema) != string(Schema()) {
			t.Errorf("%s, to which %s points, is not what Schema returns: go run ./cmd/callscreen schema > configs/policy.schema.json", name, file)
		}
	}
}

// The pages about policies say of every key what the schema says.
func TestPagesSayWhatTheSchemaSays(t *testing.T) {
	for page, said := range map[string]func(keyText) string{
		"../docs/policy.md":    func(k keyText) string { return k.en },
		"../docs/policy.zh.md": func(k keyText) string { return k.zh },
	} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []map[string]keyText{
			fileTexts, calendarTexts, listTexts, entryTexts, ruleTexts, actionTexts, conditionTexts, callsTexts,
		} {
			for key, k := range table {
				if row := "| `" + key + "` | " + said(k) + " |\n"; !strings.Contains(string(text), row) {
					t.Errorf("%s lacks the row %s", page, row)
				}
			}
		}
		for kind, r := range kinds {
			if row := fmt.Sprintf("| `%s` | %d %s |", kind, r.status, r.reason); !strings.Contains(string(text), row) {
				t.Errorf("%s lacks the row %s", page, row)
			}
		}
	}
}
