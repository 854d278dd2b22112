package wire

import (
	"bytes"
	"errors"
	"math"
)

// What Scan takes at the most. A message past one of these is no message.
const (
	MaxStartLine  = 2048 // bytes of the start line
	MaxSemicolons = 32   // in the start line; sipgo's parser takes quadratic time over URI parameters
	MaxHeaders    = 200  // header fields
	maxMessage    = 1 << 20
)

// ErrNotSIP reports bytes that are no SIP message at all: no start line, no end
// of the header part, or control characters that would change their meaning on
// the next hop. Nothing is answered to them.
var ErrNotSIP = errors.New("wire: not a SIP message")

// Scan reads a datagram into m, whose Headers are reused. It returns ErrNotSIP
// for what cannot be SIP; a message that can be read but not forwarded gets a
// Flaw. It allocates nothing once m.Headers has grown.
func (m *Message) Scan(raw []byte) error {
	*m = Message{Raw: raw, Headers: m.Headers[:0]}
	if len(raw) > maxMessage {
		return ErrNotSIP
	}
	end := bytes.Index(raw, []byte("\r\n\r\n"))
	if end < 0 {
		return ErrNotSIP
	}
	m.Body = int32(end + 4)
	if !clean(raw[:end]) {
		return ErrNotSIP
	}
	next, ok := m.scanStartLine()
	if !ok {
		return ErrNotSIP
	}
	for next < end+2 {
		if next = m.scanHeader(next); len(m.Headers) > MaxHeaders {
			return ErrNotSIP
		}
	}
	m.check()
	return nil
}

// clean reports whether the header part holds no CR, LF or NUL that a careless
// reader could take for the end of a header. A NUL may stand behind a backslash
// (quoted-pair).
func clean(b []byte) bool {
	for i := 0; i < len(b); {
		cr := bytes.IndexByte(b[i:], '\r')
		line := b[i:]
		if cr >= 0 {
			if i+cr+1 >= len(b) || b[i+cr+1] != '\n' {
				return false
			}
			line = b[i : i+cr]
		}
		if bytes.IndexByte(line, '\n') >= 0 {
			return false
		}
		if bytes.IndexByte(line, 0) >= 0 && !nulsEscaped(line) {
			return false
		}
		if cr < 0 {
			return true
		}
		i += cr + 2
	}
	return true
}

func nulsEscaped(line []byte) bool {
	escaped := false
	for _, c := range line {
		if c == 0 && !escaped {
			return false
		}
		escaped = c == '\\' && !escaped
	}
	return true
}

// scanStartLine reads the first line and returns where the headers begin.
func (m *Message) scanStartLine() (next int, ok bool) {
	eol := bytes.IndexByte(m.Raw, '\r')
	line := m.Raw[:eol]
	if len(line) > MaxStartLine || bytes.Count(line, []byte{';'}) > MaxSemicolons {
		return 0, false
	}
	if len(line) > 4 && EqualFold(line[:4], "sip/") {
		return eol + 2, m.scanStatusLine(line)
	}
	return eol + 2, m.scanRequestLine(line)
}

func (m *Message) scanStatusLine(line []byte) bool {
	if len(line) < 11 || !EqualFold(line[:8], "sip/2.0 ") || len(line) > 11 && line[11] != ' ' {
		return false
	}
	n, ok := Number(line[8:11])
	m.Status = int(n)
	return ok && n >= 100 && n <= 699
}

func (m *Message) scanRequestLine(line []byte) bool {
	sp := bytes.IndexByte(line, ' ')
	last := bytes.LastIndexByte(line, ' ')
	if sp <= 0 || !isToken(line[:sp]) {
		return false
	}
	m.Method = Span{0, int32(sp)}
	m.URI = Span{int32(sp + 1), int32(max(last, sp+1))}
	uri, version := m.URI.Of(m.Raw), line[last+1:]
	switch {
	case len(uri) == 0, uri[0] == '<', bytes.ContainsAny(uri, " \t"), len(version) == 0:
		m.flaw(FlawStartLine)
	case EqualFold(version, "sip/2.0"):
	case len(version) > 4 && EqualFold(version[:4], "sip/"):
		m.flaw(FlawVersion)
	default:
		return false
	}
	return true
}

