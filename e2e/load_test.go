package e2e

import (
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The timers of RFC 3261 section 17.1.1.1 that the phones of a load keep.
const (
	t1       = 500 * time.Millisecond
	t2       = 4 * time.Second
	timerB   = 64 * t1
	ringTime = 200 * time.Millisecond // until the callee answers
	halfTalk = 500 * time.Millisecond // between two requests in a call
)

// load is a carrier that places calls at a rate, and a PBX that answers them.
// Both do what RFC 3261 has phones do when a message is lost, so a call that fails
// is one that real phones would have lost.
type load struct {
	t            *testing.T
	carrier, pbx *phone
	placing      sync.WaitGroup
	ended        chan struct{}

	mu       sync.Mutex
	calls    map[string]chan message // what comes for a caller, by Call-ID
	callees  map[string]*callee
	fates    map[string]int // how many calls ended so
	repeated atomic.Int64   // requests that were sent more than once
}

// startLoad begins to place calls, and goes on until stop.
func (o *office) startLoad(perSecond int) *load {
	l := &load{
		t: o.t, carrier: o.carrier, pbx: o.pbx, ended: make(chan struct{}),
		calls: map[string]chan message{}, callees: map[string]*callee{}, fates: map[string]int{},
	}
	go l.carrier.listen(l.toCaller) // ends with the socket, as the next
	go l.pbx.listen(l.toCallee)
	l.placing.Go(func() { // ends by stop
		every := time.NewTicker(time.Second / time.Duration(perSecond))
		defer every.Stop()
		for n := 0; ; n++ {
			select {
			case <-l.ended:
				return
			case <-every.C:
				l.placing.Go(func() { l.place(fmt.Sprint(13600000000 + n)) })
			}
		}
	})
	return l
}

// stop waits for all calls to end and returns what became of them; "" stands for
// those that went well.
func (l *load) stop() map[string]int {
	close(l.ended)
	l.placing.Wait()
	return maps.Clone(l.fates)
}

// listen hands on every message that comes, again and again if it does.
func (p *phone) listen(to func(message)) {
	buf := make([]byte, 65536)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		m := message(buf[:n])
		if p.way == nil {
			to(m)
		} else {
			p.way.pass(func() { to(m) })
		}
	}
}

func (l *load) toCaller(m message) {
	l.mu.Lock()
	in := l.calls[m.header("Call-ID")]
	l.mu.Unlock()
	select {
	case in <- m:
	default: // of a call that is over, or far more than phones keep
	}
}

// place places a call and notes its fate.
func (l *load) place(number string) {
	l.mu.Lock()
	d := l.carrier.dial(number)
	in := make(chan message, 100)
	l.calls[d.id] = in
	l.mu.Unlock()
	c := &caller{load: l, dialog: d, in: in}
	fate := c.life()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.calls, d.id)
	l.fates[fate]++
}

// caller is one call as its caller sees it.
type caller struct {
	*load
	*dialog
	in  chan message
	ack message // of the 200 to the INVITE
}

// life is a call that rings, is answered, talks with a request in the middle, and
// is hung up. It returns what went wrong.
func (c *caller) life() string {
	final := c.ask(c.invite())
	if final.status() != 200 {
		return c.rang() + first20(final)
	}
	c.ack = c.dialog.ack(final)
	c.say(c.ack)
	for _, method := range []string{"INFO", "BYE"} {
		c.wait(halfTalk)
		c.cseq++
		if final := c.ask(c.request(method, "-"+method)); final.status() != 200 {
			return method + " in the call: " + first20(final)
		}
	}
	return ""
}

// rang says how far a call came that was not answered.
func (c *caller) rang() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callees[c.id] == nil {
		return "did not reach the PBX: "
	}
	return "rang and were not answered: "
}

func first20(m message) string { return string(m[:min(20, len(m))]) }

func (c *caller) say(m message) {
	if err := c.load.carrier.write(m); err != nil {
		c.t.Error(err)
	}
}

// ask sends a request until it is answered, and returns its final answer; none
// when it does not come in time (RFC 3261 section 17.1).
func (c *caller) ask(request message) message {
	c.say(request)
	invite := strings.HasPrefix(string(request), "INVITE ")
	wait, giveUp := t1, time.After(timerB)
	again := time.NewTimer(wait)
	defer again.Stop()
	for {
		select {
		case m := <-c.in:
			switch {
			case m.header("CSeq") != request.header("CSeq"):
				c.repeat(m)
			case m.status() >= 200:
				return m
			case invite: // whoever answers has it
				again.Stop()
			}
		case <-again.C:
			c.repeated.Add(1)
			c.say(request)
			if wait *= 2; !invite {
				wait = min(wait, t2)
			}
			again.Reset(wait)
		case <-giveUp:
			return ""
		}
	}
}

// repeat acknowledges an answer that comes again.
func (c *caller) repeat(m message) {
	if m.status() == 200 && strings.HasSuffix(m.header("CSeq"), " INVITE") && c.ack != "" {
		c.say(c.ack)
	}
}

func (c *caller) wait(d time.Duration) {
	over := time.After(d)
	for {
		select {
		case m := <-c.in:
			c.repeat(m)
		case <-over:
			return
		}
	}
}

// callee is a call as its callee sees it.
type callee struct {
	last  message // what was answered
	acked chan struct{}
	once  sync.Once
}

// toCallee answers what comes to the PBX.
func (l *load) toCallee(m message) {
	id := m.header("Call-ID")
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.callees[id]
	switch method, _, _ := strings.Cut(string(m), " "); {
	case method == "INVITE" && c == nil:
		c = &callee{last: m.answer("180 Ringing"), acked: make(chan struct{})}
		l.callees[id] = c
		l.say(c.last)
		go l.pickUp(c, m.answer("200 OK")) // ends by the ACK, or after timer B
	case method == "INVITE":
		l.say(c.last)
	case method == "ACK" && c != nil:
		c.once.Do(func() { close(c.acked) })
	case method == "INFO" || method == "BYE":
		l.say(m.answer("200 OK"))
	}
}

// say lets the PBX send; a socket that is closed is that of a test that has ended.
func (l *load) say(m message) { _ = l.pbx.write(m) }

// pickUp answers a call until that is acknowledged (RFC 3261 section 13.3.1.4).
func (l *load) pickUp(c *callee, answer message) {
	time.Sleep(ringTime)
	l.mu.Lock()
	c.last = answer
	l.mu.Unlock()
	giveUp := time.After(timerB)
	for wait := t1; ; wait = min(2*wait, t2) {
		l.say(answer)
		select {
		case <-c.acked:
			return
		case <-giveUp:
			return
		case <-time.After(wait):
		}
	}
}
