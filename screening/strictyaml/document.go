// Package strictyaml reads a YAML file into a Go struct and says all that is
// wrong with the file at once, each with its place and what to write instead.
//
// It knows nothing of what the keys mean and opens no files. [Decode] fills the
// struct and returns a [Document]; the caller checks the values, adds what it
// finds with [Document.Report], and asks [Document.Err] for everything.
package strictyaml

import (
	"cmp"
	"reflect"

	"gopkg.in/yaml.v3"
)

// Document is one YAML file with the errors found in it so far.
type Document struct {
	file   string
	root   *yaml.Node // nil for an empty file and one that could not be read
	broken bool       // not YAML as this package reads it: nothing was decoded
	failed map[*yaml.Node]bool
	errors Errors
}

// Decode reads one YAML document from data into the struct that target points
// to. A key that is absent, or a list, map or block with nothing under it,
// leaves what target holds. file is the name that errors carry.
//
// Keys are the yaml tags of the fields, `yaml:"name"`, or else the field names
// in lower case; `yaml:"-"` leaves a field out; the fields of an embedded struct
// count as the struct's own. Fields may be strings (which
// take the text as written: 010 stays "010"), bool, integers, floats,
// [time.Duration] ("800ms", "90d"), structs, slices, maps with string keys,
// pointers to these, [encoding.TextUnmarshaler] (which may be a block instead if
// it is a struct with keys), and [yaml.Node] for decoding by hand. `yaml:"name,one"` lets a slice be written as a single value;
// `yaml:"name,secret"` keeps a value of the wrong kind, which may be a secret that
// belongs a level deeper, out of the errors. A tag `example:"…"` is shown to who
// wrote the wrong thing.
//
// Aliases, anchors, tags, merge keys, several documents, more than 1 MB and more
// than 100 levels are refused.
func Decode(file string, data []byte, target any) *Document {
	d := &Document{file: file, failed: map[*yaml.Node]bool{}}
	d.parse(data)
	if d.root != nil {
		d.decode(d.root, reflect.ValueOf(target).Elem(), field{name: "the file"})
	}
	return d
}

// New returns a Document about a file that is no YAML and that the caller reads:
// it collects what is reported with [Document.ReportAt].
func New(file string) *Document {
	return &Document{file: file, failed: map[*yaml.Node]bool{}}
}

// Defaulter is implemented by the elements of slices and maps that do not begin
// as the zero value.
type Defaulter interface{ SetDefaults() }

// DecodeNode reads a node that target of [Decode] kept into what target points
// to, and reports whether it found nothing wrong.
func (d *Document) DecodeNode(n *yaml.Node, name string, target any) bool {
	before := len(d.errors)
	if n.Kind != 0 {
		d.decode(n, reflect.ValueOf(target).Elem(), field{name: name})
	}
	return len(d.errors) == before
}

// Report adds an error at the value that path leads to: keys as strings, places
// in lists as ints. Where the file has no such value the error is at the
// innermost block around it. A value about which there is an error already
// gets no second one.
func (d *Document) Report(text, hint string, path ...any) {
	n, found := d.find(path)
	switch {
	case d.broken || d.failed[n]:
	case n == nil:
		d.add(Error{Line: 1, Column: 1, Text: text, Hint: hint})
	default:
		d.ReportNode(n, text, hint)
		d.failed[n] = found // a block may lack several keys
	}
}

// ReportAt adds an error at a line and column, both from 1; 0 where not known.
func (d *Document) ReportAt(line, column int, text, hint string) {
	d.add(Error{Line: line, Column: column, Text: text, Hint: hint})
}

// Remark returns what [Document.Report] would add, and adds nothing: for what is
// odd about a file and no error.
func (d *Document) Remark(text, hint string, path ...any) Error {
	e := Error{Line: 1, Column: 1, Text: text, Hint: hint}
	if n, _ := d.find(path); n != nil {
		e.Line, e.Column = n.Line, n.Column
	}
	return d.tidy(e)
}

// ReportNode adds an error at n, whatever there is about it already.
func (d *Document) ReportNode(n *yaml.Node, text, hint string) {
	d.failed[n] = true
	d.add(Error{Line: n.Line, Column: n.Column, Text: text, Hint: cmp.Or(wideIn(n, false), hint)})
}

func (d *Document) add(e Error) { d.errors = append(d.errors, d.tidy(e)) }

// tidy gives e its file, and leaves nothing in it that a terminal would obey.
func (d *Document) tidy(e Error) Error {
	e.File, e.Text, e.Hint = plain(d.file), plain(e.Text), plain(e.Hint)
	return e
}

// Has reports whether the file holds a value at path; see [Document.Report].
func (d *Document) Has(path ...any) bool {
	n, found := d.find(path)
	return found && n != nil
}

// Err returns nil, or all errors by place as [Errors].
func (d *Document) Err() error {
	if len(d.errors) == 0 {
		return nil
	}
	return d.errors.sorted()
}

// find returns the node at path, or else the innermost one on the way to it.
func (d *Document) find(path []any) (n *yaml.Node, found bool) {
	n = d.root
	for _, p := range path {
		next := child(n, p)
		if next == nil {
			return n, false
		}
		n = next
	}
	return n, true
}

// child returns the value under a key or at a place of n, or nil. A single value
// may stand for a list of one.
func child(n *yaml.Node, step any) *yaml.Node {
	switch s := step.(type) {
	case string:
		for i := 0; n != nil && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == s {
				return n.Content[i+1]
			}
		}
	case int:
		switch {
		case n == nil:
		case n.Kind == yaml.SequenceNode && s >= 0 && s < len(n.Content):
			return n.Content[s]
		case n.Kind != yaml.SequenceNode && s == 0:
			return n
		}
	}
	return nil
}
