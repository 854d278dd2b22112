package screening

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// maxDigits is the most digits that are read: two prefixes and an extension
// around the longest number fit twice over.
const maxDigits = 64

// userPart returns the part of raw that names the caller, decoded, without
// parameters, and the calling code of its phone-context ("+86") if it has one.
func userPart(raw string) (user, context string) {
	s := uriUser(addrSpec(raw))
	if strings.IndexByte(s, '%') >= 0 {
		s = unescape(s)
	}
	if !ascii(s) {
		s = norm.NFKC.String(s)
	}
	if i := strings.IndexAny(s, ";,"); i >= 0 {
		return strings.TrimSpace(s[:i]), phoneContext(s[i:])
	}
	return strings.TrimSpace(s), ""
}

// addrSpec returns what stands in the angle brackets of raw, or raw without
// any. A quoted display name may hold brackets of its own.
func addrSpec(raw string) string {
	s := strings.TrimSpace(raw)
	if strings.HasPrefix(s, `"`) {
		s = s[quotedLen(s):]
	}
	_, inner, ok := strings.Cut(s, "<")
	if !ok {
		return s
	}
	inner, _, _ = strings.Cut(inner, ">")
	return strings.TrimSpace(inner)
}

// quotedLen returns the length of the quoted string that s begins with, or 0
// where it has no end.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// uriUser returns the user of a SIP URI, the number of a tel URI, or s itself
// where s is no URI.
func uriUser(s string) string {
	if rest, ok := cutFold(s, "tel:"); ok {
		return rest
	}
	rest, sip := cutFold(s, "sip:")
	if !sip {
		rest, sip = cutFold(s, "sips:")
	}
	at := strings.LastIndexByte(rest, '@')
	switch {
	case at >= 0:
		user, _, _ := strings.Cut(rest[:at], ":")
		return user
	case sip:
		return "" // a host and no user
	}
	return rest
}

// cutFold is strings.CutPrefix for ASCII in any case.
func cutFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// phoneContext returns the phone-context among the parameters if it is a number
// with + (RFC 3966, section 5.1.5), and "" for a domain.
func phoneContext(params string) string {
	for p := range strings.SplitSeq(params, ";") {
		value, ok := cutFold(p, "phone-context=")
		if !ok {
			continue
		}
		if s, class := compact(value); class == ClassInvalid && strings.HasPrefix(s.text, "+") {
			return s.text
		}
		return ""
	}
	return ""
}

// withheld reports whether user is a word that stands for no number.
func withheld(user string) bool {
	if user != "" && (user[0] == '+' || isDigit(user[0])) {
		return false
	}
	switch strings.ToLower(strings.Trim(user, "-.()/· ")) {
	case "", "s", "anonymous", "asterisk", "blocked", "none", "null", "private", "restricted",
		"unavailable", "unknown", "withheld", "未知", "未知号码", "匿名", "隐藏", "保密", "无号码":
		return true
	}
	return false
}

// spelling is a number as it was written, without its visual separators.
type spelling struct {
	text  string // digits with an optional + in front
	head  int    // how much of text stands before a trailing "-extension"; 0 without one
	solid bool   // no separator stands within the head
}

// behind puts the digits of s behind those of context.
func (s spelling) behind(context string) spelling {
	s.text = context + s.text
	if s.head > 0 {
		s.head += len(context)
	}
	return s
}

// compact reads the digits of user. Where it holds anything but these the text
// is empty, and class is ClassAlphanumeric or, when there were only signs that
// phones dial, ClassInvalid.
func compact(user string) (s spelling, class Class) {
	if plainNumber(user) {
		return spelling{text: user}, ClassInvalid
	}
	var buf [maxDigits]byte
	n, gaps, signs := 0, 0, false
	for _, r := range user {
		switch {
		case '0' <= r && r <= '9', r == '+' && n == 0:
			if n == len(buf) {
				return spelling{}, ClassInvalid
			}
			buf[n] = byte(r)
			n++
		case r == '*' || r == '#' || r == '+':
			signs = true
		case isDash(r):
			s.head, s.solid = n, gaps == 0
			gaps++
		case isSeparator(r):
			gaps++
		default:
			return spelling{}, ClassAlphanumeric
		}
	}
	if signs {
		return spelling{}, ClassInvalid
	}
	if n-s.head < 1 || n-s.head > 6 {
		s.head = 0
	}
	s.text = string(buf[:n])
	return s, ClassInvalid
}

// plainNumber reports whether s is digits with an optional + and nothing else.
func plainNumber(s string) bool {
	if len(s) > maxDigits {
		return false
	}
	for i := range len(s) {
		if !isDigit(s[i]) && (i > 0 || s[i] != '+') {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isDash(r rune) bool { return r == '-' || '\u2010' <= r && r <= '\u2015' }

func isSeparator(r rune) bool {
	switch r {
	case ' ', '.', '(', ')', '/', '·':
		return true
	}
	return false
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unescape decodes the percent-encoded bytes of s and leaves what is no
// encoding as it is.
func unescape(s string) string {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			hi, lo := hexDigit(s[i+1]), hexDigit(s[i+2])
			if hi >= 0 && lo >= 0 {
				b = append(b, byte(hi<<4|lo))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// hexDigit returns the value of c, or -1.
func hexDigit(c byte) int {
	switch {
	case isDigit(c):
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}
