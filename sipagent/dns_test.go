package sipagent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// book is names as a test wants them. What is not in it does not exist.
type book struct {
	mu    sync.Mutex
	ips   map[string][]string
	srv   map[string][]*net.SRV
	ttl   time.Duration
	down  bool
	asked []string
}

var errDNSDown = errors.New("no server answers")

func (b *book) addresses(_ context.Context, host string) ([]netip.Addr, time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, host)
	var all []netip.Addr
	for _, ip := range b.ips[host] {
		if b.down {
			break
		}
		all = append(all, netip.MustParseAddr(ip))
	}
	return all, b.ttl, b.err(len(all))
}

func (b *book) services(_ context.Context, name string) ([]*net.SRV, time.Duration, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, name)
	return b.srv[name], b.ttl, b.err(len(b.srv[name]))
}

func (b *book) err(found int) error {
	switch {
	case b.down:
		return errDNSDown
	case found == 0:
		return &net.DNSError{IsNotFound: true}
	}
	return nil
}

// change changes what is in the book.
func (b *book) change(do func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	do()
}

// told returns the addresses of the PBX's targets.
func (c *cluster) told() string {
	synctest.Wait()
	var all []string
	for _, s := range c.agent.Targets() {
		if s.Peer == "pbx" {
			all = append(all, strings.TrimSuffix(strings.TrimPrefix(s.Address, "192.168.1."), ":5060")+s.Why)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

// byName makes the PBX's targets names of a book.
func byName(b *book, uris ...string) func(*Options) {
	return func(o *Options) { o.PBX.Targets, o.names = InOrder(uris...), b }
}

// What RFC 3263 has looked up for a URI, and in which order places are tried.
func TestNamesOfTargets(t *testing.T) {
	srv := func(target string, port, priority, weight uint16) *net.SRV {
		return &net.SRV{Target: target, Port: port, Priority: priority, Weight: weight}
	}
	for _, tt := range []struct {
		name, uri string
		book      *book
		asked     string
		want      string // addresses, sorted
	}{
		{"A", "sip:pbx.example", &book{ips: map[string][]string{"pbx.example": {"192.168.1.12", "192.168.1.10"}}}, "_sip._udp.pbx.example pbx.example", "10 12"},
		{"with a port there is no SRV", "sip:pbx.example:5060", &book{ips: map[string][]string{"pbx.example": {"192.168.1.10"}}}, "pbx.example", "10"},
		{"SRV", "sip:example", &book{
			srv: map[string][]*net.SRV{"_sip._udp.example": {srv("a.example.", 5070, 10, 1), srv("b.example.", 5060, 20, 1)}},
			ips: map[string][]string{"a.example": {"192.168.1.10"}, "b.example": {"192.168.1.11"}, "example": {"192.168.1.12"}},
		}, "_sip._udp.example a.example b.example", "10:5070 11"},
		{"SRV that says no", "sip:example", &book{
			srv: map[string][]*net.SRV{"_sip._udp.example": {srv(".", 0, 0, 0)}}, ips: map[string][]string{"example": {"192.168.1.12"}},
		}, "_sip._udp.example example", "12"},
		{"strangers are left out", "sip:pbx.example", &book{ips: map[string][]string{"pbx.example": {"203.0.113.66", "192.168.1.10", "192.168.1.77", "::1"}}}, "_sip._udp.pbx.example pbx.example", "10"},
		{"nothing", "sip:pbx.example", &book{}, "_sip._udp.pbx.example pbx.example", "not found"},
		{"no server", "sip:pbx.example", &book{down: true}, "_sip._udp.pbx.example pbx.example", "not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, allowed, byName(tt.book, tt.uri))
				if got := c.told(); got != tt.want {
					t.Errorf("addresses %q, want %q", got, tt.want)
				}
				if got := strings.Join(tt.book.asked, " "); got != tt.asked {
					t.Errorf("asked for %q, want %q", got, tt.asked)
				}
			})
		})
	}
}

// Answers are good as long as DNS says; when it says nothing they stay, and no
// call ever waits for it.
func TestNamesAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{ttl: time.Minute, ips: map[string][]string{"pbx.example": {"192.168.1.10"}}}
		c := newCluster(t, allowed, byName(b, "sip:pbx.example:5060"), probing)
		c.answerProbe(0, "200 OK")
		k := c.call("before")
		c.ends(k, c.pbxs[0], c.pbxs[0].want("INVITE "))

		b.change(func() { b.ips["pbx.example"] = []string{"192.168.1.11"} })
		time.Sleep(50 * time.Second)
		if got := c.told(); !strings.HasPrefix(got, "10") {
			t.Errorf("the old answer is good for a minute; addresses %q", got)
		}
		time.Sleep(11 * time.Second)
		if got := c.told(); got != "11" {
			t.Errorf("addresses %q, want 11", got)
		}
		c.pbxs[0].heardAll()
		c.pbxs[1].heardAll()
		c.answerProbe(1, "200 OK") // it is asked, and the old one no more
		k = c.call("moved")
		c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
		c.pbxs[0].silent(30 * time.Second)

		for _, gone := range []func(){func() { b.down = true }, func() { b.down, b.ips = false, nil }} {
			b.change(gone)
			time.Sleep(5 * time.Minute)
			if got := c.told(); !strings.HasPrefix(got, "11") {
				t.Errorf("addresses %q, want 11 to stay", got)
			}
			b.change(func() { b.asked = nil })
			time.Sleep(time.Minute)
			b.change(func() {
				if n := len(b.asked); n < 5 || n > 7 {
					t.Errorf("asked %q in a minute of failure, want one in ten seconds", b.asked)
				}
			})
		}
		c.pbxs[1].heardAll()
		k = c.call("without-dns")
		c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
		b.change(func() { b.ips = map[string][]string{"pbx.example": {"192.168.1.10", "192.168.1.11"}} })
		time.Sleep(11 * time.Second)
		if got := c.told(); !strings.HasPrefix(got, "10 11") {
			t.Errorf("addresses %q, want both", got)
		}
	})
}

