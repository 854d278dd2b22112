package e2e

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callscreen/juhe/juhesim"
)

// carrier is a trunk with habits of its own.
type carrier struct {
	name, listen string
	trust        bool
	habits       string // keys of the trunk
	phone        *phone
	proxy        netip.AddrPort // its listener
}

// screened is what becomes of one call by one trunk.
type screened struct {
	Trunk string // in the record
	From  string // the caller in the record
	Asked string // country and number that Juhe was asked for
	Rang  string // the identity that the PBX got
	Told  string // the trunk that the PBX was told
}

// Three carriers that trust, write and prefix numbers in ways of their own: the
// same digits are three callers.
func TestTrunksHaveTheirOwnHabits(t *testing.T) {
	t.Parallel()
	for _, shared := range []bool{false, true} {
		name := "one listener each"
		if shared {
			name = "all on one listener"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testTrunks(t, shared)
		})
	}
}

func testTrunks(t *testing.T, shared bool) {
	all := []*carrier{
		{name: "hangzhou", trust: true, habits: `country: "86", area_code: "0571", strip_prefixes: ["9"]`},
		{name: "beijing", trust: true, habits: `country: "86", area_code: "010", strip_prefixes: ["7788", "9"]`},
		{name: "hongkong", habits: `country: "852", strip_prefixes: ["99"]`},
	}
	var asked questions
	o := newOffice(t, setting{before: asked.note, config: func(o *office, directory string) string { return trunksConfig(o, directory, all, shared) }})
	o.juhe.Set("057188886666", juhesim.Reply{Type: "推销", Num: 3475, FID: 2})
	for _, tt := range []struct {
		by             int
		from, asserted string
		want           screened
	}{
		{0, "10086", "988886666", screened{"hangzhou", "057188886666", "86 057188886666", `"` + label + ` Zhang San" <sip:988886666@carrier>`, "hangzhou"}},
		{1, "10086", "778888886666", screened{"beijing", "01088886666", "86 01088886666", "<sip:778888886666@carrier>", "beijing"}},
		{2, "9988886666", "95204657", screened{"hongkong", "+85288886666", "852 88886666", `"Zhang San" <sip:9988886666@carrier>`, "hongkong"}},
		{2, "+8613900000002", "95204657", screened{"hongkong", "13900000002", "86 13900000002", `"Zhang San" <sip:+8613900000002@carrier>`, "hongkong"}},
	} {
		if diff := cmp.Diff(tt.want, o.screenedBy(all[tt.by], tt.from, tt.asserted, &asked)); diff != "" {
			t.Errorf("a call from %s and %s by %s (-want +got):\n%s", tt.from, tt.asserted, all[tt.by].name, diff)
		}
	}
	for _, c := range all {
		o.callsOutBy(c)
	}
	at := o.proxy.Addr().As4()
	at[3] = 20
	o.ignores(newPhone(t, netip.AddrFrom4(at)), all[0].proxy)
	if !shared {
		o.ignores(all[0].phone, all[1].proxy)
	}
}

// trunksConfig gives each carrier a listener of its own, or all of them the PBX's.
func trunksConfig(o *office, directory string, all []*carrier, shared bool) string {
	var listeners, trunks strings.Builder
	fmt.Fprintf(&listeners, "  - {name: office, address: \"udp:%s\"}\n", o.proxy)
	for i, c := range all {
		at := o.proxy.Addr().As4()
		at[3] = byte(10 + i)
		c.phone, c.listen, c.proxy = newPhone(o.t, netip.AddrFrom4(at)), "office", o.proxy
		if !shared {
			c.listen, c.proxy = c.name, freePort(o.t, o.proxy.Addr())
			fmt.Fprintf(&listeners, "  - {name: %s, address: \"udp:%s\"}\n", c.listen, c.proxy)
		}
		c.phone.proxy = c.proxy
		fmt.Fprintf(&trunks, "  - {name: %s, networks: %s, listen: %s, targets: \"sip:%s\", trust_identity: %v, budget: 10s, %s}\n",
			c.name, c.phone.addr.Addr(), c.listen, c.phone.addr, c.trust, c.habits)
	}
	return fmt.Sprintf("listen:\n%strunks:\n%spbx: {listen: office, networks: %s, targets: \"sip:%s\", probe: 0s}\n"+
		"juhe: {url: %q, key_file: juhe.key, rate: 0}\nstate: state\nrecord: {file: record.jsonl, numbers: full}\nhttp: {listen: \"\"}\n",
		&listeners, &trunks, o.pbx.addr.Addr(), o.pbx.addr, directory)
}

