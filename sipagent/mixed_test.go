package sipagent

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Every pairing of transports that differ somewhere.
var pairings = []sides{
	{carrier: "tcp", pbx: "tcp"},
	{carrier: "tls", pbx: "tls"},
	{carrier: "tcp", pbx: "udp"},
	{carrier: "udp", pbx: "tcp"},
	{carrier: "udp", pbx: "tls"},
	{carrier: "tls", pbx: "udp"},
	{carrier: "tcp", pbx: "tls"},
	{carrier: "udp", pbx: "udp", carrierIP: "::1"},
	{carrier: "tcp", pbx: "udp", carrierIP: "::1"},
	{carrier: "udp", pbx: "tls", pbxIP: "::1"},
}

func (s sides) String() string {
	return fmt.Sprintf("%s%s-%s%s", s.carrierIP, s.carrier, s.pbxIP, s.pbx)
}

// A whole dialog passes between any two transports and address families, both
// ways: what leaves names the transport that it leaves by, and nothing else of
// the way shows. The caller's side never sees the label, and the PBX gets the To
// of its requests back.
func TestDialogAcrossTransports(t *testing.T) {
	for _, by := range pairings {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, labelled)
			c := r.carrier.newCall("mixed")
			inv := r.talk(c)
			back := r.pbx.callee(inv)
			back.to = inv.header("From")
			r.checkWay(inv, by)
			for i, method := range []string{"INVITE", "UPDATE", "INFO", "PRACK", "REFER", "FOO"} {
				r.pass(c, r.pbx, method, fmt.Sprint("caller", i))
				r.pass(back, r.carrier, method, fmt.Sprint("callee", i))
			}
			r.pass(back, r.carrier, "BYE", "bye")
			r.quiet()
			if seen := r.carrier.trace.String(); strings.Contains(seen, label) {
				t.Errorf("the caller's side has seen the label: %q", seen)
			}
			if d := r.agent.Drops(); d["send-failed"]+d["unproven"]+d["panic"] != 0 {
				t.Errorf("dropped: %v", d)
			}
		})
	}
}

// sealed is what stands in the Record-Route of a labelled call.
var sealed = regexp.MustCompile(`;cs=[\w-]{20,}>`)

// checkWay checks what an INVITE says of the way it took.
func (r *rig) checkWay(inv msg, by sides) {
	r.t.Helper()
	if via := inv.header("Via"); !strings.HasPrefix(via, "SIP/2.0/"+strings.ToUpper(by.pbx)+" "+r.pbx.proxy.String()+";") {
		r.t.Errorf("topmost Via = %q", via)
	}
	var want []string
	for _, p := range []*phone{r.pbx, r.carrier} {
		param := ";transport=" + strings.ToLower(p.by())
		if p.by() == "UDP" {
			param = ""
		}
		want = append(want, "<sip:"+p.proxy.String()+param+";lr;cs=>")
	}
	got := inv.headers("Record-Route")
	bare := sealed.ReplaceAllString(fmt.Sprint(got), ";cs=>")
	if bare != fmt.Sprint(want) {
		r.t.Errorf("Record-Route = %q, want %q", got, want)
	}
}

// pass lets a request of a dialog through and its answer back, and the ACK
// where there is one.
func (r *rig) pass(c *call, to *phone, method, branch string) {
	r.t.Helper()
	c.cseq++
	c.p.send(c.request(method, branch))
	got := to.want(method + " ")
	if via := got.headers("Via"); len(via) != 2 || via[1] != c.via+branch {
		r.t.Errorf("%s: Via = %q", method, via)
	}
	to.send(got.answer("200 OK"))
	kept := c.p.by() != to.by() && (c.p.by() == "UDP" || to.by() == "UDP") // or a connection had to be opened
	ok := c.p.want("SIP/2.0 ")
	if trying := strings.HasPrefix(string(ok), "SIP/2.0 100"); trying {
		ok = c.p.want("SIP/2.0 200")
	} else if method == "INVITE" && kept {
		r.t.Errorf("no 100 for the re-INVITE: %q", ok)
	}
	if ok.header("CSeq") != fmt.Sprint(c.cseq, " ", method) || len(ok.headers("Via")) != 1 {
		r.t.Errorf("answer to %s = %q", method, ok)
	}
	if ok.header("From") != c.from || ok.header("To") != c.to {
		r.t.Errorf("answer to %s: From = %q, To = %q; want %q, %q", method, ok.header("From"), ok.header("To"), c.from, c.to)
	}
	if method == "INVITE" {
		c.p.send(c.request("ACK", branch+"-ack"))
		to.want("ACK ")
	}
}

// A call goes on by the transport that it came in by, if its target names none.
func TestCallStaysOnItsTransport(t *testing.T) {
	for _, by := range []string{"udp", "tcp", "tls"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, sides{carrier: by, pbx: by}, allowed, func(o *Options) {
				if by != "tls" { // its port is another one
					o.PBX.Targets[0].URI, _, _ = strings.Cut(o.PBX.Targets[0].URI, ";")
					o.Trunks[0].Targets[0].URI, _, _ = strings.Cut(o.Trunks[0].Targets[0].URI, ";")
				}
			})
			r.talk(r.carrier.newCall("in"))
			out := r.pbx.newCall("out")
			r.pbx.send(out.request("INVITE", ""))
			r.pbx.want("SIP/2.0 100")
			if via := r.carrier.want("INVITE ").header("Via"); !strings.HasPrefix(via, "SIP/2.0/"+strings.ToUpper(by)+" ") {
				t.Errorf("Via = %q", via)
			}
		})
	}
}

