package e2e

import (
	"flag"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var overload = flag.Duration("overload", 2*time.Second, "how long each step of TestOverload goes on; from ten seconds on what ends at one and a half times is held to")

// blast is a carrier that places calls without end, and asks for each only once.
type blast struct {
	*phone
	placed, finished atomic.Int64 // calls, and those of them with a final answer
	turned           atomic.Int64 // final answers that are our own
	free             chan struct{}
}

// absorb acknowledges refusals, and counts.
func (b *blast) absorb(m message) {
	status := m.status()
	if status < 300 {
		return
	}
	if status == 480 {
		b.turned.Add(1)
	} else {
		b.finished.Add(1)
	}
	ack := lines("ACK sip:100@"+b.proxy.String()+" SIP/2.0", "Via: "+m.header("Via"), "Max-Forwards: 70", "From: "+m.header("From"), "To: "+m.header("To"),
		"Call-ID: "+m.header("Call-ID"), "CSeq: 1 ACK")
	_ = b.write(ack) // a closed socket is that of a test that has ended
	select {
	case b.free <- struct{}{}:
	default:
	}
}

// invite is one of a caller whom everybody knows.
func (b *blast) invite() message {
	n := b.placed.Add(1)
	id := fmt.Sprintf("%d.%s", n, b.addr)
	to := "sip:100@" + b.proxy.String()
	return lines("INVITE "+to+" SIP/2.0", fmt.Sprintf("Via: SIP/2.0/UDP %s;branch=z9hG4bKb%d", b.addr, n), "Max-Forwards: 70",
		fmt.Sprintf(`From: "Zhang San" <sip:%d@%s>;tag=b%d`, 13100000000+n%100, b.addr, n), "To: <"+to+">", "Call-ID: "+id, "CSeq: 1 INVITE",
		"Contact: <sip:b@"+b.addr.String()+">")
}

// saturate keeps so many calls under way, and returns how many end in a second.
func (b *blast) saturate(under int, d time.Duration) float64 {
	for range under {
		b.free <- struct{}{}
	}
	from, start := b.finished.Load(), time.Now()
	for end := time.After(d); ; {
		select {
		case <-b.free:
			_ = b.write(b.invite()) // what the socket does not take is lost, as below
		case <-end:
			return float64(b.finished.Load()-from) / time.Since(start).Seconds()
		}
	}
}

// pour places calls at a rate, whatever becomes of them, and returns how many end in a
// second, how many were placed, and how many were refused for want of room.
func (b *blast) pour(perSecond float64, d time.Duration) (goodput, offered, turned float64) {
	placed, done, refused, start := b.placed.Load(), b.finished.Load(), b.turned.Load(), time.Now()
	for time.Since(start) < d {
		for due := placed + int64(time.Since(start).Seconds()*perSecond); b.placed.Load() < due && time.Since(start) < d; {
			_ = b.write(b.invite())
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(start).Seconds()
	return float64(b.finished.Load()-done) / took, float64(b.placed.Load()-placed) / took, float64(b.turned.Load()-refused) / took
}

// busyPBX is busy for every call, and notes how long those of the other trunk took.
type busyPBX struct {
	*phone
	mu   sync.Mutex
	came map[string]time.Time
}

func (p *busyPBX) busy(m message) {
	if !strings.HasPrefix(string(m), "INVITE ") {
		return
	}
	_ = p.write(m.answer("486 Busy Here"))
	if id := m.header("Call-ID"); strings.HasPrefix(id, "other") {
		p.mu.Lock()
		defer p.mu.Unlock()
		if _, again := p.came[id]; !again {
			p.came[id] = time.Now()
		}
	}
}

// twoTrunks is an office with a second trunk, at the address of other, and few places.
func twoTrunks(other *phone) func(*office, string) string {
	return func(o *office, directory string) string {
		trunk := fmt.Sprintf("trunks:\n  - {name: other, networks: [%s/32], listen: main, targets: [\"sip:%s\"], budget: 2s}\n", other.addr.Addr(), other.addr)
		return strings.Replace(o.config(setting{juhe: directory, budget: 2 * time.Second, drain: time.Second}), "trunks:\n", trunk, 1) +
			"http: {listen: \"\"}\nlimits: {setups: 5000, setups_per_second: 200}\n"
	}
}

// A trunk that sends half as many calls again as are possible, and then ten times as many,
// still gets calls through, far more than there are places; the calls of another trunk
// all come through. The figures of a quiet machine come with
//
//	go test -run TestOverload -v ./e2e -overload 20s
func TestOverload(t *testing.T) {
	other := newPhone(t, loopbackBlock()(9))
	o := newOffice(t, setting{config: twoTrunks(other)})
	other.proxy = o.proxy
	pbx := &busyPBX{phone: o.pbx, came: map[string]time.Time{}}
	b := &blast{phone: o.carrier, free: make(chan struct{}, 1000)}
	for _, c := range []*net.UDPConn{o.carrier.conn, o.pbx.conn} {
		_ = c.SetReadBuffer(8 << 20) // as much as the system allows
	}
	go pbx.listen(pbx.busy) // ends with the socket, as the next
	go b.listen(b.absorb)
	idle := o.usage()
	capacity := b.saturate(100, *overload)
	t.Logf("capacity: %.0f calls a second", capacity)
	for _, times := range []float64{1.5, 10} {
		n := newNeighbour(t, other, pbx, int(times*10))
		goodput, offered, turned := b.pour(times*capacity, *overload)
		reached, waits := n.end()
		u := o.usage()
		t.Logf("%.1f times as many: %.0f offered, %.0f ended, %.0f refused a second: goodput %.0f %%; of the other trunk's %d calls %d came through, p50 %v, p99 %v; %v",
			times, offered, goodput, turned, 100*goodput/capacity, len(n.sent), reached, percentile(waits, 50), percentile(waits, 99), u)
		least := 0.1 // whoever else uses the machine, which who sends all this does
		if times < 2 && *overload >= 10*time.Second {
			least = 0.8
		}
		if goodput < least*capacity {
			t.Errorf("goodput fell from %.0f to %.0f calls a second", capacity, goodput)
		}
		if reached < len(n.sent)*99/100 {
			t.Errorf("%d of the other trunk's %d calls came through", reached, len(n.sent))
		}
		if u.rss > idle.rss+512<<10 {
			t.Errorf("%v at rest, %v under load", idle, u)
		}
	}
}

// neighbour is a trunk that places twenty calls a second, and sends again what is not
// answered, as carriers do.
type neighbour struct {
	t    *testing.T
	pbx  *busyPBX
	stop chan struct{}
	done sync.WaitGroup
	sent map[string]time.Time
}

func newNeighbour(t *testing.T, p *phone, pbx *busyPBX, series int) *neighbour {
	n := &neighbour{t: t, pbx: pbx, stop: make(chan struct{}), sent: map[string]time.Time{}}
	invites := map[string]message{}
	n.done.Go(func() { // ends by stop, and when all have come or time is up
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		var over <-chan time.Time
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-n.stop:
				over, n.stop = time.After(patience/2), nil
			case <-over:
				return
			}
			missing := n.missing()
			if n.stop == nil && len(missing) == 0 {
				return
			}
			for _, id := range missing {
				if i%10 == 9 { // T1
					_ = p.write(invites[id])
				}
			}
			if n.stop != nil {
				d := p.dial(fmt.Sprint(13900000000 + series*1000 + i))
				d.id = fmt.Sprintf("other-%d-%d-%d", series, time.Now().UnixNano(), i)
				d.branch = "z9hG4bK" + d.id
				invites[d.id], n.sent[d.id] = d.invite(), time.Now()
				_ = p.write(invites[d.id])
			}
		}
	})
	return n
}

func (n *neighbour) missing() (ids []string) {
	n.pbx.mu.Lock()
	defer n.pbx.mu.Unlock()
	for id := range n.sent {
		if _, came := n.pbx.came[id]; !came {
			ids = append(ids, id)
		}
	}
	return ids
}

// end stops it, and returns how many calls reached the PBX, and how long they took.
func (n *neighbour) end() (reached int, waits []time.Duration) {
	close(n.stop)
	n.done.Wait()
	n.pbx.mu.Lock()
	defer n.pbx.mu.Unlock()
	for id, sent := range n.sent {
		if came, ok := n.pbx.came[id]; ok {
			waits = append(waits, came.Sub(sent))
		}
	}
	slices.Sort(waits)
	return len(waits), waits
}