// scanHeader reads the header that begins at start, with its folded lines, and
// returns where the next one begins.
func (m *Message) scanHeader(start int) (next int) {
	eol := start + bytes.IndexByte(m.Raw[start:], '\r')
	colon := bytes.IndexByte(m.Raw[start:eol], ':')
	for eol+2 < int(m.Body)-2 && isBlank(m.Raw[eol+2]) {
		eol += 2 + bytes.IndexByte(m.Raw[eol+2:], '\r')
	}
	line := Span{int32(start), int32(eol + 2)}
	if colon < 0 {
		m.flaw(FlawHeaderLine)
		return eol + 2
	}
	name := trim(m.Raw, Span{int32(start), int32(start + colon)})
	if int(name.Start) != start || !isToken(name.Of(m.Raw)) {
		m.flaw(FlawHeaderLine)
		return eol + 2
	}
	kind := kindOf(name.Of(m.Raw))
	value := trim(m.Raw, Span{int32(start + colon + 1), int32(eol)})
	m.Headers = append(m.Headers, Header{Kind: kind, Name: name, Value: value, Line: line})
	switch {
	case kind == Other:
	case m.first[kind] == 0:
		m.first[kind] = int16(len(m.Headers))
	case single[kind]:
		m.flaw(FlawRepeated)
	}
	return eol + 2
}

// check reads what every message is handled by.
func (m *Message) check() {
	for _, k := range [...]Kind{Via, From, To, CallID, CSeq} {
		if len(m.Value(k)) == 0 {
			m.flaw(FlawMissing)
			return
		}
	}
	m.checkCSeq()
	m.checkLength()
	from, to := m.tag(&m.FromTag, From), m.tag(&m.ToTag, To)
	if !to || !from && m.IsRequest() {
		m.flaw(FlawAddress)
	}
	if _, _, ok := ReadVia(m.Raw, m.First(Via).Value); !ok {
		m.flaw(FlawVia)
	}
	if v := m.Value(MaxForwards); m.IsRequest() && v != nil {
		if _, ok := Number(v); !ok {
			m.flaw(FlawMaxForwards)
		}
	}
}

func (m *Message) checkCSeq() {
	at := m.First(CSeq).Value
	v := at.Of(m.Raw)
	digits := 0
	for digits < len(v) && isDigit(v[digits]) {
		digits++
	}
	n, ok := Number(v[:digits])
	m.CSeq = n
	m.CSeqMethod = trim(m.Raw, Span{at.Start + int32(digits), at.End})
	method := m.CSeqMethod.Of(m.Raw)
	if !ok || !isToken(method) || int(m.CSeqMethod.Start) == int(at.Start)+digits ||
		m.IsRequest() && !bytes.Equal(method, m.Method.Of(m.Raw)) {
		m.flaw(FlawCSeq)
	}
}

func (m *Message) checkLength() {
	h := m.First(ContentLength)
	if h == nil {
		return
	}
	n, ok := Number(h.Value.Of(m.Raw))
	if !ok || int64(n) > int64(len(m.Raw))-int64(m.Body) {
		m.flaw(FlawContentLength)
		return
	}
	m.Raw = m.Raw[:int(m.Body)+int(n)]
}

// tag reads the tag of an address, and reports whether that can be read.
func (m *Message) tag(tag *Span, k Kind) (ok bool) {
	a, ok := ReadAddress(m.Raw, m.First(k).Value)
	if ok {
		p, _ := FindParam(m.Raw, a.Params, "tag")
		*tag = p.Value
	}
	return ok
}

// flaw notes a flaw, unless a graver one has been found.
func (m *Message) flaw(f Flaw) { m.Flaw = max(m.Flaw, f) }

// Number reads an unsigned decimal below 2^32; anything else is not ok.
func Number(b []byte) (n uint32, ok bool) {
	v := uint64(0)
	for _, c := range b {
		if v = v*10 + uint64(c-'0'); !isDigit(c) || v > math.MaxUint32 {
			return 0, false
		}
	}
	return uint32(v), len(b) > 0
}
