// Package trace keeps the SIP messages of the last calls, as they came and as they
// left, and shows them as a ladder or as a file for Wireshark and sngrep.
//
// It knows bytes, addresses and times, and no SIP but the first line of a message.
// Whoever receives and sends messages hands them in; nothing here ever waits.
package trace

import (
	"bytes"
	"errors"
	"net/netip"
	"sync"
	"time"
)

const (
	maxMessages = 100       // kept of one call: one that is retransmitted for ever takes no more
	maxBytes    = 128 << 10 // kept of one call
	maxSpare    = 16 << 10  // more memory is not kept for the next call
)

// Message is one SIP message on its way from one address to another.
type Message struct {
	Call      []byte `json:"-"` // Call-ID
	At        time.Time
	Transport string // "udp", "tcp" or "tls"
	From, To  netip.AddrPort
	Raw       []byte // the whole message as the wire carried it
}

// Options configures a [Trace].
type Options struct {
	Calls int // how many calls are kept, and a tenth as many of what began with no INVITE; 0: none
}

// Trace keeps messages. Its methods may be called from many goroutines. A nil Trace
// keeps nothing.
type Trace struct {
	mu    sync.Mutex
	known map[string]*call // by Call-ID
	calls ring
	rest  ring // OPTIONS, REGISTER, and the ends of calls whose beginning is gone
}

// ring holds calls in the order in which they began. Were the one to go that was
// silent for longest, those that ring or talk would go before those that have ended,
// and come again in pieces.
type ring struct {
	calls []call
	next  int // place of the one that goes next
}

// call is what is kept of a call.
type call struct {
	id       string // empty: there is none
	messages []kept
	text     []byte // of all messages, one behind the other
	left     int    // messages that did not fit
}

// kept is a message without its text.
type kept struct {
	at        time.Time
	transport string
	from, to  netip.AddrPort
	end       int // of its text
}

// New returns a Trace, nil where no calls shall be kept.
func New(o Options) (*Trace, error) {
	if o.Calls < 0 {
		return nil, errors.New("trace: a number of calls below zero")
	}
	if o.Calls == 0 {
		return nil, nil
	}
	return &Trace{
		known: make(map[string]*call, o.Calls),
		calls: ring{calls: make([]call, o.Calls)}, rest: ring{calls: make([]call, o.Calls/10+1)},
	}, nil
}

// Add keeps a message. It copies what it keeps; m.Call and m.Raw may be used again at
// once. Where there are too many calls, the one that began first goes.
func (t *Trace) Add(m Message) {
	if t == nil || len(m.Call) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.known[string(m.Call)]
	if c == nil {
		c = t.begin(&m)
	}
	if len(c.messages) > 0 && (len(c.messages) == maxMessages || len(c.text)+len(m.Raw) > maxBytes) {
		c.left++
		return
	}
	c.text = append(c.text, m.Raw...)
	c.messages = append(c.messages, kept{m.At, m.Transport, m.From, m.To, len(c.text)})
}

// begin makes room for the call of a message. What is no call pushes out none.
func (t *Trace) begin(m *Message) *call {
	r := &t.calls
	if !bytes.HasPrefix(m.Raw, []byte("INVITE ")) {
		r = &t.rest
	}
	c := &r.calls[r.next]
	r.next = (r.next + 1) % len(r.calls)
	t.end(c)
	c.id = string(m.Call)
	t.known[c.id] = c
	return c
}

// end forgets a call. Its text stays in memory until another's is written over it.
func (t *Trace) end(c *call) {
	delete(t.known, c.id)
	if cap(c.text) > maxSpare {
		c.text = nil
	}
	*c = call{messages: c.messages[:0], text: c.text[:0]}
}

// Call returns the messages of a call in their order, and how many more there were
// that were not kept. None: the call is unknown, or was forgotten.
func (t *Trace) Call(id string) (messages []Message, left int) {
	if t == nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.known[id]
	if c == nil {
		return nil, 0
	}
	text, start := bytes.Clone(c.text), 0
	for _, k := range c.messages {
		messages = append(messages, Message{[]byte(id), k.at, k.transport, k.from, k.to, text[start:k.end:k.end]})
		start = k.end
	}
	return messages, c.left
}

// Forget forgets every call in whose messages digits stand, and returns how many
// there were. Nothing of what went, now or before, stays in memory that serves again.
func (t *Trace) Forget(digits string) (n int) {
	if t == nil || digits == "" {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range [...]ring{t.calls, t.rest} {
		for i := range r.calls {
			c := &r.calls[i]
			if c.mentions([]byte(digits)) {
				clear(c.text)
				t.end(c)
				n++
			}
			clear(c.text[len(c.text):cap(c.text)])
		}
	}
	return n
}

// mentions reports whether digits stand in one of the messages.
func (c *call) mentions(digits []byte) bool {
	start := 0
	for _, k := range c.messages {
		if bytes.Contains(c.text[start:k.end], digits) {
			return true
		}
		start = k.end
	}
	return false
}
