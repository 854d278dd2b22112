package strictyaml

import (
	"cmp"
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

var (
	nodeType     = reflect.TypeFor[yaml.Node]()
	durationType = reflect.TypeFor[time.Duration]()
)

// decode reads n into v, which is settable and addressable.
func (d *Document) decode(n *yaml.Node, v reflect.Value, f field) {
	if d.failed[n] {
		return
	}
	if v.Type() == nodeType {
		v.Set(reflect.ValueOf(*n))
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok && !(n.Kind == yaml.MappingNode && hasKeys(v.Type())) {
		d.text(n, u, f)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		d.pointer(n, v, f)
	case reflect.Struct:
		d.fields(n, v, f)
	case reflect.Slice:
		d.slice(n, v, f)
	case reflect.Map:
		d.mapping(n, v, f)
	default:
		d.scalar(n, v, f)
	}
}

// hasKeys reports whether a text may be written as a block as well.
func hasKeys(t reflect.Type) bool { return t.Kind() == reflect.Struct && len(fieldsOf(t)) > 0 }

func (d *Document) pointer(n *yaml.Node, v reflect.Value, f field) {
	if empty(n) && composite(v.Type().Elem().Kind()) {
		return
	}
	if v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
		setDefaults(v.Elem())
	}
	d.decode(n, v.Elem(), f)
}

func composite(k reflect.Kind) bool {
	return k == reflect.Struct || k == reflect.Slice || k == reflect.Map
}

// fields reads a block into a struct.
func (d *Document) fields(n *yaml.Node, v reflect.Value, f field) {
	if !d.isBlock(n, f) {
		return
	}
	known := fieldsOf(v.Type())
	for key, value := range d.entries(n) {
		sub, ok := find(known, key.Value)
		if !ok {
			d.ReportNode(key, "unknown key "+quote(key.Value), cmp.Or(wideIn(key, true), suggest(key.Value, known)))
			continue
		}
		d.decode(value, v.FieldByIndex(sub.at), sub)
	}
}

func (d *Document) mapping(n *yaml.Node, v reflect.Value, f field) {
	if !d.isBlock(n, f) {
		return
	}
	t := v.Type()
	out := reflect.MakeMap(t)
	for key, value := range d.entries(n) {
		elem := reflect.New(t.Elem()).Elem()
		setDefaults(elem)
		d.decode(value, elem, field{name: f.name + "." + key.Value, example: f.example})
		out.SetMapIndex(reflect.ValueOf(key.Value).Convert(t.Key()), elem)
	}
	v.Set(out)
}

// isBlock reports whether n has entries to read; empty is no error.
func (d *Document) isBlock(n *yaml.Node, f field) bool {
	if n.Kind != yaml.MappingNode && !empty(n) {
		d.wrong(n, f, "a block of keys", "write key: value lines under it")
	}
	return n.Kind == yaml.MappingNode
}

// entries yields the keys and values of a block, without those whose key is
// wrong or was there before.
func (d *Document) entries(n *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if !d.goodKey(key, seen) {
				continue
			}
			seen[key.Value] = key.Line
			if !yield(key, n.Content[i+1]) {
				return
			}
		}
	}
}

func (d *Document) goodKey(key *yaml.Node, seen map[string]int) bool {
	first, twice := seen[key.Value]
	switch {
	case d.failed[key]:
		return false
	case key.Kind != yaml.ScalarNode, key.Value == "":
		d.ReportNode(key, "a key is "+describe(key), "write a name before the colon")
	case key.Tag == "!!merge":
		d.ReportNode(key, "merge key <<", "write the keys out")
	case twice:
		d.ReportNode(key, fmt.Sprintf("key %s stands in line %d already", quote(key.Value), first), "keep one of the two")
	default:
		return true
	}
	return false
}

func (d *Document) slice(n *yaml.Node, v reflect.Value, f field) {
	items := n.Content
	switch {
	case empty(n):
		return
	case f.one && n.Kind != yaml.SequenceNode:
		items = []*yaml.Node{n}
	case n.Kind != yaml.SequenceNode:
		d.wrong(n, f, "a list", "write it as [a, b] or as lines that begin with -")
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		sub := field{name: fmt.Sprintf("%s[%d]", f.name, i), example: f.example}
		if item == n {
			sub.name = f.name
		}
		if empty(item) {
			d.wrong(item, sub, "a value", "remove the - that nothing follows")
			continue
		}
		setDefaults(out.Index(i))
		d.decode(item, out.Index(i), sub)
	}
	v.Set(out)
}

func setDefaults(v reflect.Value) {
	if e, ok := v.Addr().Interface().(Defaulter); ok {
		e.SetDefaults()
	}
}

// wrong adds that n is not what f wants.
func (d *Document) wrong(n *yaml.Node, f field, want, hint string) {
	if f.example != "" {
		hint = "write it as in " + f.example
	}
	is := describe(n)
	if f.secret && n.Kind == yaml.ScalarNode && n.Value != "" {
		is = "a single value"
	}
	d.ReportNode(n, fmt.Sprintf("%s is %s, not %s", f.name, is, want), hint)
}

// describe says what n is, in words for who wrote it.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a block of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Value == "":
		return "empty"
	}
	return quote(n.Value)
}

// field is a key of a struct and how its value is read.
type field struct {
	name    string // as messages name it
	at      []int  // index in the struct
	one     bool   // a single value stands for a list of one
	secret  bool   // no message quotes a value that is of the wrong kind
	example string
}

// fieldsOf returns the keys of a struct, those of embedded structs among them.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for _, s := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(s.Tag.Get("yaml"), ",")
		if name == "-" || !s.IsExported() || s.Anonymous {
			continue
		}
		if name == "" {
			name = strings.ToLower(s.Name)
		}
		all = append(all, field{name: name, at: s.Index, one: options == "one", secret: options == "secret", example: s.Tag.Get("example")})
	}
	return all
}

func find(all []field, name string) (field, bool) {
	for _, f := range all {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}
