package screening

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What a finished label may measure. Phones show 16 to 24 columns; the bytes
// leave room for the caller's own name behind it.
const (
	labelColumns = 24
	labelBytes   = 40
)

// maxText is how many bytes of one text of a directory are looked at.
const maxText = 1024

// Template makes the label that a phone shows out of a Reputation. It does not
// change after [ParseTemplate].
type Template struct {
	source    string
	parts     []part
	ascii     bool       // what it makes is ASCII
	imitation *imitation // of its labels, by callers; nil where none can be told
}

// part is a placeholder, or literal text where name is empty.
type part struct {
	name string // "label"
	text string
}

// placeholders, in the words of an error.
const placeholders = "{label}, {marks}, {name}, {place} or {category}"

// ParseTemplate compiles text such as "{label}×{marks} {name}". Placeholders are
// {label}, {marks}, {name}, {place} and {category}; anything else must be text
// that a label may hold, see [CleanText]. The error says what is wrong and what
// to write instead, for the person who wrote the text.
func ParseTemplate(text string) (*Template, error) { return parseTemplate(text, false) }

// ParseASCIITemplate compiles text such as "SPAM x{marks}" for phones that show
// ASCII only: what else stands in the text of a directory is left out.
func ParseASCIITemplate(text string) (*Template, error) { return parseTemplate(text, true) }

func parseTemplate(text string, onlyASCII bool) (*Template, error) {
	t := &Template{source: text, ascii: onlyASCII}
	if onlyASCII && !ascii(text) {
		return nil, errors.New("text is not ASCII: write English letters, digits and -, as in SPAM x{marks}")
	}
	for rest := text; rest != ""; {
		p, n, err := nextPart(rest)
		if err != nil {
			return nil, err
		}
		t.parts, rest = append(t.parts, p), rest[n:]
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	t.imitation = imitationOf(t.parts)
	return t, nil
}

// nextPart reads the part that s begins with and returns its length in s.
func nextPart(s string) (part, int, error) {
	if s[0] != '{' {
		n := len(s)
		if i := strings.IndexByte(s, '{'); i > 0 {
			n = i
		}
		return part{text: s[:n]}, n, checkLiteral(s[:n])
	}
	end := strings.IndexAny(s[1:], "{}") + 1
	if end == 0 || s[end] == '{' {
		return part{}, 0, errors.New(`"{" without "}": write a placeholder, ` + placeholders)
	}
	name := s[1:end]
	switch name {
	case "label", "marks", "name", "place", "category":
		return part{name: name}, end + 1, nil
	}
	return part{}, 0, fmt.Errorf("unknown placeholder %q: write %s", "{"+name+"}", placeholders)
}

// checkLiteral refuses what would silently be missing from the label.
func checkLiteral(s string) error {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return errors.New("text is not UTF-8: write it in UTF-8")
		}
		if r == '}' {
			return errors.New(`"}" without "{": write a placeholder, ` + placeholders)
		}
		if r != ' ' && !inLabel(r) {
			return fmt.Errorf("%q cannot stand in a label: write letters, digits, Chinese characters, spaces, ×, · or -", r)
		}
	}
	return nil
}

// check refuses templates that could show nothing, or none of their placeholders.
func (t *Template) check() error {
	var literal strings.Builder
	for _, p := range t.parts {
		if p.name != "" {
			literal.WriteString("1") // at least one column of what stands here
		}
		literal.WriteString(p.text)
	}
	s := literal.String()
	if tidy(s) == "" {
		return errors.New("template shows nothing: write for example {label}×{marks}")
	}
	if fit(s) != s {
		return fmt.Errorf("template is too long: write at most %d columns, of which a Chinese character takes two", labelColumns)
	}
	return nil
}

// String returns the text that the template was parsed from.
func (t *Template) String() string { return t.source }

// Execute returns the finished label for r, at most 24 columns (a Chinese
// character takes two) and 40 bytes of what [CleanText] lets through. What r
// does not say leaves no trace, nor does the separator in front of it; marks
// without a label or a category to count mean nothing. The label may be empty.
func (t *Template) Execute(r Reputation) string {
	var b strings.Builder
	for _, p := range t.parts {
		switch value := t.of(p, &r); {
		case p.name == "":
			b.WriteString(p.text)
		case value != "":
			b.WriteString(value)
		case p.name == "marks":
			dropTimes(&b)
		}
	}
	return fit(tidy(b.String()))
}

// of returns the text that p stands for, as far as the template may show it.
func (t *Template) of(p part, r *Reputation) string {
	value := p.of(r)
	if !t.ascii || ascii(value) {
		return value
	}
	return tidy(strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return -1
		}
		return r
	}, value))
}

