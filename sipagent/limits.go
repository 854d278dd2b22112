package sipagent

import (
	"cmp"
	"fmt"
	"net/netip"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"callscreen/sipagent/wire"
)

// Limits bound what strangers and peers can make us keep and do. Zero takes the
// default. A source is an address; one past SetupsPerSource or SetupsPerSecond
// loses its lookups and no call: what can be decided without one still is.
type Limits struct {
	Setups            int // calls that are being set up, or were in the last half minute; default 20000. The latter give way; more of the former get FullStatus, and so does in the last tenth a source that holds half of them
	FullStatus        int // default 480; or 486, 500, 503
	SetupsPerSource   int // calls of one source that are being set up; default 10000
	SetupsPerSecond   int // new calls of one source; default 1000
	MessagesPerSecond int // of one source; default 100000; more are dropped
	MessageBytes      int // longest message; default 65535; longer datagrams are dropped, longer messages end their connection
	HeaderBytes       int // longest start line and headers on a connection; default 32768
	Headers           int // header fields of a message; default 200, which is the most; requests with more get 513, answers are dropped
	BodyBytes         int // longest body; default 65535; the same
	Connections       int // that one address may have open to a socket; default 100; more are closed
	UDPBytes          int // longest request that leaves by UDP where TCP can be had (RFC 3261 section 18.1.1); default 1300
}

func (l Limits) withDefaults() Limits {
	return Limits{
		Setups: cmp.Or(l.Setups, 20000), FullStatus: cmp.Or(l.FullStatus, 480),
		SetupsPerSource: cmp.Or(l.SetupsPerSource, 10000), SetupsPerSecond: cmp.Or(l.SetupsPerSecond, 1000),
		MessagesPerSecond: cmp.Or(l.MessagesPerSecond, 100000), MessageBytes: cmp.Or(l.MessageBytes, 65535),
		HeaderBytes: cmp.Or(l.HeaderBytes, 32768), Headers: cmp.Or(l.Headers, wire.MaxHeaders), BodyBytes: cmp.Or(l.BodyBytes, 65535),
		Connections: cmp.Or(l.Connections, 100), UDPBytes: cmp.Or(l.UDPBytes, 1300),
	}
}

func (l Limits) check() error {
	switch l.FullStatus {
	case 480, 486, 500, 503:
		return nil
	}
	return fmt.Errorf("sipagent: status %d for a full table: 480, 486, 500 and 503 are possible", l.FullStatus)
}

// maxSources is how many addresses are known at a time. Networks may hold more;
// who has been silent the longest is forgotten and may begin anew.
const maxSources = 4096

// source is an address that messages come from, and what it has used up.
type source struct {
	messages, setups *rate.Limiter
	open             atomic.Int64 // its calls in the table
}

func newSources() *lru.Cache[netip.Addr, *source] {
	c, _ := lru.New[netip.Addr, *source](maxSources) // fails for a size below one only
	return c
}

// sourceOf returns the source of an address; most messages of a burst have the
// same.
func (w *work) sourceOf(a netip.Addr) *source {
	if w.source != nil && w.sourceAddr == a {
		return w.source
	}
	s, ok := w.sources.Get(a)
	if !ok {
		l := w.limits
		s = &source{
			messages: rate.NewLimiter(rate.Limit(l.MessagesPerSecond), l.MessagesPerSecond),
			setups:   rate.NewLimiter(rate.Limit(l.SetupsPerSecond), l.SetupsPerSecond),
		}
		if first, known, _ := w.sources.PeekOrAdd(a, s); known {
			s = first
		}
	}
	w.source, w.sourceAddr = s, a
	return s
}

// begins notes a new call, and reports whether looking it up is within limits.
func (s *source) begins(perSource int) bool {
	inTime := s.setups.Allow()
	return s.open.Add(1) <= int64(perSource) && inTime
}

// ends notes that a call has left the table.
func (s *source) ends() { s.open.Add(-1) }

// tooBig reports whether a message has more of anything than the limits allow.
func (w *work) tooBig() bool {
	return len(w.msg.Headers) > w.limits.Headers || len(w.msg.Raw)-int(w.msg.Body) > w.limits.BodyBytes
}
