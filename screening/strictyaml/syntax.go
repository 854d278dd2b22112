package strictyaml

import (
	"bytes"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// problem is a complaint of the YAML parser in words for who wrote the file.
type problem struct {
	parser string // how the parser's message begins
	text   string
	hint   string
	place  place
}

// place says where the mistake behind a message is.
type place uint8

const (
	atLine    place = iota // in the line the message names
	afterLine              // in the line after it: the parser counts from 0 here
	searched               // where the message first appears when the file is read line by line
)

var problems = []problem{
	{
		"mapping values are not allowed", "a colon where none can stand",
		"check the indentation, and quote text that holds a colon", atLine,
	},
	{
		"found character that cannot start any token", "a value begins with a sign that YAML keeps for itself",
		"quote the value", searched,
	},
	{"found a tab character", "a tab where YAML takes none", "write spaces", searched},
	{"found unexpected end of stream", "a quote is opened here and never closed", "close it", atLine},
	{"found unexpected document indicator", "a quote is opened here and never closed", "close it", atLine},
	{"could not find expected ':'", "a line that is no key with a value", "write it as key: value", atLine},
	{"did not find expected ',' or ']'", "a [ is not closed", "put commas between the values and ] at the end", afterLine},
	{"did not find expected ',' or '}'", "a { is not closed", "put commas between the values and } at the end", afterLine},
	{"did not find expected '-' indicator", "this line fits no block above it", "indent it like its neighbours", searched},
	{"did not find expected key", "this line fits no block above it", "indent it like its neighbours, and quote a value as a whole", searched},
	{"did not find expected node content", "a sign of YAML where a value should stand", "write the value, in quotes if it begins with a sign", searched},
	{"found unknown escape character", "a \\ in double quotes begins no known escape", "write \\\\ or use single quotes", searched},
	{
		"did not find expected comment or line break", "a value begins with > or |, which YAML takes for a block of text",
		`quote the value, as in ">=50"`, atLine,
	},
	{"exceeded max depth", tooDeep, "nest less", atLine},
	{"did not find expected alphabetic or numeric", "& and * begin names of YAML's own", "quote the value", searched},
}

var (
	parserMessage = regexp.MustCompile(`(?s)^yaml: (?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// locate turns an error of the YAML parser into one with a line.
func locate(data []byte, err error) Error {
	m := parserMessage.FindStringSubmatch(err.Error())
	if m == nil {
		return Error{Text: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	if a := unknownAnchor.FindStringSubmatch(m[2]); a != nil {
		before, _, _ := bytes.Cut(data, []byte("*"+a[1]))
		return Error{
			Line: 1 + bytes.Count(before, []byte("\n")), Text: "alias *" + a[1],
			Hint: "write the value out, or quote it: aliases are not read here",
		}
	}
	for _, p := range problems {
		if !strings.HasPrefix(m[2], p.parser) {
			continue
		}
		switch p.place {
		case afterLine:
			line++
		case searched:
			line = firstLine(data, m[2], line)
		}
		if tabbed(data, line) {
			p = problem{text: "a tab in the indentation", hint: "indent with spaces"}
		}
		return Error{Line: max(line, 1), Text: p.text, Hint: p.hint}
	}
	return Error{Line: max(line, 1), Text: "not YAML: " + m[2]}
}

// firstLine returns the first line with which the parser complains so: for most
// mistakes it names the line where the block around them begins, which may be
// the whole file. A large file is not read a dozen times for it.
func firstLine(data []byte, message string, named int) int {
	const worthIt = 64 << 10
	if len(data) > worthIt {
		return named
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	ends := make([]int, len(lines)+1)
	for i, l := range lines {
		ends[i+1] = ends[i] + len(l)
	}
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		_, err := documents(data[:ends[i+1]], 2)
		return err != nil && strings.HasSuffix(err.Error(), message)
	})
}

// tabbed reports whether a line is indented with a tab.
func tabbed(data []byte, line int) bool {
	lines := bytes.SplitN(data, []byte("\n"), line+1)
	if line < 1 || line > len(lines) {
		return false
	}
	text := lines[line-1]
	return bytes.ContainsRune(text[:len(text)-len(bytes.TrimLeft(text, " \t"))], '\t')
}