// of returns the cleaned text that p stands for, empty where r has none.
func (p part) of(r *Reputation) string {
	switch p.name {
	case "label":
		return tidy(CleanText(r.Label, maxText))
	case "name":
		return tidy(CleanText(r.Name, maxText))
	case "place":
		return tidy(CleanText(r.Place, maxText))
	case "category":
		return tidy(CleanText(string(r.Category), maxText))
	case "marks":
		if r.Marks > 0 && (r.Category != "" || part{name: "label"}.of(r) != "") {
			return strconv.Itoa(r.Marks)
		}
	}
	return ""
}

// dropTimes takes the x of "SPAM x{marks}" back when there are no marks. A ×
// goes by itself, being a separator.
func dropTimes(b *strings.Builder) {
	s := b.String()
	if s == "x" || s == "X" || strings.HasSuffix(s, " x") || strings.HasSuffix(s, " X") {
		b.Reset()
		b.WriteString(s[:len(s)-1])
	}
}

// CleanText returns what a label may hold of s, which may be anything: letters
// of the Latin alphabet, the digits 0 to 9, Chinese characters, ×, · and -.
// Full-width forms become ASCII first. Runs of white space become one space,
// those at the ends go, and the rest is cut to maxBytes on a rune boundary.
// Nothing in the result needs quoting in a SIP header.
func CleanText(s string, maxBytes int) string {
	var b strings.Builder
	space := false
	for _, r := range s[:min(len(s), maxText)] {
		r = halfWidth(r)
		if unicode.IsSpace(r) {
			space = true
			continue
		}
		if !inLabel(r) {
			continue
		}
		gap := 0
		if space && b.Len() > 0 {
			gap = 1
		}
		if b.Len()+gap+utf8.RuneLen(r) > maxBytes {
			break
		}
		if gap > 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		space = false
	}
	return b.String()
}

// rareLatin is where the Latin letters begin that no phone's font has, among
// them ligatures and Roman numerals.
const rareLatin = '\u2000'

// inLabel is the whitelist. The letters are those of scripts that run from left
// to right and join nothing to their neighbours.
func inLabel(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return '0' <= r && r <= '9' || 'a' <= r|0x20 && r|0x20 <= 'z' || r == '-'
	case r == '×', r == '·', r == '〇':
		return true
	}
	return unicode.IsLetter(r) && (unicode.Is(unicode.Han, r) || r < rareLatin && unicode.Is(unicode.Latin, r))
}

// halfWidth returns the ASCII character of a full-width form, or r.
func halfWidth(r rune) rune {
	if '！' <= r && r <= '～' {
		return r - '！' + '!'
	}
	return r
}

// tidy gives the separators of s, which holds only characters of a label, their
// form: none at the ends, none with a space on one side only (what stood on
// that side was empty), and of several the last.
func tidy(s string) string {
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !isFiller(r) })
		if n < 0 {
			break
		}
		if b.Len() > 0 {
			b.WriteString(separator(s[:n]))
		}
		s = s[n:]
		if n = strings.IndexFunc(s, isFiller); n < 0 {
			n = len(s)
		}
		b.WriteString(s[:n])
		s = s[n:]
	}
	return b.String()
}

func isFiller(r rune) bool { return r == ' ' || r == '×' || r == '·' || r == '-' }

// separator returns what becomes of a run of spaces and separators, at least one.
func separator(run string) string {
	marks := strings.ReplaceAll(run, " ", "")
	_, size := utf8.DecodeLastRuneInString(marks)
	last := marks[len(marks)-size:]
	switch before, after := run[0] == ' ', run[len(run)-1] == ' '; {
	case before && after && last != "":
		return " " + last + " "
	case before || after:
		return " "
	}
	return last
}

// fit cuts s to what a label may measure. A number that does not fit goes
// altogether: a part of it would be another number.
func fit(s string) string {
	end := fitLen(s)
	if end == len(s) {
		return s
	}
	cut := end
	for cut > 0 && isDigit(s[cut-1]) && isDigit(s[end]) {
		cut--
	}
	if cut == 0 {
		cut = end
	}
	return strings.TrimRightFunc(s[:cut], isFiller)
}

// fitLen returns how many bytes of s fit into a label.
func fitLen(s string) int {
	columns := 0
	for i, r := range s {
		columns++
		if unicode.Is(unicode.Han, r) {
			columns++
		}
		if columns > labelColumns || i+utf8.RuneLen(r) > labelBytes {
			return i
		}
	}
	return len(s)
}
