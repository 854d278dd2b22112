package sipagent

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// limited makes a change of options out of one of the limits.
func limited(change func(*Limits)) func(*Options) { return func(o *Options) { change(&o.Limits) } }

// asking makes a Screener that has to ask for every caller, and refuses them.
func asking() Screener {
	return slowFunc(func(_ context.Context, c screening.Call) screening.Decision {
		return screening.Decision{Call: c, Mode: screening.Enforce, Verdict: screening.Verdict{Action: screening.Reject, Rule: "fraud", Status: 603}}
	})
}

// ring sends a new call, and reports whether it was looked up: the Screener
// refuses it then, and else the PBX does.
func (r *rig) ring(id string) (lookedUp bool) {
	r.t.Helper()
	c := r.carrier.newCall(id)
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	no := r.carrier.orRings(r.pbx)
	if strings.HasPrefix(string(no), "INVITE ") {
		r.pbx.send(no.answer("486 Busy Here"))
		r.pbx.want("ACK ")
		no = r.carrier.want("SIP/2.0 486")
	}
	c.to = no.header("To")
	r.carrier.send(c.request("ACK", ""))
	return strings.HasPrefix(string(no), "SIP/2.0 603")
}

// orRings returns the next message of either phone.
func (p *phone) orRings(callee *phone) msg {
	p.t.Helper()
	for range 400 {
		for _, side := range []*phone{p, callee} {
			if m, ok := side.next(50 * time.Millisecond); ok {
				return m
			}
		}
	}
	p.t.Fatal("neither refused nor ringing")
	return ""
}

// A source that sends calls too fast loses lookups first, and no call.
func TestSetupsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var whys []string
		r := newTimedRig(t, asking(), limited(func(l *Limits) { l.SetupsPerSecond = 3 }), func(o *Options) {
			o.Recorder = recordFunc(func(d screening.Decision) { whys = append(whys, d.Verdict.Why) })
		})
		for i := range 5 {
			if got, want := r.ring(fmt.Sprint("fast-", i)), i < 3; got != want {
				t.Errorf("call %d looked up: %v, want %v", i, got, want)
			}
		}
		r.counts(map[string]float64{"lookups_over_limits_total{}": 2})
		time.Sleep(2 * time.Second)
		if !r.ring("later") {
			t.Error("a call of later is not looked up")
		}
		if got := strings.Join(whys, ","); got != ",,,over limits,over limits," {
			t.Errorf("recorded reasons %q", got)
		}
	})
}

// The same for a source that has too many calls being set up, until one of them no
// longer is; what they need no lookup for is decided all the same.
func TestSetupsPerSource(t *testing.T) {
	refuses := asking()
	r := newRig(t, slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
		if strings.HasPrefix(c.ID, "held") {
			return screening.Decision{Call: c}
		}
		return refuses.Screen(ctx, c)
	}), limited(func(l *Limits) { l.SetupsPerSource = 2 }))
	first := r.carrier.newCall("held-1")
	inv := r.invite(first)
	for i := range 3 {
		if !r.ring(fmt.Sprint("few-", i)) {
			t.Errorf("call %d beside one is not looked up", i)
		}
	}
	r.invite(r.carrier.newCall("held-2"))
	if r.ring("many") {
		t.Error("a call beside two is looked up")
	}
	r.turnDown(first, inv)
	if !r.ring("later") {
		t.Error("a call of later is not looked up")
	}
	r = newRig(t, screenFunc(func(c screening.Call) screening.Decision {
		if c.ID == "held" {
			return screening.Decision{Call: c}
		}
		return refuses.Screen(t.Context(), c)
	}), limited(func(l *Limits) { l.SetupsPerSource = 1 }))
	r.invite(r.carrier.newCall("held"))
	for i := range 3 {
		if !r.ring(fmt.Sprint("known-", i)) {
			t.Errorf("call %d, decided without a lookup, was let through", i)
		}
	}
}

