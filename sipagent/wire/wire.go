// Package wire reads the bytes of a SIP message and rewrites them by splicing.
//
// A message stays the bytes that were received: [Scan] finds the spans that
// matter, readers look inside them, and [Splice] makes the message that leaves
// from the old bytes and a list of edits, so that what nobody edited cannot
// change. The package knows the grammar of RFC 3261 section 25 and nothing of
// proxies, peers or sockets.
package wire

// Span is a piece of a message: its bytes from Start up to, not including, End.
type Span struct{ Start, End int32 }

// Of returns the bytes of raw that the span covers.
func (s Span) Of(raw []byte) []byte { return raw[s.Start:s.End] }

// Len returns how many bytes the span covers.
func (s Span) Len() int { return int(s.End - s.Start) }

// Empty reports whether the span covers nothing, as the zero Span does.
func (s Span) Empty() bool { return s.End <= s.Start }

// Header is one header field as it stands in a message, folded lines included.
type Header struct {
	Kind  Kind
	Name  Span // as written, without the colon
	Value Span // without the white space around it; folds are inside
	Line  Span // from the name to the end of the line break
}

// Message is a scanned SIP message. It holds no copy: all spans point into Raw,
// which must not change while the Message is in use.
type Message struct {
	Raw     []byte // the header part and the body; what a datagram held behind them is cut off
	Method  Span   // of a request
	URI     Span   // the Request-URI
	Status  int    // of an answer, 100 to 699; 0 in a request
	Headers []Header
	Body    int32 // where the body begins

	CSeq       uint32
	CSeqMethod Span
	FromTag    Span // empty when there is none, or when From cannot be read
	ToTag      Span

	Flaw Flaw // what keeps the message from being forwarded, the gravest; FlawNone when nothing does

	first [kinds]int16 // index in Headers of the first of a kind, plus one
}

// Flaw says why a message that could be read must not be forwarded. A request
// with a flaw is answered, an answer with one is dropped.
type Flaw uint8

// The flaws, the gravest last: another version explains whatever else is odd,
// and without a Via or a header that an answer repeats nothing can be answered.
// The zero value means none.
const (
	FlawNone          Flaw = iota
	FlawAddress            // To, or From of a request, cannot be read; of an answer From is the caller's own
	FlawMaxForwards        // no number
	FlawContentLength      // no number, or more than there is
	FlawCSeq               // no number below 2^32, or another method than the request's
	FlawRepeated           // two of a header that may stand once
	FlawHeaderLine         // a line without a colon, or with no token in front of it
	FlawStartLine          // white space or brackets where the Request-URI should be
	FlawVersion            // not SIP/2.0
	FlawVia                // the topmost Via cannot be read
	FlawMissing            // no Via, From, To, Call-ID or CSeq
)

// Answerable reports whether the sender of a request with this flaw can be told.
func (f Flaw) Answerable() bool { return f < FlawVia }

// IsRequest reports whether the message is a request.
func (m *Message) IsRequest() bool { return m.Status == 0 }

// First returns the first header of a kind, or nil.
func (m *Message) First(k Kind) *Header {
	if i := m.first[k]; i > 0 {
		return &m.Headers[i-1]
	}
	return nil
}

// Value returns the value of the first header of a kind, or nil.
func (m *Message) Value(k Kind) []byte {
	if h := m.First(k); h != nil {
		return h.Value.Of(m.Raw)
	}
	return nil
}

// Is reports whether the message is a request of the method. Methods are
// compared by case, as RFC 3261 section 7.1 has them.
func (m *Message) Is(method string) bool {
	return m.Status == 0 && string(m.Method.Of(m.Raw)) == method
}

// Answers reports whether the message is an answer to a request of the method.
func (m *Message) Answers(method string) bool {
	return m.Status != 0 && string(m.CSeqMethod.Of(m.Raw)) == method
}

// Clone returns a copy that shares nothing with m.
func (m *Message) Clone() *Message {
	c := *m
	c.Raw = append([]byte(nil), m.Raw...)
	c.Headers = append([]Header(nil), m.Headers...)
	return &c
}