// screenedBy places a call by a trunk, which the PBX refuses, and returns what
// became of it.
func (o *office) screenedBy(c *carrier, from, asserted string, asked *questions) screened {
	o.t.Helper()
	d := c.phone.dial(from)
	d.local = fmt.Sprintf(`"Zhang San" <sip:%s@carrier>;tag=caller`, from)
	c.phone.send(withHeader(d.invite(), fmt.Sprintf("P-Asserted-Identity: <sip:%s@carrier>", asserted)))
	invite := o.pbx.want("INVITE ")
	o.pbx.send(invite.answer("486 Busy Here"))
	c.phone.send(d.ack(c.phone.want("SIP/2.0 486 ")))
	o.pbx.want("ACK ")
	e := o.recorded(d.id)
	return screened{Trunk: e.Trunk, From: e.From, Rang: rang(invite), Told: invite.header("X-Screen-Trunk"), Asked: asked.since()}
}

// questions are what Juhe is asked for.
type questions struct {
	mu  sync.Mutex
	all []string
}

// note is a handler that notes what another one is asked.
func (q *questions) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == juhesim.Path { // else it is the connection that is kept warm
			q.mu.Lock()
			q.all = append(q.all, r.FormValue("country")+" "+r.FormValue("mobile"))
			q.mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
}

// since returns what was asked since it was called last.
func (q *questions) since() string {
	q.mu.Lock()
	defer q.mu.Unlock()
	asked := strings.Join(q.all, " and ")
	q.all = nil
	return asked
}

// withHeader puts one more line into the headers of a message.
func withHeader(m message, line string) message {
	return message(strings.Replace(string(m), "\r\nContent-Length:", "\r\n"+line+"\r\nContent-Length:", 1))
}

// rang is the identity that a PBX which trusts callscreen shows.
func rang(invite message) string {
	if asserted := invite.headers("P-Asserted-Identity"); len(asserted) > 0 {
		return strings.Join(asserted, " and ")
	}
	from, _, _ := strings.Cut(invite.header("From"), ";tag=")
	return from
}

// ignores checks that who does not belong at a listener gets no answer there, and
// nothing comes of it.
func (o *office) ignores(p *phone, at netip.AddrPort) {
	o.t.Helper()
	p.proxy = at
	p.send(p.dial(cleanNumber).invite())
	if m, came := p.next(200 * time.Millisecond); came {
		o.t.Errorf("a stranger got %q", m)
	}
	if m, came := o.pbx.next(10 * time.Millisecond); came {
		o.t.Errorf("the PBX got a stranger's %q", m)
	}
}

// callsOutBy lets the PBX call by a trunk, which it names by the host that it calls.
func (o *office) callsOutBy(c *carrier) {
	o.t.Helper()
	d := o.pbx.dial("100")
	d.target = fmt.Sprintf("sip:13900000003@%s", c.phone.addr)
	o.pbx.send(d.invite())
	invite := c.phone.want("INVITE ")
	if got := invite.uri(); got != d.target {
		o.t.Errorf("%s was asked for %s, want %s", c.name, got, d.target)
	}
	c.phone.send(invite.answer("486 Busy Here"))
	o.pbx.send(d.ack(o.pbx.want("SIP/2.0 486 ")))
	c.phone.want("ACK ")
}