// turnDown lets the PBX be busy for a call that it was sent.
func (r *rig) turnDown(c *call, inv msg) {
	r.t.Helper()
	r.pbx.send(inv.answer("486 Busy Here"))
	r.pbx.want("ACK ")
	c.to = r.carrier.want("SIP/2.0 486").header("To")
	r.carrier.send(c.request("ACK", ""))
}

// Calls that are over give way to new ones, the oldest first, and what still comes of
// them finds its way.
func TestOldCallsGiveWay(t *testing.T) {
	r := newRig(t, allowed, limited(func(l *Limits) { l.Setups = 2 }))
	calls, invites := map[int]*call{}, map[int]msg{}
	for i := range 6 {
		c := r.carrier.newCall(fmt.Sprint("call-", i))
		inv := r.invite(c)
		if calls[i], invites[i] = c, inv; i%2 == 0 {
			r.turnDown(c, inv)
			continue
		}
		r.pbx.send(inv.answer("200 OK"))
		c.established(r.carrier.want("SIP/2.0 200"), r.pbx.uri("100"))
		r.carrier.send(c.request("ACK", "ack"))
		r.pbx.want("ACK ")
	}
	r.agent.mu.Lock()
	n, lingering := len(r.agent.setups), r.agent.line.Len()
	r.agent.mu.Unlock()
	if n > 2 || lingering > 2 {
		t.Errorf("%d calls in the table, %d of them linger; want two", n, lingering)
	}
	r.pbx.send(invites[0].answer("486 Busy Here")) // our ACK was lost
	r.carrier.want("SIP/2.0 486")
	r.carrier.send(calls[0].request("ACK", ""))
	r.pbx.want("ACK ")
	r.pbx.send(invites[1].answer("200 OK")) // the caller's was
	r.carrier.want("SIP/2.0 200")
	r.carrier.send(calls[1].request("ACK", "ack"))
	r.pbx.want("ACK ")
	if drops := r.agent.counters.full.Load(); drops != 0 {
		t.Errorf("%d calls were refused", drops)
	}
}

// A call that is being set up gives way to none, whoever else lingers.
func TestCallsUnderWayStay(t *testing.T) {
	r := newRig(t, allowed, limited(func(l *Limits) { l.Setups = 2 }))
	first := r.carrier.newCall("first")
	inv := r.invite(first)
	for i := range 3 {
		c := r.carrier.newCall(fmt.Sprint("short-", i))
		r.turnDown(c, r.invite(c))
	}
	r.invite(r.carrier.newCall("second"))
	r.carrier.send(r.carrier.newCall("third").request("INVITE", ""))
	r.carrier.want("SIP/2.0 480")
	r.turnDown(first, inv)
	r.invite(r.carrier.newCall("fourth"))
}

func TestFullTable(t *testing.T) {
	recorded := make(chan screening.Decision, 9)
	r := newRig(t, allowed, limited(func(l *Limits) { l.Setups, l.FullStatus = 1, 503 }), func(o *Options) {
		o.Recorder = recordFunc(func(d screening.Decision) { recorded <- d })
	})
	r.invite(r.carrier.newCall("first"))
	<-recorded
	for range 2 { // retransmitted
		r.carrier.send(r.carrier.newCall("second").request("INVITE", ""))
		r.carrier.want("SIP/2.0 503 Service Unavailable")
	}
	want := screening.Verdict{Action: screening.Reject, Rule: screening.RuleFull, Status: 503, Why: "no room for one more call"}
	if d := <-recorded; d.Call.ID != "second" || d.Effective() != want {
		t.Errorf("recorded %+v, want %+v", d, want)
	}
	r.quiet()
	if len(recorded) != 0 {
		t.Errorf("recorded again: %+v", <-recorded)
	}
	r.counts(map[string]float64{"refused_full_total{}": 2})
	if _, err := New(Options{
		Listeners: []Listener{{Name: "main", Addresses: []string{"udp:127.0.0.1:0"}}}, Screener: allowed, Key: make([]byte, 32), Limits: Limits{FullStatus: 200},
	}); err == nil || !strings.Contains(err.Error(), "status 200 for a full table") {
		t.Errorf("New with FullStatus 200 = %v", err)
	}
}

func TestMessagesPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed, limited(func(l *Limits) { l.MessagesPerSecond = 2 }))
		for i := range 4 {
			r.carrier.send(r.carrier.newCall(fmt.Sprint("flood-", i)).request("MESSAGE", ""))
		}
		for i := range 2 {
			if got := r.pbx.want("MESSAGE "); got.header("Call-ID") != fmt.Sprint("flood-", i) {
				t.Errorf("received %q", got)
			}
		}
		r.pbx.silent(time.Second)
		r.drops("too-many", 2)
		r.pbx.send(r.pbx.newCall("other").request("MESSAGE", "")) // another source
		r.carrier.want("MESSAGE ")
		r.carrier.send(r.carrier.newCall("later").request("MESSAGE", ""))
		r.pbx.want("MESSAGE ")
	})
}

// A message with more headers or body than allowed gets 513, or nothing where
// nothing may be answered.
func TestBigMessages(t *testing.T) {
	body := limited(func(l *Limits) { l.BodyBytes = len(sdp) })
	headers := limited(func(l *Limits) { l.Headers = 12 })
	for name, change := range map[string]func(*Options){"body": body, "headers": headers} {
		r := newRig(t, allowed, change)
		big := func(request string) string {
			if name == "body" {
				return withBody(request, "application/sdp", sdp+"a=x\r\n")
			}
			return strings.Replace(request, "Content-Length", strings.Repeat("X-More: 1\n", 6)+"Content-Length", 1)
		}
		c := r.carrier.newCall("big")
		r.carrier.send(withBody(c.request("MESSAGE", "fits"), "application/sdp", sdp))
		fits := r.pbx.want("MESSAGE ")
		for _, method := range []string{"INVITE", "MESSAGE"} {
			r.carrier.send(big(c.request(method, method)))
			r.carrier.want("SIP/2.0 513 Message Too Large")
		}
		r.carrier.send(big(c.request("ACK", "ack")))
		r.pbx.send(big(fits.answer("200 OK")))
		r.quiet()
		r.drops("too-long", 2)
	}
}

// However many addresses send, only so many are remembered, and one that was
// forgotten begins anew.
func TestSourcesAreBounded(t *testing.T) {
	r := newRig(t, allowed)
	w := r.agent.newWork()
	first := w.sourceOf(netip.MustParseAddr("2001:db8::"))
	for i := range 2 * maxSources {
		a := netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 14: byte(i >> 8), 15: byte(i)})
		if s := w.sourceOf(a); s != w.sourceOf(a) || s != r.agent.newWork().sourceOf(a) {
			t.Fatalf("source %v is not remembered", a)
		}
	}
	if n := r.agent.sources.Len(); n != maxSources {
		t.Errorf("%d sources remembered, want %d", n, maxSources)
	}
	if w.sourceOf(netip.MustParseAddr("2001:db8::")) == first {
		t.Error("the first source is still remembered")
	}
}

// A re-INVITE that is kept for its transports is no new call: it takes nothing of
// what its source may begin.
func TestReInvitesAreNoNewCalls(t *testing.T) {
	refuses := asking()
	s := slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
		if c.ID == "first" {
			return screening.Decision{Call: c}
		}
		return refuses.Screen(ctx, c)
	})
	r := newMixedRig(t, sides{carrier: "tcp", pbx: "udp"}, s, limited(func(l *Limits) { l.SetupsPerSecond, l.SetupsPerSource = 2, 2 }))
	c := r.carrier.newCall("first")
	r.talk(c)
	for i := range 5 {
		r.pass(c, r.pbx, "INVITE", fmt.Sprint("-again-", i))
	}
	if !r.ring("second") {
		t.Error("the second call of its source is over limits")
	}
	source, _ := r.agent.sources.Get(r.carrier.addr.Addr())
	if n := source.open.Load(); n < 0 || n > 1 { // the second, whose ACK may be on its way
		t.Errorf("%d calls of the source are being set up, want none of the first", n)
	}
}
