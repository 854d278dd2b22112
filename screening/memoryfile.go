package screening

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// memoryFormat is the first line of a saved Memory.
const memoryFormat = "callscreen memory 1"

// kept is one number of a saved Memory.
type kept struct {
	Country  string   `json:"c,omitempty"`
	National string   `json:"n"`
	Dialed   int64    `json:"d,omitempty"` // Unix nanoseconds
	Calls    []keptAt `json:"h,omitempty"`
}

// keptAt is a heard; its times are Unix nanoseconds, 0 for never.
type keptAt struct {
	At      int64  `json:"at"`
	Refused int64  `json:"no,omitempty"`
	ID      uint64 `json:"id"`
	To      uint64 `json:"to"`
}

// Save writes all that is remembered: one line of text and JSON lines, numbers in
// full. Calls that come in meanwhile do not wait for w.
func (m *Memory) Save(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, memoryFormat) // b keeps the error for Flush
	enc := json.NewEncoder(b)
	for _, k := range m.snapshot() {
		if err := enc.Encode(k); err != nil {
			return fmt.Errorf("screening: saving memory: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("screening: saving memory: %w", err)
	}
	return nil
}

// snapshot copies what is remembered, what was heard of longest ago first.
func (m *Memory) snapshot() []kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	unix := now.UnixNano() - m.time(now)
	all := make([]kept, 0, m.callers.Len()+m.dialed.Len())
	for _, k := range m.dialed.Keys() {
		at, _ := m.dialed.Peek(k)
		all = append(all, kept{Country: k.country, National: k.national, Dialed: at + unix})
	}
	for _, k := range m.callers.Keys() {
		c, _ := m.callers.Peek(k)
		calls := make([]keptAt, len(c.calls))
		for i, h := range c.calls {
			calls[i] = keptAt{At: h.at + unix, ID: h.id, To: h.to}
			if h.refused != never {
				calls[i].Refused = h.refused + unix
			}
		}
		all = append(all, kept{Country: k.country, National: k.national, Calls: calls})
	}
	return all
}

// errMemoryFormat reports a text that Save has not written.
var errMemoryFormat = errors.New("not a saved memory")

// Load adds what [Memory.Save] has written; it is for the time before the first
// call. On an error, which is that of r or says that the text is none of Save's or
// ends within a line, nothing is added. Where the clock was set back since, to before
// the last of it, that counts as having happened now, and the rest as long before.
func (m *Memory) Load(r io.Reader) error {
	b := bufio.NewReader(r)
	first, err := b.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("screening: loading memory: %w", err)
	}
	if first != memoryFormat+"\n" {
		return fmt.Errorf("screening: loading memory: %w", errMemoryFormat)
	}
	var all []kept
	dec := json.NewDecoder(b)
	for {
		var k kept
		switch err := dec.Decode(&k); {
		case errors.Is(err, io.EOF):
			m.restore(all)
			return nil
		case err != nil:
			return fmt.Errorf("screening: loading memory: entry %d: %w", len(all)+1, err)
		}
		all = append(all, k)
	}
}

func (m *Memory) restore(all []kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	unix := max(now.UnixNano(), newest(all)) - m.time(now)
	for _, k := range all {
		key := cacheKey{k.Country, k.National}
		if k.Dialed != 0 {
			m.dialed.Add(key, k.Dialed-unix)
		}
		if len(k.Calls) == 0 {
			continue
		}
		c := &caller{}
		for _, h := range k.Calls[max(0, len(k.Calls)-maxCalls+1):] {
			old := heard{h.At - unix, never, h.ID, h.To}
			if h.Refused != 0 {
				old.refused = h.Refused - unix
			}
			c.calls = append(c.calls, old)
		}
		slices.SortFunc(c.calls, func(a, b heard) int { return cmp.Compare(a.at, b.at) })
		m.callers.Add(key, c)
	}
}

// newest returns the time of the last that is kept.
func newest(all []kept) (at int64) {
	for _, k := range all {
		at = max(at, k.Dialed)
		for _, h := range k.Calls {
			at = max(at, h.At, h.Refused)
		}
	}
	return at
}
