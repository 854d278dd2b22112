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
	"slices"
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
}

// call is what is kept of a call.
type call struct {
	id       string
	messages []Message
	size     int
	left     int // messages that did not fit
}

// New returns a Trace, nil where no calls shall be kept.
func New(o Options) (*Trace, error) {
	if o.Calls < 0 {
		return nil, errors.New("trace: a number of calls below zero")
	}
	if o.Calls == 0 {
		return nil, nil
	}
	calls, err := simplelru.NewLRU[string, *call](o.Calls, nil)
	return &Trace{calls: calls}, err
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
		m.Call = strings.Clone(m.Call) // it may share the memory of a whole datagram
		c = &call{id: m.Call}
		t.calls.Add(c.id, c)
	}
	if len(c.messages) > 0 && (len(c.messages) == maxMessages || c.size+len(m.Raw) > maxBytes) {
		c.left++
		return
	}
	m.Call, m.Raw = c.id, bytes.Clone(m.Raw)
	c.messages = append(c.messages, m)
	c.size += len(m.Raw)
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
	return slices.Clone(c.messages), c.left
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
		if slices.ContainsFunc(c.messages, func(m Message) bool { return bytes.Contains(m.Raw, []byte(digits)) }) {
			t.calls.Remove(id)
			n++
		}
	}
	return n
}
