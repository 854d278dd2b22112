package e2e

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	letAll = "mode: enforce\n"
	// The mistake is at line 4, column 12.
	mistaken  = "mode: enforce\nrules:\n  - id: everyone\n    when: {numbr: [\"139*\"]}\n    action: reject\n"
	refuseAll = "mode: enforce\ndefault: {action: reject, status: 603}\n"
)

// callers place one call after the other, until they are stopped.
type callers struct {
	stop  atomic.Bool
	wait  sync.WaitGroup
	fates [3]atomic.Int64 // how many calls had each
}

// SIGHUP while calls come in: a bad policy is reported with its place and
// changes nothing, a good one takes over, the record goes on in a new file, and
// no call is lost.
func TestReloadUnderCalls(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{policy: letAll})
	ringing, invite := o.ring(cleanNumber)
	o.pbx.serve(func(m message) []message {
		switch {
		case strings.HasPrefix(string(m), "INVITE "):
			return []message{m.answer("486 Busy Here")}
		case strings.HasPrefix(string(m), "BYE "):
			return []message{m.answer("200 OK")}
		}
		return nil
	})
	c := o.callers(3)
	c.more(o, reached, 50)

	o.write("policy.yaml", mistaken)
	o.signal(syscall.SIGHUP)
	o.eventually("a message about line 4 of the policy", func() bool {
		return strings.Contains(o.read("stderr"), "policy.yaml:4:12: ")
	})
	c.more(o, reached, 50)
	if n := c.fates[refused].Load(); n != 0 {
		t.Errorf("%d calls refused by a policy that cannot be read", n)
	}

	if err := os.Rename(o.file("record.jsonl"), o.file("record.1")); err != nil {
		t.Fatal(err)
	}
	o.write("policy.yaml", refuseAll)
	o.signal(syscall.SIGHUP)
	c.more(o, refused, 50)
	c.end()

	o.pbx.send(invite.answer("200 OK"))
	o.carrier.send(ringing.ack(o.carrier.want("SIP/2.0 200 ")))
	o.carrier.send(ringing.bye())
	o.carrier.want("SIP/2.0 200 ")
	o.stop()
	calls := 1 + c.fates[reached].Load() + c.fates[refused].Load() // and the one that rang
	before, after := len(o.record("record.1")), len(o.record("record.jsonl"))
	t.Logf("calls %d, to the PBX %d, refused %d; record %d lines and %d", calls, calls-c.fates[refused].Load(), c.fates[refused].Load(), before, after)
	if int64(before+after) != calls || after == 0 {
		t.Errorf("%d lines in the record before it was moved, %d after; want %d together", before, after, calls)
	}
}

// fate is what becomes of a call, in the order in which a caller may see them.
type fate int

const (
	lost fate = iota
	reached
	refused
)

func (f fate) String() string { return [...]string{"lost", "answered by the PBX", "refused"}[f] }

// callers starts so many of them.
func (o *office) callers(n int) *callers {
	c := &callers{}
	for range n {
		p := newPhone(o.t, o.carrier.addr.Addr())
		p.proxy = o.proxy
		c.wait.Go(func() { // ends with end, or with the first call that is lost
			was := reached
			for !c.stop.Load() {
				is := p.call()
				c.fates[is].Add(1)
				if is < was {
					o.t.Errorf("a call was %v after one that was %v", is, was)
					return
				}
				was = is
			}
		})
	}
	o.t.Cleanup(c.end)
	return c
}

func (c *callers) end() {
	c.stop.Store(true)
	c.wait.Wait()
}

// more waits for n more calls with a fate.
func (c *callers) more(o *office, f fate, n int64) {
	o.t.Helper()
	from := c.fates[f].Load()
	o.eventually("more calls "+f.String(), func() bool { return c.fates[f].Load() >= from+n })
}

// call places a call and waits for its end.
func (p *phone) call() fate {
	d := p.dial(cleanNumber)
	if p.write(d.invite()) != nil {
		return lost
	}
	final, ok := p.next(patience)
	if !ok || p.write(d.ack(final)) != nil {
		return lost
	}
	time.Sleep(5 * time.Millisecond) // three callers shall not take the machine from other tests
	switch final.status() {
	case 486:
		return reached
	case 603:
		return refused
	}
	return lost
}
