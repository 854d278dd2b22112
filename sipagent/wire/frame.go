package wire

import (
	"bytes"
	"errors"
)

// ErrFrame reports a stream that cannot be divided into messages any more: a
// header part or body over its limit, or none or several Content-Length.
var ErrFrame = errors.New("wire: the stream cannot be framed")

// Framer finds where the messages of a stream end (RFC 3261 section 18.3). The
// zero Framer with its limits set stands before the first message.
type Framer struct {
	MaxHeader  int // bytes of a start line and headers
	MaxMessage int // bytes of a whole message

	searched int // bytes in which no header part ends
	need     int // bytes of the message, once its header part is there
}

// Next returns how many bytes the message has that b begins with, or 0 when
// more of it must come first; then b must be given again with what has come
// behind it. m is scratch. The error is ErrNotSIP or ErrFrame; nothing behind
// it can be understood.
func (f *Framer) Next(m *Message, b []byte) (n int, err error) {
	if f.need == 0 {
		if f.need, err = f.measure(m, b); err != nil {
			return 0, err
		}
	}
	if f.need == 0 || len(b) < f.need {
		return 0, nil
	}
	n, f.need, f.searched = f.need, 0, 0
	return n, nil
}

// measure returns the length of the message that b begins with, or 0 while its
// header part is not whole.
func (f *Framer) measure(m *Message, b []byte) (int, error) {
	end := bytes.Index(b[f.searched:], []byte("\r\n\r\n"))
	if end < 0 {
		f.searched = max(0, len(b)-3)
		if len(b) > f.MaxHeader {
			return 0, ErrFrame
		}
		return 0, nil
	}
	header := f.searched + end + 4
	if header > f.MaxHeader {
		return 0, ErrFrame
	}
	if err := m.Scan(b[:header]); err != nil {
		return 0, err
	}
	body, ok := m.length()
	if !ok || body > int64(f.MaxMessage-header) {
		return 0, ErrFrame
	}
	return header + int(body), nil
}

// length returns the one Content-Length of a message.
func (m *Message) length() (n int64, ok bool) {
	for i := range m.Headers {
		if h := &m.Headers[i]; h.Kind == ContentLength {
			v, valid := Number(h.Value.Of(m.Raw))
			if ok || !valid {
				return 0, false
			}
			n, ok = int64(v), true
		}
	}
	return n, ok
}
