package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

const (
	maxBytes = 1 << 20
	maxDepth = 100
	maxMarks = 250_000 // signs that can begin a node: a node takes 170 bytes of memory

	tooDeep = "more than 100 levels"
)

// parse sets the root, or says why the file cannot be read at all.
func (d *Document) parse(data []byte) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if e, bad := unreadable(data); bad {
		d.stop(e)
		return
	}
	docs, err := documents(data, 2)
	if err != nil {
		d.stop(misread(data, err)...)
		return
	}
	if len(docs) == 2 {
		d.stop(Error{
			Line: docs[1].Line, Column: docs[1].Column, Text: "a second document begins here",
			Hint: "write one document a file, without a line ---",
		})
		return
	}
	if len(docs) == 0 || len(docs[0].Content) == 0 || empty(docs[0].Content[0]) {
		return
	}
	if wide := allText(docs[0].Content[0], data); wide != nil {
		d.stop(wide...)
		return
	}
	if d.admit(docs[0].Content[0], 1) {
		d.root = docs[0].Content[0]
	}
}

// stop records what is wrong with a file that nothing is decoded from.
func (d *Document) stop(all ...Error) {
	d.broken, d.root, d.errors = true, nil, nil
	for _, e := range all {
		d.add(e)
	}
}

// unreadable finds what YAML is not even tried on.
func unreadable(data []byte) (Error, bool) {
	if len(data) > maxBytes {
		return Error{Text: fmt.Sprintf("the file has %d bytes", len(data)), Hint: "keep it under 1 MB"}, true
	}
	line, column, marks := 1, 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return Error{Line: line, Column: column, Text: "this is not UTF-8", Hint: "save the file as UTF-8"}, true
		}
		if !printable(r) {
			return Error{Line: line, Column: column, Text: fmt.Sprintf("control character %U", r), Hint: "remove it"}, true
		}
		if strings.ContainsRune("\n,[{:-?", r) {
			marks++
		}
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
		i += size
	}
	if marks > maxMarks {
		return Error{Text: "the file has too many values", Hint: "keep them under 100000"}, true
	}
	return Error{}, false
}

// printable reports whether YAML allows r (YAML 1.2.2, section 5.1).
func printable(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < ' ', 0x7F <= r && r < 0xA0, r == 0xFEFF, r == 0xFFFE, r == 0xFFFF:
		return false
	}
	return true
}

// documents parses up to limit documents of data. The parser underneath has
// panicked on odd comments before; that is an error like any other.
func documents(data []byte, limit int) (docs []*yaml.Node, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.New("yaml: the file cannot be read")
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for len(docs) < limit {
		n := new(yaml.Node)
		switch err := dec.Decode(n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, err
		}
		docs = append(docs, n)
	}
	return docs, nil
}

// admit reports whether the tree under n is shallow enough to be decoded, and
// adds what in it this package refuses.
func (d *Document) admit(n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		d.stop(Error{Line: n.Line, Column: n.Column, Text: tooDeep, Hint: "nest less"})
		return false
	}
	switch {
	case n.Kind == yaml.AliasNode:
		d.ReportNode(n, "alias *"+n.Value, "write the value out: aliases are not read here")
		return true
	case n.Anchor != "":
		d.ReportNode(n, "anchor &"+n.Anchor, "remove it: anchors and aliases are not read here")
	case n.Style&yaml.TaggedStyle != 0:
		d.ReportNode(n, "tag "+n.Tag, "remove it: the key decides how its value is read")
	}
	delete(d.failed, n) // there may be more to say about the value itself
	for _, c := range n.Content {
		if !d.admit(c, depth+1) {
			return false
		}
	}
	return true
}

// empty reports whether n is a key's missing value. A null written out is a
// value of the wrong type.
func empty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == ""
}
