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
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	maxMessages = 100       // kept of one call: one that is retransmitted for ever takes no more
	maxBytes    = 128 << 10 // kept of one call
)

// Message is one SIP message on its way from one address to another.
type Message struct {
	Call      string // Call-ID
	At        time.Time
	Transport string // "udp", "tcp" or "tls"
	From, To  netip.AddrPort
	Raw       []byte // the whole message as the wire carried it
}

// Options configures a [Trace].
type Options struct {
	Calls int // how many calls are kept; 0: none
}

// Trace keeps messages. Its methods may be called from many goroutines. A nil Trace
// keeps nothing.
type Trace struct {
	mu    sync.Mutex
	calls *simplelru.LRU[string, *call] // in the order of their last message
	spare *call                         // the one that went last, whose memory serves again; or nil
}

// call is what is kept of a call.
type call struct {
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
	t := new(Trace)
	var err error
	t.calls, err = simplelru.NewLRU(o.Calls, t.gone)
	return t, err
}

// maxSpare is how much memory of a call that is gone is worth keeping.
const maxSpare = 16 << 10

// gone takes back the memory of a call.
func (t *Trace) gone(_ string, c *call) {
	if cap(c.text) > maxSpare {
		return
	}
	clear(c.text)
	*c = call{messages: c.messages[:0], text: c.text[:0]}
	t.spare = c
}

// Add keeps a message. It copies what it keeps; m.Raw may be used again at once.
// Where there are too many calls, the one that was silent for longest goes.
func (t *Trace) Add(m Message) {
	if t == nil || m.Call == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.calls.Get(m.Call)
	if !known {
		if c, t.spare = t.spare, nil; c == nil {
			c = new(call)
		}
		t.calls.Add(strings.Clone(m.Call), c) // it may share the memory of a whole datagram
	}
	if len(c.messages) > 0 && (len(c.messages) == maxMessages || len(c.text)+len(m.Raw) > maxBytes) {
		c.left++
		return
	}
	c.text = append(c.text, m.Raw...)
	c.messages = append(c.messages, kept{m.At, m.Transport, m.From, m.To, len(c.text)})
}

// Call returns the messages of a call in their order, and how many more there were
// that were not kept. None: the call is unknown, or was forgotten.
func (t *Trace) Call(id string) (messages []Message, left int) {
	if t == nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c, known := t.calls.Peek(id)
	if !known {
		return nil, 0
	}
	text, start := bytes.Clone(c.text), 0
	for _, k := range c.messages {
		messages = append(messages, Message{id, k.at, k.transport, k.from, k.to, text[start:k.end:k.end]})
		start = k.end
	}
	return messages, c.left
}

// Forget forgets every call in whose messages digits stand, and returns how many
// there were.
func (t *Trace) Forget(digits string) int {
	if t == nil || digits == "" {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, id := range t.calls.Keys() {
		c, _ := t.calls.Peek(id)
		if c.mentions([]byte(digits)) {
			t.calls.Remove(id)
			n++
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
