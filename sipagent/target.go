package sipagent

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"callscreen/sipagent/wire"
)

// Target is where calls to a peer go: an address, or a name that DNS knows.
type Target struct {
	URI      string // "sip:192.0.2.10:5060". One that names no transport takes calls by the one they came in by. A name without a port is looked up as SRV first (RFC 3263)
	Priority int    // those with the lowest are tried first
	Weight   int    // its share of the calls among those of its priority; default 1
}

// InOrder returns targets that are tried one after the other.
func InOrder(uris ...string) []Target {
	all := make([]Target, len(uris))
	for i, uri := range uris {
		all[i] = Target{URI: uri, Priority: i, Weight: 1}
	}
	return all
}

// target is a Target that has been read.
type target struct {
	uri       string
	priority  int
	weight    int
	number    int // among the peer's
	host      string
	ip        netip.Addr // invalid: host is a name
	port      uint16     // 0: that of the transport
	transport transport
	named     bool          // the URI names the transport
	found     []found       // where it is, as far as is known; guarded by the peer's lock
	again     time.Duration // when to first look it up again
}

// readTarget reads a Target.
func readTarget(o Target, number int) (*target, error) {
	raw := []byte(o.URI)
	u, ok := wire.ReadURI(raw, wire.Span{End: int32(len(raw))})
	if !ok || !u.IsSIP(raw) {
		return nil, fmt.Errorf("target %q is no SIP URI", o.URI)
	}
	t := &target{
		uri: o.URI, priority: o.Priority, weight: max(o.Weight, 1), number: number,
		host: string(u.Host.Of(raw)), port: u.Port,
	}
	t.transport, t.named = transportOf(raw, u)
	if t.ip = numeric([]byte(t.host), 0).Addr(); !t.ip.IsValid() && !isHostName(t.host) {
		return nil, fmt.Errorf("target %q: %q is no name of a host", o.URI, t.host)
	}
	return t, nil
}

// isHostName reports whether DNS can be asked for a name.
func isHostName(s string) bool {
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return len(s) < 254
}

// takes reports whether the target can be reached by a transport. A port that
// stands there without one is that of UDP and TCP.
func (t *target) takes(by transport) bool {
	if t.named {
		return by == t.transport
	}
	return by != overTLS || t.port == 0
}

// addr is where a host of the target is reached by a transport.
func (t *target) addr(ip netip.Addr, by transport) netip.AddrPort {
	return netip.AddrPortFrom(ip, cmp.Or(t.port, by.port()))
}

// place is an address that a peer has by one transport: what a call is sent to.
// It outlives what DNS says, and knows whether somebody answers there.
type place struct {
	link   *link
	addr   netip.AddrPort
	target *target
	index  byte // among the peer's, part of our branches
	health
	prober atomic.Pointer[prober] // nil: it is not asked whether it is there
}

// maxPlaces is how many places of a peer branches can tell apart.
const maxPlaces = len(digits)

// places is a set of indexes of places.
type places uint64

func (p places) has(x *place) bool    { return p&(1<<x.index) != 0 }
func (p places) with(x *place) places { return p | 1<<x.index }

// choice is a place as it stands in a roster.
type choice struct {
	*place
	priority int // among the places of its target (RFC 2782)
	weight   int
}

// roster is where calls to a peer may go, by the transport that a call would
// rather take. It does not change.
type roster [transports][]choice

// but returns all places except those that are wanted; none when there is none of
// these.
func (r *roster) but(by transport, wanted func(x *place) bool) (others places) {
	found := false
	for _, c := range r[by] {
		if wanted(c.place) {
			found = true
		} else {
			others = others.with(c.place)
		}
	}
	if !found {
		return 0
	}
	return others
}

// choose returns the place that a call goes to, or nil when all have been tried.
// The same seed makes the same choice while the same places are up.
func (r *roster) choose(by transport, tried places, seed uint64) *place {
	all := r[by]
	if len(all) == 1 && !tried.has(all[0].place) {
		return all[0].place
	}
	var room [maxPlaces]choice
	pool := room[:0]
	for _, c := range all {
		if !tried.has(c.place) {
			pool = append(pool, c)
		}
	}
	if len(pool) == 0 {
		return nil
	}
	now := time.Now()
	pool = least(pool, func(c choice) int { return c.standing(now, seed) })
	pool = least(pool, func(c choice) int { return c.target.priority })
	chosen := draw(pool, seed, func(i int) int {
		if i > 0 && pool[i].target == pool[i-1].target {
			return 0 // its target has been counted
		}
		return pool[i].target.weight
	}).target
	pool = least(pool, func(c choice) int {
		if c.target == chosen {
			return c.priority
		}
		return 1 << 16 // more than SRV can say
	})
	const rare = 64 // of two SRV with weights 0 and 1, the first gets one call of 66
	return draw(pool, seed>>32|seed<<32, func(i int) int { return rare*pool[i].weight + 1 }).place
}

// least keeps those of a pool that have the least of something.
func least(pool []choice, of func(choice) int) []choice {
	kept, bound := pool[:0], 0
	for _, c := range pool {
		n := of(c)
		if len(kept) == 0 || n < bound {
			kept, bound = kept[:0], n
		}
		if n == bound {
			kept = append(kept, c)
		}
	}
	return kept
}

// draw takes one of a pool, each with its weight.
func draw(pool []choice, seed uint64, weight func(i int) int) choice {
	sum := 0
	for i := range pool {
		sum += weight(i)
	}
	at := int(seed % uint64(sum))
	for i := range pool {
		if at -= weight(i); at < 0 {
			return pool[i]
		}
	}
	return pool[0]
}
