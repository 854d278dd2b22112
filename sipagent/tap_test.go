package sipagent

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"callscreen/screening"
)

// tape is a Tap that keeps what it sees.
type tape struct {
	mu  sync.Mutex
	all []Message
}

func (t *tape) Message(m Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m.Call, m.Raw = bytes.Clone(m.Call), bytes.Clone(m.Raw)
	t.all = append(t.all, m)
}

// of returns what was seen between two addresses, as they are on the wire.
func (t *tape) of(from, to netip.AddrPort) (raw string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.all {
		if m.From == from && m.To == to {
			raw += string(m.Raw)
		}
	}
	return raw
}

// A Tap sees every message, byte by byte, where it came from and where it went.
func TestTap(t *testing.T) {
	for _, wildcard := range []bool{false, true} {
		var seen tape
		r := newRig(t, labelled, func(o *Options) {
			o.Tap = &seen
			if wildcard {
				o.Listeners[0].Addresses = []string{"udp:0.0.0.0:0"}
			}
		})
		c := r.carrier.newCall("tapped")
		inv := r.talk(c)
		c.cseq++
		r.carrier.send(c.request("BYE", "bye"))
		r.pbx.send(r.pbx.want("BYE ").answer("200 OK"))
		r.carrier.want("SIP/2.0 200")
		r.stop()
		for _, p := range []*phone{r.carrier, r.pbx} {
			if got, want := seen.of(p.proxy, p.addr), p.trace.String(); got != want {
				t.Errorf("left for %v: %q, want %q", p.addr, got, want)
			}
		}
		came := seen.of(r.carrier.addr, r.carrier.proxy) + seen.of(r.pbx.addr, r.pbx.proxy)
		if n := strings.Count(came, "\r\n\r\n"); n != 5 || !strings.Contains(came, string(sipBytes(inv.answer("200 OK")))) {
			t.Errorf("came: %d messages, want 5: %q", n, came)
		}
		for _, m := range seen.all {
			if string(m.Call) != c.id || m.Transport != "udp" || m.At.IsZero() {
				t.Errorf("%+v", m)
			}
		}
	}
}

// The same over a connection, whichever end opened it.
func TestTapOnStreams(t *testing.T) {
	var seen tape
	r := newMixedRig(t, sides{carrier: "tcp", pbx: "tcp"}, allowed, func(o *Options) { o.Tap = &seen })
	r.talk(r.carrier.newCall("tapped"))
	r.stop()
	for _, p := range []*phone{r.carrier, r.pbx} {
		seen.mu.Lock()
		var got string
		for _, m := range seen.all {
			if m.Transport != "tcp" {
				t.Errorf("%+v", m)
			}
			if m.From == p.proxy {
				got += string(m.Raw)
			}
		}
		seen.mu.Unlock()
		if want := p.trace.String(); got != want {
			t.Errorf("left for %v: %q, want %q", p.addr, got, want)
		}
	}
}

type brokenTap struct{}

func (brokenTap) Message(Message) { panic("broken") }

// A Tap that breaks costs no message.
func TestTapBreaks(t *testing.T) {
	r := newRig(t, verdict(screening.Verdict{}), func(o *Options) { o.Tap = brokenTap{} })
	r.talk(r.carrier.newCall("broken"))
	if n := r.agent.Drops()["panic"]; n < 6 {
		t.Error(fmt.Sprint(n, " panics, want one for each message"))
	}
}

// Nobody who listens costs nothing.
func TestNoTapCostsNothing(t *testing.T) {
	a := &Agent{}
	w := &work{Agent: a}
	if n := testing.AllocsPerRun(100, func() { w.tapIn(); a.tapOut(way{}, nil) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
