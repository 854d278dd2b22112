package screening

import (
	"errors"
	"fmt"
	"strconv"

	"gopkg.in/yaml.v3"

	"callscreen/screening/strictyaml"
)

// listFile is a list as it is written. It may be its entries alone.
type listFile struct {
	Entries []yaml.Node `yaml:"entries"` // numbers, or entryFiles
	Files   []string    `yaml:"files,one"`
}

type entryFile struct {
	Number  string  `yaml:"number"`
	Note    string  `yaml:"note"`
	Expires *string `yaml:"expires"`
}

// blockFile is the block list with what happens to the calls of who is on it.
type blockFile struct {
	listFile
	Override bool `yaml:"even_if_never_reject"`
	actionFile
}

// namedList is a list that rules ask for by its name.
type namedList struct {
	*List
	used bool
}

func (c *compiler) listNames() []string { return sortedKeys(c.lists) }

// allowed compiles the allow list; without one there are no lists.
func (c *compiler) allowed(node *yaml.Node) []*List {
	path := []any{"allow"}
	if !c.doc.Has(path...) {
		return nil
	}
	var f listFile
	c.decodeList(node, "allow", &f, &f)
	return []*List{c.list(&f, node, path, false)}
}

// blocked compiles the block list and the rule for it.
func (c *compiler) blocked(node *yaml.Node) ([]*List, rule) {
	path := []any{"block"}
	var f blockFile
	f.Action = Reject.String()
	c.decodeList(node, "block", &f.listFile, &f)
	r := rule{outcome: c.action(&f.actionFile, path), override: f.Override}
	if r.action == Allow || r.action == Tag {
		c.report(under(path, "action"), "action "+strconv.Quote(f.Action)+" blocks nobody", "write reject or divert")
	}
	r.explain(RuleBlockList, c.why(f.Why, "on the block list", path))
	if !c.doc.Has(path...) {
		return nil, r
	}
	return []*List{c.list(&f.listFile, node, path, false)}, r
}

// namedLists compiles the lists that rules ask for.
func (c *compiler) namedLists(files map[string]yaml.Node) {
	c.lists = map[string]*namedList{}
	for _, name := range sortedKeys(files) {
		path, node := []any{"lists", name}, files[name]
		if !isSlug(name) {
			c.report(path, "list "+strconv.Quote(name), "name it with small letters, digits and single - between them, at most 64")
		}
		var f listFile
		c.decodeList(&node, "list "+name, &f, &f)
		c.lists[name] = &namedList{List: c.list(&f, &node, path, true)}
	}
}

// decodeList reads a list that is written as its entries alone into list, and
// any other into block.
func (c *compiler) decodeList(node *yaml.Node, name string, list *listFile, block any) {
	switch {
	case node.Kind == yaml.SequenceNode:
		c.doc.DecodeNode(node, name, &list.Entries)
	case node.Kind == yaml.ScalarNode && node.Value != "":
		c.doc.ReportNode(node, name+" is "+strconv.Quote(node.Value)+", not a list", "write it as [a, b] or as lines that begin with -")
	default:
		c.doc.DecodeNode(node, name, block)
	}
}

// list compiles the entries of a list and reads its files.
func (c *compiler) list(f *listFile, node *yaml.Node, path []any, called bool) *List {
	l := &List{}
	at := path
	if node.Kind == yaml.MappingNode {
		at = under(path, "entries")
	}
	for i := range f.Entries {
		c.entry(l, &f.Entries[i], under(at, i), called)
	}
	for i, name := range f.Files {
		c.listFile(l, name, under(path, "files", i), called)
	}
	c.remarks = append(c.remarks, remark{Error: c.doc.Remark("", "", path...), list: l})
	return l
}

func (c *compiler) entry(l *List, node *yaml.Node, path []any, called bool) {
	f := entryFile{Number: node.Value}
	if node.Kind != yaml.ScalarNode && !c.doc.DecodeNode(node, "the entry", &f) {
		return
	}
	at := path
	if node.Kind == yaml.MappingNode {
		at = under(path, "number")
		if f.Number == "" {
			c.report(at, "number is missing", "write the number that the entry is about")
			return
		}
	}
	e := Entry{Number: f.Number, Note: cleanNote(f.Note)}
	if f.Expires != nil {
		var err error
		if e.Expires, err = readExpiry(*f.Expires, c.zone); err != nil {
			c.reportErr(under(path, "expires"), "expires "+strconv.Quote(*f.Expires), err)
		}
	}
	if err := l.add(e, called); err != nil {
		c.reportErr(at, "number "+strconv.Quote(f.Number), err)
	}
}

// listFile adds the file of a list.
func (c *compiler) listFile(l *List, name string, path []any, called bool) {
	data, ok := c.file(name, path)
	if !ok {
		return
	}
	r := listReader{doc: strictyaml.New(name), list: l, zone: c.zone, called: called}
	r.read(name, data)
	if r.skipped > 0 {
		c.remark(path, fmt.Sprintf("%s holds %d that are no phone numbers", name, r.skipped), "they are left out")
	}
	c.add(r.doc)
}

// file reads a file that the policy names at path.
func (c *compiler) file(name string, path []any) ([]byte, bool) {
	data, err := c.read(name)
	if err != nil {
		c.report(path, fmt.Sprintf("file %q cannot be read: %v", name, err), "write the file, or the name of another one")
		return nil, false
	}
	c.files = append(c.files, name)
	c.sums = sum(c.sums, data)
	return data, true
}

// add takes over what is wrong with another file.
func (c *compiler) add(doc *strictyaml.Document) {
	var all strictyaml.Errors
	if errors.As(doc.Err(), &all) {
		c.foreign = append(c.foreign, all...)
		c.faults += len(all)
	}
}
