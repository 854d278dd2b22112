package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// What a PBX does with calls.
type behaviour int

const (
	answers behaviour = iota // rings, and picks up
	rings                    // and does not pick up
	busy                     // says 503
	dumb                     // says nothing to anybody
)

// pbx is a PBX that can break and be mended.
type pbx struct {
	t    *testing.T
	name string // the tag of its answers
	addr netip.AddrPort

	mu   sync.Mutex
	does behaviour
	got  map[string]int // requests by method
	stop func()         // nil: it is not there
}

// newPBX makes a PBX at an address, which is not there yet.
func newPBX(t *testing.T, name string, at netip.AddrPort) *pbx {
	return &pbx{t: t, name: name, addr: at, got: map[string]int{}}
}

// start puts the PBX to work, which goes on until kill or the end of the test.
func (p *pbx) start(proxy netip.AddrPort) {
	p.t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(p.addr))
	if err != nil {
		p.t.Fatal(err)
	}
	line := &phone{t: p.t, conn: conn, addr: p.addr, proxy: proxy, seen: map[message]bool{}}
	p.stop = line.serve(p.handle)
	p.t.Cleanup(p.kill)
}

// kill closes its socket: what is sent there comes back.
func (p *pbx) kill() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

func (p *pbx) becomes(b behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.does = b
}

// count returns how many requests of a method it has got.
func (p *pbx) count(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got[method]
}

// handle returns what the PBX says to a message.
func (p *pbx) handle(m message) []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	method, _, _ := strings.Cut(string(m), " ")
	p.got[method]++
	switch {
	case p.does == dumb:
		return nil
	case method == "OPTIONS":
		return []message{p.says(m, "200 OK")}
	case method == "INVITE" && p.does == busy:
		return []message{p.says(m, "503 Service Unavailable")}
	case method == "INVITE" && p.does == rings:
		return []message{p.says(m, "180 Ringing")}
	case method == "INVITE":
		return []message{p.says(m, "180 Ringing"), p.says(m, "200 OK")}
	case method == "BYE":
		return []message{p.says(m, "200 OK")}
	}
	return nil
}

// says is an answer that tells whose it is.
func (p *pbx) says(m message, status string) message {
	a := strings.Replace(string(m.answer(status)), ";tag=callee", ";tag="+p.name, 1)
	return message(strings.Replace(a, "Contact: <"+m.uri()+">", fmt.Sprintf("Contact: <sip:100@%s>", p.addr), 1))
}

// callEnd is what became of a call.
type callEnd struct {
	status int
	by     string        // the tag of who gave the final answer
	rang   time.Duration // until somebody rang whose answer it is
	took   time.Duration // until the final answer
}

// place places a call and follows it to its final answer. An answered call is hung
// up, by way of the PBX that has it. ringing is called when it rings.
func (o *office) place(number string, ringing func(by string)) (f callEnd) {
	o.t.Helper()
	d := o.carrier.dial(number)
	start := time.Now()
	o.carrier.send(d.invite())
	for f.status < 200 {
		m, ok := o.carrier.next(2 * patience)
		if !ok {
			o.t.Fatalf("call %s gets no final answer", d.id)
		}
		if m.header("Call-ID") != d.id || !strings.HasSuffix(m.header("CSeq"), "INVITE") {
			continue
		}
		_, f.by, _ = strings.Cut(m.header("To"), ";tag=")
		switch f.status = m.status(); {
		case f.status == 180:
			f.rang = time.Since(start)
			if ringing != nil {
				ringing(f.by)
			}
		case f.status >= 200:
			f.took = time.Since(start)
			o.carrier.send(d.ack(m))
		}
	}
	if f.status == 503 {
		o.t.Errorf("the carrier got 503 for call %s", d.id)
	}
	if f.status == 200 {
		o.carrier.send(d.bye())
		for ok, m := true, message(""); m.header("CSeq") != "2 BYE"; {
			if m, ok = o.carrier.next(patience); !ok {
				o.t.Fatalf("nobody answers the BYE of call %s", d.id)
			}
		}
	}
	return f
}
