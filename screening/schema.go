package screening

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// schema is a JSON Schema, draft 7, which is what editors of YAML read.
type schema map[string]any

// Schema returns the JSON Schema of a policy file, with descriptions in Chinese and
// English. Editors complete, check and explain by it; [ParsePolicy] refuses more,
// and nothing that it accepts is wrong by the schema.
func Schema() []byte {
	root := object(reflect.TypeFor[policyFile](), fileTexts)
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["title"] = "callscreen policy"
	root["description"] = "callscreen 的来电规则。\nThe rules that callscreen decides calls by."
	root["required"] = []string{"mode"}
	root["definitions"] = schema{
		"rule":      required(object(reflect.TypeFor[ruleFile](), ruleTexts, actionTexts), "id", "action"),
		"action":    required(object(reflect.TypeFor[actionFile](), actionTexts), "action"),
		"condition": object(reflect.TypeFor[conditionFile](), conditionTexts),
		"list":      anyOf(arrayOf(ref("entry")), object(reflect.TypeFor[listFile](), listTexts)),
		"block":     anyOf(arrayOf(ref("entry")), object(reflect.TypeFor[blockFile](), listTexts, blockTexts, actionTexts)),
		"entry":     anyOf(anyText, required(object(reflect.TypeFor[entryFile](), entryTexts), "number")),
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	// What is built of strings, numbers, lists and maps can always be written.
	_ = e.Encode(root)
	return b.Bytes()
}

// keyText is what the schema says of a key: what it means, and what its values are
// where the type of the field does not say it.
type keyText struct {
	zh, en string
	value  schema
}

// object returns the schema of a block of keys. A key that no table has gets no
// description, which a test refuses.
func object(t reflect.Type, tables ...map[string]keyText) schema {
	keys := schema{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue // the fields of an embedded struct come by themselves
		}
		text := textIn(tables, name)
		value := valueOf(f.Type, text.value)
		if options == "one" {
			value = anyOf(value["items"].(schema), value)
		}
		if _, refers := value["$ref"]; refers {
			value = schema{"allOf": []schema{value}} // beside a $ref nothing else counts
		}
		value["description"] = text.zh + "\n" + text.en
		keys[name] = value
	}
	return schema{"type": block, "properties": keys, "additionalProperties": false}
}

func textIn(tables []map[string]keyText, name string) keyText {
	for _, t := range tables {
		if text, ok := t[name]; ok {
			return text
		}
	}
	return keyText{}
}

// valueOf returns the schema of a field's values: of the items, where it is a list.
func valueOf(t reflect.Type, value schema) schema {
	switch {
	case t.Kind() == reflect.Slice:
		return arrayOf(valueOf(t.Elem(), value))
	case value != nil:
		return copied(value)
	case t.Kind() == reflect.Pointer:
		return valueOf(t.Elem(), nil)
	case t.Kind() == reflect.Bool:
		return schema{"type": "boolean"}
	case t.Kind() == reflect.Int:
		return schema{"type": "integer"}
	case t == reflect.TypeFor[yaml.Node]():
		return schema{}
	}
	return copied(anyText)
}

func copied(s schema) schema {
	c := schema{}
	for k, v := range s {
		c[k] = v
	}
	return c
}

// anyText is a text, which need not be quoted where YAML takes it for a number.
var anyText = schema{"type": []string{"string", "number"}}

// Blocks and lists may have nothing behind their key.
var (
	block = []string{"object", "null"}
	array = []string{"array", "null"}
)

func anyOf(all ...schema) schema        { return schema{"anyOf": all} }
func arrayOf(items schema) schema       { return schema{"type": array, "items": items} }
func ref(name string) schema            { return schema{"$ref": "#/definitions/" + name} }
func matching(expression string) schema { return schema{"type": "string", "pattern": expression} }

func required(s schema, keys ...string) schema {
	s["required"] = keys
	return s
}

// oneWord is one of words. Those of digits may be written without quotes.
func oneWord(words ...string) schema {
	var all []any
	for _, w := range words {
		all = append(all, w)
		if strings.Trim(w, "0123456789") == "" {
			all = append(all, json.Number(w))
		}
	}
	return schema{"enum": all}
}

// mapOf is a block whose keys are names.
func mapOf(value schema) schema {
	return schema{"type": block, "additionalProperties": value}
}

// refusals are the statuses that a rule may refuse with.
func refusals() schema {
	return schema{"type": "integer", "minimum": 400, "maximum": 699, "not": schema{"enum": slices.Clone(notNo)}}
}
