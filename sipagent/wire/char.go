package wire

import "bytes"

// token holds the characters of a token (RFC 3261 section 25.1).
var token = func() (t [256]bool) {
	for c := '0'; c <= '9'; c++ {
		t[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = true, true
	}
	for _, c := range "-.!%*_+`'~" {
		t[c] = true
	}
	return t
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if !token[c] {
			return false
		}
	}
	return len(b) > 0
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isSpace reports linear white space; inside a header a line break is always
// the beginning of a fold.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// trim returns s without the white space at its ends.
func trim(raw []byte, s Span) Span {
	for s.Start < s.End && isSpace(raw[s.Start]) {
		s.Start++
	}
	for s.Start < s.End && isSpace(raw[s.End-1]) {
		s.End--
	}
	return s
}

// quoted returns where the quoted string that begins at i ends, its closing
// quote included, or -1 when it does not end before end.
func quoted(raw []byte, i, end int32) int32 {
	for i++; i < end; i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// closed reports whether every quoted string in the span ends there.
func closed(raw []byte, s Span) bool {
	for i := s.Start; i < s.End; i++ {
		if raw[i] != '"' {
			continue
		}
		if i = quoted(raw, i, s.End) - 1; i < 0 {
			return false
		}
	}
	return true
}

// until returns where the separator first stands outside quotes, or the end of
// the span.
func until(raw []byte, s Span, sep byte) int32 {
	before := s.Of(raw) // most values hold no quotes, and searching is faster than reading
	if i := bytes.IndexByte(before, sep); i >= 0 {
		before = before[:i]
	}
	if bytes.IndexByte(before, '"') < 0 {
		return s.Start + int32(len(before))
	}
	return untilEither(raw, s, sep, sep)
}

func untilEither(raw []byte, s Span, sep, or byte) int32 {
	for i := s.Start; i < s.End; i++ {
		switch c := raw[i]; c {
		case sep, or:
			return i
		case '"':
			q := quoted(raw, i, s.End)
			if q < 0 {
				return s.End
			}
			i = q - 1
		}
	}
	return s.End
}

// splitAt returns what stands before the comma at i and behind it.
func splitAt(raw []byte, s Span, i int32) (value, rest Span) {
	if i < s.End {
		rest = trim(raw, Span{i + 1, s.End})
	}
	return trim(raw, Span{s.Start, i}), rest
}
