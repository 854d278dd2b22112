package sipagent

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/emiago/sipgo/sip"

	"callscreen/sipagent/wire"
)

// header is one more header of an answer of ours.
type header struct{ name, value string }

// phrases are the reason phrases of our own answers; nothing else of ours ever
// reaches a peer in words.
var phrases = map[int]string{
	100: "Trying",
	200: "OK",
	302: "Moved Temporarily",
	400: "Bad Request",
	403: "Forbidden",
	404: "Not Found",
	405: "Method Not Allowed",
	408: "Request Timeout",
	416: "Unsupported URI Scheme",
	420: "Bad Extension",
	480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist",
	482: "Loop Detected",
	483: "Too Many Hops",
	486: "Busy Here",
	487: "Request Terminated",
	500: "Server Internal Error",
	502: "Bad Gateway",
	503: "Service Unavailable",
	504: "Server Time-out",
	505: "Version Not Supported",
	513: "Message Too Large",
	603: "Decline",
}

// newParser returns a parser that reads the start line and leaves every header
// as it came: what the proxy needs of them it reads from the bytes.
func newParser() *sip.Parser {
	return sip.NewParser(sip.WithHeadersParsers(sip.HeadersParser{}))
}

// answer makes an answer of ours to the request m. tag is the To tag, empty in
// a 100 and where the request has one.
func (w *work) answer(m *wire.Message, via wire.ViaValue, status int, phrase, tag string, extra []header) []byte {
	if phrase == "" {
		phrase = phrases[status]
	}
	top := m.First(wire.Via)
	w.forgetEdits() // of a way that it did not take
	w.markReceived(m, via, w.src)
	b := append(make([]byte, 0, answerBytes), "SIP/2.0 "...)
	b = append(strconv.AppendInt(b, int64(status), 10), ' ')
	b = append(append(b, phrase...), "\r\n"...)
	b = appendHeader(b, "Via", w.splice(m.Raw[:top.Value.End])[top.Value.Start:])
	for i := range m.Headers {
		if h := &m.Headers[i]; h.Kind == wire.Via && h != top {
			b = appendHeader(b, "Via", h.Value.Of(m.Raw))
		}
	}
	b = appendHeader(b, "From", m.Value(wire.From))
	b = append(append(b, "To: "...), m.Value(wire.To)...)
	if tag != "" && m.ToTag.Empty() {
		b = append(append(b, ";tag="...), tag...)
	}
	b = appendHeader(append(b, "\r\n"...), "Call-ID", m.Value(wire.CallID))
	b = appendHeader(b, "CSeq", m.Value(wire.CSeq))
	for _, h := range extra {
		b = appendHeader(b, h.name, h.value)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}

// answerBytes is room for most of our answers.
const answerBytes = 640

func appendHeader[T []byte | string](b []byte, name string, value T) []byte {
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
}

// timestamp is what a 100 repeats of its INVITE, and how long the INVITE has waited
// for it (RFC 3261 section 8.2.6.1).
func timestamp(m *wire.Message, waited time.Duration) []header {
	for _, h := range named(m, "timestamp") {
		if said := bytes.Fields(h.Value.Of(m.Raw)); len(said) > 0 {
			return []header{{"Timestamp", fmt.Sprintf("%s %.3f", said[0], waited.Seconds())}}
		}
	}
	return nil
}

// reply answers the request that is being handled and keeps nothing (RFC 3261
// section 8.2.7): a retransmission is answered again, an ACK is known by the tag.
func (w *work) reply(status int, extra []header) {
	b := w.answer(&w.msg, w.via, status, "", w.tag(w.tok), extra)
	_ = w.send(w.back(), b) // counted
}
