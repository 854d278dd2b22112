package sipagent

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ua is a phone that behaves as RFC 3261 has it: over UDP it sends again what
// may be lost, answers again what comes again, and does nothing twice.
type ua struct {
	*phone
	t1   time.Duration
	done chan struct{}

	mu      sync.Mutex
	served  map[string]string   // answers given, by transaction
	ran     map[string]int      // how often a request was carried out, by Call-ID and CSeq
	waiting map[string]chan msg // for answers, by Call-ID and CSeq
	acked   map[string]chan struct{}
	acks    map[string]string // ACKs sent, by Call-ID and CSeq
	invites map[string]msg    // by Call-ID
	wg      sync.WaitGroup
}

func newUA(p *phone, t1 time.Duration) *ua {
	u := &ua{
		phone: p, t1: t1, done: make(chan struct{}), served: map[string]string{}, ran: map[string]int{},
		waiting: map[string]chan msg{}, acked: map[string]chan struct{}{}, acks: map[string]string{}, invites: map[string]msg{},
	}
	u.wg.Go(u.listen) // ends by stop
	p.t.Cleanup(u.stop)
	return u
}

func (u *ua) stop() {
	close(u.done)
	u.wg.Wait()
}

func (u *ua) reliable() bool { return u.transport != "" }

func (u *ua) listen() {
	for {
		select {
		case <-u.done:
			return
		default:
		}
		m, ok := u.next(20 * time.Millisecond)
		switch {
		case !ok:
		case strings.HasPrefix(string(m), "SIP/2.0 "):
			u.heardAnswer(m)
		default:
			u.heardRequest(m)
		}
	}
}

func key(m msg) string { return m.header("Call-ID") + " " + m.header("CSeq") }

func (u *ua) heardAnswer(m msg) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if ack := u.acks[key(m)]; ack != "" && strings.HasPrefix(string(m), "SIP/2.0 200") {
		u.send(ack) // each 2xx gets one
	}
	if ch := u.waiting[key(m)]; ch != nil && !strings.HasPrefix(string(m), "SIP/2.0 1") {
		select {
		case ch <- m:
		default:
		}
	}
}

func (u *ua) heardRequest(m msg) {
	u.mu.Lock()
	defer u.mu.Unlock()
	method, _, _ := strings.Cut(string(m), " ")
	if method == "ACK" {
		if ch := u.acked[m.header("Call-ID")+" "+strings.Replace(m.header("CSeq"), "ACK", "INVITE", 1)]; ch != nil {
			select {
			case ch <- struct{}{}:
			default:
			}
		}
		return
	}
	transaction := m.header("Via") + m.header("CSeq")
	if answer, again := u.served[transaction]; again {
		u.send(answer)
		return
	}
	u.ran[key(m)]++
	answer := m.answer("200 OK", "Contact: <"+u.uri("100")+">")
	u.served[transaction] = answer
	u.send(answer)
	if method == "INVITE" {
		u.invites[m.header("Call-ID")] = m
		acked := make(chan struct{}, 1)
		u.acked[key(m)] = acked
		u.wg.Go(func() { u.repeat(answer, acked) }) // ends with the ACK or by stop
	}
}

// repeat sends a 2xx until its ACK comes, over any transport (RFC 3261 section
// 13.3.1.4).
func (u *ua) repeat(answer string, acked <-chan struct{}) {
	for wait := u.t1; ; wait = min(2*wait, 8*u.t1) {
		select {
		case <-u.done:
			return
		case <-acked:
			return
		case <-time.After(wait):
			u.mu.Lock()
			u.send(answer)
			u.mu.Unlock()
		}
	}
}

// do sends a request until its final answer comes, and its ACK.
func (u *ua) do(c *call, method, branch string) (msg, error) {
	c.cseq++
	request := c.request(method, branch)
	ch := make(chan msg, 1)
	id := fmt.Sprint(c.id, " ", c.cseq, " ", method)
	u.mu.Lock()
	u.waiting[id] = ch
	u.mu.Unlock()
	give := time.After(patience)
	for wait := u.t1; ; wait = min(2*wait, 8*u.t1) {
		u.mu.Lock()
		u.send(request)
		u.mu.Unlock()
		again := time.After(wait)
		if u.reliable() {
			again = nil
		}
		select {
		case m := <-ch:
			return m, u.acknowledge(c, id, method, branch, m)
		case <-give:
			return "", fmt.Errorf("no answer to %s", id)
		case <-again:
		}
	}
}

func (u *ua) acknowledge(c *call, id, method, branch string, m msg) error {
	if !strings.HasPrefix(string(m), "SIP/2.0 200") {
		return fmt.Errorf("answer to %s: %q", id, m)
	}
	if method != "INVITE" {
		return nil
	}
	if len(c.routes) == 0 {
		c.established(m, strings.Trim(m.header("Contact"), "<>"))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.acks[id] = c.request("ACK", branch+"-ack")
	u.send(u.acks[id])
	return nil
}

// lossy is a socket that loses what passes it, both ways.
type lossy struct {
	packetConn
	percent int
	mu      *sync.Mutex
	random  *rand.Rand
	lost    *atomic.Int32
}

func (l lossy) loses() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.random.IntN(100) >= l.percent {
		return false
	}
	l.lost.Add(1)
	return true
}

func (l lossy) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if l.loses() {
		return len(b), nil
	}
	return l.packetConn.WriteToUDPAddrPort(b, to)
}

func (l lossy) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, src, err := l.packetConn.ReadFromUDPAddrPort(b)
		if err != nil || !l.loses() {
			return n, src, err
		}
	}
}