// A name that is not known at the start is when DNS comes, without a restart; till
// then its calls get a status of ours, and those to other targets do not notice.
func TestNamesAreFoundLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{down: true}
		c := newCluster(t, allowed, byName(b, "sip:pbx.example"))
		c.call("too-early")
		c.carrier.want("SIP/2.0 480")
		b.change(func() { b.down, b.ips = false, map[string][]string{"pbx.example": {"192.168.1.10"}} })
		time.Sleep(11 * time.Second)
		c.carrier.heardAll()
		k := c.call("in-time")
		c.ends(k, c.pbxs[0], c.pbxs[0].want("INVITE "))
	})
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, allowed, byName(&book{down: true}, "sip:pbx.example", "sip:192.168.1.11"))
		k := c.call("other")
		c.ends(k, c.pbxs[1], c.pbxs[1].want("INVITE "))
	})
}

// In a dialog, a host that a target is named by is that target, wherever new calls
// go.
func TestNamesInDialogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{ttl: time.Hour, ips: map[string][]string{"one.example": {"192.168.1.10"}, "two.example": {"192.168.1.11"}}}
		c := newCluster(t, allowed, byName(b, "sip:one.example:5060", "sip:two.example:5060"))
		for i, host := range []string{"one.example", "two.example", "192.168.1.12", "elsewhere.example"} {
			k := c.carrier.newCall(fmt.Sprint("dialog-", i))
			k.to, k.uri, k.routes = k.to+";tag=callee", "sip:100@"+host, []string{"<sip:198.51.100.5;lr>"}
			c.carrier.send(k.request("BYE", "bye"))
			c.pbxs[i%3].want("BYE ")
		}
	})
}

// server answers DNS questions with what it is given, by UDP and TCP.
func server(t *testing.T, answer func(question []byte) []byte) (dial func(context.Context, string, string) (net.Conn, error)) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() { // ends when the test closes conn
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answer(buf[:n]), from) // a lost answer is asked for again
		}
	}()
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, conn.LocalAddr().String())
	}
}

// reply answers a question with records that name it: each its type, TTL and data.
func reply(question []byte, records ...[]byte) []byte {
	end, _ := skipName(question, 12)
	b := append([]byte(nil), question[:end+4]...)
	b[2], b[3] = 0x81, 0x80
	b[7], b[11] = byte(len(records)), 0
	for _, r := range records {
		b = append(append(b, 0xc0, 12), r...)
	}
	return b
}

func record(kind byte, ttl uint32, data ...byte) []byte {
	return append([]byte{0, kind, 0, 1, byte(ttl >> 24), byte(ttl >> 16), byte(ttl >> 8), byte(ttl), 0, byte(len(data))}, data...)
}

// The system's resolver is asked, and how long its answers are good is read off
// them.
func TestResolver(t *testing.T) {
	const a, srv = 1, 33
	r := resolver{server(t, func(q []byte) []byte {
		end, _ := skipName(q, 12)
		switch kind := q[end+1]; {
		case strings.Contains(string(q), "\x04none"):
			b := reply(q)
			b[3] |= 3 // there is no such name
			return b
		case kind == a:
			return reply(q, record(a, 300, 192, 0, 2, 1), record(a, 70, 192, 0, 2, 2))
		case kind == srv:
			return reply(q, record(srv, 40, append([]byte{0, 7, 0, 3, 0x13, 0xc4, 1, 'p'}, 0)...))
		}
		return reply(q)
	})}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ips, good, err := r.addresses(ctx, "pbx.example.com")
	if slices.SortFunc(ips, netip.Addr.Compare); err != nil || fmt.Sprint(ips) != "[192.0.2.1 192.0.2.2]" || good != 70*time.Second {
		t.Errorf("addresses = %v, %v, %v; want both for 70s", ips, good, err)
	}
	records, good, err := r.services(ctx, "_sip._udp.example.com")
	if err != nil || len(records) != 1 || *records[0] != (net.SRV{Target: "p.", Port: 5060, Priority: 7, Weight: 3}) || good != 40*time.Second {
		t.Errorf("services = %v, %v, %v", records, good, err)
	}
	var dns *net.DNSError
	if _, _, err = r.services(ctx, "_sip._udp.none.example.com"); !errors.As(err, &dns) || !dns.IsNotFound {
		t.Errorf("services of nobody: %v", err)
	}
}

// Whatever an answer holds, reading it ends.
func FuzzTimesOf(f *testing.F) {
	q := append(make([]byte, 12), 3, 'p', 'b', 'x', 0, 0, 1, 0, 1)
	q[5] = 1
	f.Add(reply(q, record(1, 5, 192, 0, 2, 1), record(1, 4000000000)))
	f.Add(q[:13])
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(timesOf(b)); n > len(b)/11+1 {
			t.Errorf("%d times in %d bytes", n, len(b))
		}
	})
}
