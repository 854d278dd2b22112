package wire

import "bytes"

// FindCallID returns the Call-ID of a message that [Message.Scan] can read, for who
// needs nothing else of it; nil when there is none.
func FindCallID(b []byte) []byte {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil
		}
		b = b[end+1:]
		if len(b) < 2 || b[0] == '\r' || b[0] == '\n' {
			return nil
		}
		if first := b[0] | 0x20; first != 'i' && (first != 'c' || b[1]|0x20 != 'a') {
			continue
		}
		if colon := bytes.IndexByte(b, ':'); colon > 0 && kindOf(bytes.TrimRight(b[:colon], " \t")) == CallID {
			return trim(b, Span{int32(colon + 1), int32(colon + 1 + line(b[colon+1:]))}).Of(b)
		}
	}
}

// line returns where a header line that may be folded ends.
func line(b []byte) int {
	for n := 0; ; {
		end := bytes.IndexByte(b[n:], '\n')
		if end < 0 {
			return len(b)
		}
		n += end + 1
		if n == len(b) || b[n] != ' ' && b[n] != '\t' {
			return n
		}
	}
}
