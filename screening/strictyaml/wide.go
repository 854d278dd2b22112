package strictyaml

import (
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// narrow returns the sign of YAML that who wrote r with a Chinese keyboard meant, or
// 0: ':' for '：', '"' for '“', a space for an ideographic one.
func narrow(r rune) rune {
	switch {
	case '！' <= r && r <= '～': // the full-width forms of '!' to '~'
		return r - '！' + '!'
	case r == '　':
		return ' '
	case r == '“', r == '”':
		return '"'
	case r == '‘', r == '’':
		return '\''
	case r == '、':
		return ','
	case r == '【':
		return '['
	case r == '】':
		return ']'
	}
	return 0
}

func wideName(r rune) string {
	if narrow(r) == ' ' {
		return "space"
	}
	return string(r)
}

// wideHint says what to write for r, which was typed wide.
func wideHint(r rune) string {
	switch n := narrow(r); n {
	case ' ':
		return "write a space"
	case ':':
		return "write : and a space"
	case '"', '\'':
		return "write a straight " + string(n)
	default:
		return "write " + string(n)
	}
}

// widths finds the wide signs in data that may be why it is no YAML: those that
// stand beside a character of ASCII or before a space, in neither a comment nor quotes, and wide spaces. It returns
// an error for each, and data with what was meant.
func widths(data []byte) (found []Error, meant []byte) {
	var until, before rune // until: the sign that ends a comment or a quote
	line, column := 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		i += size
		next, _ := utf8.DecodeRune(data[i:])
		column++
		add := string(r)
		switch {
		case r == '\n':
			until, line, column = 0, line+1, 0
		case until != 0:
			if r == until {
				until = 0
			}
		case r == '"', r == '\'':
			until = r
		case r == '#' && (before == 0 || unicode.IsSpace(before)):
			until = '\n'
		case len(found) < maxErrors && isWide(before, r, next):
			found = append(found, Error{Line: line, Column: column, Text: "a full-width " + wideName(r), Hint: wideHint(r)})
			add = string(narrow(r))
			if add == ":" {
				add = ": "
			}
		}
		meant, before = append(meant, add...), r
	}
	return found, meant
}

// isWide reports whether r looks like a sign of YAML that was typed wide.
func isWide(before, r, next rune) bool {
	n := narrow(r)
	return n == ' ' || n != 0 && (isASCII(before) || isASCII(next) || next == ' ')
}

// isASCII reports whether r is a visible character of ASCII.
func isASCII(r rune) bool { return '!' <= r && r <= '~' }

// allText returns the wide signs of a file that is one text to YAML, as "mode：observe" is.
func allText(root *yaml.Node, data []byte) []Error {
	if root.Kind != yaml.ScalarNode || root.Style&quoted != 0 {
		return nil
	}
	found, _ := widths(data)
	return found
}

// misread is what is wrong with a file that the parser refuses with err: its wide
// signs, and what is wrong without them.
func misread(data []byte, err error) []Error {
	found, meant := widths(data)
	if len(found) == 0 {
		return []Error{locate(data, err)}
	}
	if _, err = documents(meant, 2); err != nil {
		found = append(found, locate(meant, err))
	}
	return found
}

// wideIn returns what to write for the first wide sign of a key, or for the one that a
// value begins with; nothing where there is none. In quotes, and within a text, they are part of it.
func wideIn(n *yaml.Node, key bool) string {
	if n.Kind != yaml.ScalarNode || n.Style&quoted != 0 {
		return ""
	}
	for i, r := range n.Value {
		if narrow(r) != 0 && (key || i == 0) {
			return wideHint(r) + " for the full-width " + wideName(r)
		}
	}
	return ""
}