// With every tenth datagram lost on the UDP side, everything of many calls gets
// through between a stream and UDP, and nothing is carried out twice.
func TestLossOnTheUDPSide(t *testing.T) {
	const calls = 12
	for _, by := range []sides{{carrier: "tcp", pbx: "udp"}, {carrier: "udp", pbx: "tls"}, {carrier: "tcp", pbx: "udp", carrierIP: "::1"}} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			var lost atomic.Int32
			random := rand.New(rand.NewPCG(1, 2))
			var mu sync.Mutex
			by.bind = func(at netip.AddrPort) (packetConn, netip.AddrPort, error) {
				conn, got, err := bind(at)
				return lossy{conn, 10, &mu, random, &lost}, got, err
			}
			const t1 = 40 * time.Millisecond
			r := newMixedRig(t, by, allowed, func(o *Options) { o.Timers.T1, o.Timers.T2, o.Timers.T4 = t1, 4*t1, 5*t1 })
			carrier, pbx := newUA(r.carrier, t1), newUA(r.pbx, t1)
			var all sync.WaitGroup
			for i := range calls {
				all.Go(func() { lossyCall(t, carrier, pbx, fmt.Sprint("lossy-", i)) })
			}
			all.Wait()
			carrier.once(t, 3*calls)
			pbx.once(t, 6*calls)
			if lost.Load() < 10 {
				t.Errorf("%d datagrams lost: nothing is shown", lost.Load())
			}
			if n := r.agent.Drops()["panic"]; n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	}
}

// lossyCall is a call in which each side does what a stream and UDP carry
// differently.
func lossyCall(t *testing.T, carrier, pbx *ua, id string) {
	c := carrier.newCall(id)
	c.cseq = 0
	if _, err := carrier.do(c, "INVITE", ""); err != nil {
		t.Error(err)
		return
	}
	pbx.mu.Lock()
	back := pbx.callee(pbx.invites[id])
	pbx.mu.Unlock()
	back.cseq = 100
	for _, step := range []struct {
		u      *ua
		c      *call
		method string
	}{
		{carrier, c, "INVITE"},
		{pbx, back, "INVITE"},
		{carrier, c, "INFO"},
		{pbx, back, "INFO"},
		{carrier, c, "REFER"},
		{pbx, back, "REFER"},
		{carrier, c, "PRACK"},
		{carrier, c, "BYE"},
	} {
		if _, err := step.u.do(step.c, step.method, fmt.Sprint("-", step.c.cseq)); err != nil {
			t.Error(err)
			return
		}
	}
}

// once checks that so many requests were carried out, and none of them twice.
func (u *ua) once(t *testing.T, want int) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.ran) != want {
		t.Errorf("%s: %d requests were carried out, want %d", u.by(), len(u.ran), want)
	}
	for id, n := range u.ran {
		if n != 1 {
			t.Errorf("%s was carried out %d times", id, n)
		}
	}
}

// A re-INVITE between a stream and UDP is refused or given up hop by hop, from
// either side: its ACK and CANCEL are ours on the other side. Who sends it never
// sees another From or To than its own, and the caller's side no label.
func TestReInviteRefusedAndCancelled(t *testing.T) {
	for _, by := range []sides{{carrier: "tcp", pbx: "udp"}, {carrier: "udp", pbx: "tcp"}, {carrier: "udp", pbx: "tls"}} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, labelled)
			c := r.carrier.newCall("again")
			back := r.pbx.callee(r.talk(c))
			for _, cancelled := range []bool{false, true} {
				r.refuseAgain(c, r.pbx, cancelled)
				r.refuseAgain(back, r.carrier, cancelled)
			}
			r.pass(c, r.pbx, "BYE", "bye")
			r.quiet()
			if strings.Contains(r.carrier.trace.String(), label) {
				t.Errorf("the caller's side has seen the label: %q", r.carrier.trace.String())
			}
		})
	}
}

// refuseAgain sends a re-INVITE that the other side refuses, or that is given up.
func (r *rig) refuseAgain(c *call, to *phone, cancelled bool) {
	r.t.Helper()
	c.cseq++
	branch := fmt.Sprint("-", c.cseq)
	c.p.send(c.request("INVITE", branch))
	inv := to.want("INVITE ")
	c.p.want("SIP/2.0 100 Trying")
	status := "488 Not Acceptable Here"
	if cancelled {
		status = "487 Request Terminated"
		to.send(inv.answer("180 Ringing"))
		c.p.want("SIP/2.0 180")
		c.p.send(c.request("CANCEL", branch))
		c.p.want("SIP/2.0 200")
		cancel := to.want("CANCEL ")
		if cancel.header("Via") != inv.header("Via") || cancel.header("From") != inv.header("From") || cancel.header("To") != inv.header("To") {
			r.t.Errorf("the CANCEL is %q, of %q", cancel, inv)
		}
		to.send(cancel.answer("200 OK"))
	}
	to.send(inv.answer(status))
	if ack := to.want("ACK "); ack.header("Via") != inv.header("Via") || len(ack.headers("Via")) != 1 || ack.header("From") != inv.header("From") {
		r.t.Errorf("the ACK is %q, of %q", ack, inv)
	}
	if no := c.p.want("SIP/2.0 " + status); no.header("From") != c.from || no.header("To") != c.to {
		r.t.Errorf("%s has From %q and To %q, want %q and %q", status, no.header("From"), no.header("To"), c.from, c.to)
	}
	c.p.send(c.request("ACK", branch))
}
