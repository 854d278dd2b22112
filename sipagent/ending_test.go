package sipagent

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// endings is a Recorder that keeps what it is told of how calls ended.
type endings struct {
	mu      sync.Mutex
	all     []screening.Ending
	decided bool // some call was
}

func (e *endings) Record(screening.Decision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.decided = true
}

func (e *endings) Ended(ending screening.Ending) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.decided { // else nobody could tell what has ended
		e.all = append(e.all, ending)
	}
}

// check compares what was told since the last time. Times are left out of it.
func (e *endings) check(t *testing.T, what string, want ...screening.Ending) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range e.all {
		if e.all[i].At.IsZero() {
			t.Errorf("%s: %+v has no time", what, e.all[i])
		}
		e.all[i].At = time.Time{}
	}
	if len(e.all) != len(want) {
		t.Errorf("%s: told %+v, want %+v", what, e.all, want)
	}
	for i := range min(len(e.all), len(want)) {
		if e.all[i] != want[i] {
			t.Errorf("%s: told %+v, want %+v", what, e.all[i], want[i])
		}
	}
	e.all = nil
}

// How a screened call ends is told once, with who ended it and how long it rang.
func TestEndings(t *testing.T) {
	const second = time.Second
	answered := func(id string) screening.Ending { return screening.Ending{Call: id, Status: 200, Ring: 5 * second} }
	tests := []struct {
		name   string
		s      Screener
		happen func(r *rig, c *call)
		want   []screening.Ending
	}{
		{"refused by us", refused, func(r *rig, c *call) {
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			r.carrier.want("SIP/2.0 603")
		}, []screening.Ending{{Status: 603, By: screening.PartyProxy}}},
		{"refused by the callee", labelled, func(r *rig, c *call) {
			inv := r.invite(c)
			r.pbx.send(inv.answer("486 Busy Here"))
			r.pbx.send(inv.answer("486 Busy Here"))
			r.carrier.want("SIP/2.0 486")
		}, []screening.Ending{{Status: 486, By: screening.PartyCallee}}},
		{"cancelled", allowed, func(r *rig, c *call) {
			inv := r.invite(c)
			r.ringFor(inv, "183 Session Progress", 3*second)
			r.cancel(c)
			r.pbx.want("CANCEL ")
			r.pbx.send(inv.answer("487 Request Terminated"))
			r.carrier.want("SIP/2.0 487")
		}, []screening.Ending{{Status: 487, Ring: 3 * second, By: screening.PartyCaller}}},
		{"cancelled during the lookup", slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
			<-ctx.Done()
			time.Sleep(second)
			return screening.Decision{Call: c}
		}), func(r *rig, c *call) {
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			r.cancel(c)
			r.carrier.want("SIP/2.0 487")
			time.Sleep(2 * second)
		}, []screening.Ending{{Status: 487, By: screening.PartyCaller}}},
		{"nobody answers", allowed, func(r *rig, c *call) {
			r.invite(c)
			time.Sleep(40 * second)
		}, []screening.Ending{{Status: 480, By: screening.PartyProxy}}},
		{"rings too long", allowed, func(r *rig, c *call) {
			inv := r.invite(c)
			r.ringFor(inv, "180 Ringing", 10*time.Minute)
			time.Sleep(40 * second)
		}, []screening.Ending{{Status: 487, Ring: 10*time.Minute + 32*second, By: screening.PartyProxy}}},
		{"the caller hangs up", allowed, func(r *rig, c *call) {
			r.ringAndTalk(c)
			for range 2 { // retransmitted
				r.carrier.send(c.request("BYE", "bye"))
				r.pbx.want("BYE ")
			}
		}, []screening.Ending{answered(""), {By: screening.PartyCaller}}},
		{"the callee hangs up, labelled", labelled, func(r *rig, c *call) {
			inv := r.ringAndTalk(c)
			r.pbx.send(r.pbx.callee(inv).request("BYE", "bye"))
			r.carrier.want("BYE ")
		}, []screening.Ending{answered(""), {By: screening.PartyCallee}}},
		{"over a restart", allowed, func(r *rig, c *call) {
			inv := r.invite(c)
			r.restart()
			for range 2 {
				r.pbx.send(inv.answer("200 OK"))
				c.established(r.carrier.want("SIP/2.0 200"), r.pbx.uri("100"))
			}
			r.restart()
			r.carrier.send(c.request("BYE", "bye"))
			r.pbx.want("BYE ")
		}, []screening.Ending{{Status: 200}, {By: screening.PartyCaller}}},
		{"refused over a restart", allowed, func(r *rig, c *call) {
			inv := r.invite(c)
			r.restart()
			r.pbx.send(inv.answer("603 Decline"))
			r.carrier.want("SIP/2.0 603")
		}, []screening.Ending{{Status: 603, By: screening.PartyCallee}}},
		{"by no Route of ours", allowed, func(r *rig, c *call) {
			r.ringAndTalk(c)
			c.routes = nil
			r.carrier.send(c.request("BYE", "bye"))
			r.pbx.want("BYE ")
		}, []screening.Ending{answered("")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told endings
				r := newTimedRig(t, tt.s, func(o *Options) { o.Recorder, o.Timers.Drain = &told, time.Millisecond })
				c := r.carrier.newCall(strings.ReplaceAll(tt.name, " ", "-"))
				tt.happen(r, c)
				for i := range tt.want {
					tt.want[i].Call = c.id
				}
				told.check(t, tt.name, tt.want...)
			})
		})
	}
}

// ringFor lets the callee ring for a time.
func (r *rig) ringFor(inv msg, status string, d time.Duration) {
	r.t.Helper()
	r.pbx.send(inv.answer(status))
	r.carrier.want("SIP/2.0 " + status)
	time.Sleep(d)
}

// ringAndTalk sets a call up that rings for five seconds.
func (r *rig) ringAndTalk(c *call) (inv msg) {
	r.t.Helper()
	inv = r.invite(c)
	r.ringFor(inv, "183 Session Progress", 2*time.Second)
	r.ringFor(inv, "180 Ringing", 3*time.Second)
	r.pbx.send(inv.answer("200 OK"))
	c.established(r.carrier.want("SIP/2.0 200"), r.pbx.uri("100"))
	r.carrier.send(c.request("ACK", "ack"))
	r.pbx.want("ACK ")
	c.cseq++
	return inv
}

// A call of the PBX is nobody's record, nor is a Recorder that breaks anybody's loss.
func TestEndingsOfOthers(t *testing.T) {
	var told endings
	r := newRig(t, allowed, func(o *Options) { o.Recorder = &told })
	c := r.pbx.newCall("out")
	r.pbx.send(c.request("INVITE", ""))
	r.pbx.want("SIP/2.0 100")
	r.carrier.send(r.carrier.want("INVITE ").answer("200 OK"))
	c.established(r.pbx.want("SIP/2.0 200"), r.carrier.uri("100"))
	r.pbx.send(c.request("BYE", "bye"))
	r.carrier.want("BYE ")
	told.check(t, "a call of the PBX")

	r = newRig(t, refused, func(o *Options) { o.Recorder = brokenRecorder{} })
	r.carrier.send(r.carrier.newCall("broken").request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.want("SIP/2.0 603")
	r.quiet()
	r.drops("panic", 1)
}

type brokenRecorder struct{}

func (brokenRecorder) Record(screening.Decision) {}
func (brokenRecorder) Ended(screening.Ending)    { panic("broken") }

// dialed is a Dialer that keeps what it is told.
type dialed []string

func (d *dialed) Dialed(trunk, to string, _ time.Time) { *d = append(*d, trunk+" "+to) }

// Whom the office calls is told; a call of a trunk, one that goes nowhere and a
// re-INVITE are none.
func TestDialed(t *testing.T) {
	var told dialed
	r := newRig(t, allowed, func(o *Options) { o.Dialer = &told })
	in := r.carrier.newCall("in")
	inv := r.talk(in)
	back := r.pbx.callee(inv)
	r.pbx.send(back.request("INVITE", "re"))
	r.carrier.want("INVITE ")

	for _, uri := range []string{"sip:057188991122@pbx.example", "tel:+8657188991122;phone-context=example"} {
		out := r.pbx.newCall("out-" + uri)
		out.uri = uri
		r.pbx.send(out.request("INVITE", ""))
		r.pbx.want("SIP/2.0 100")
		r.carrier.want("INVITE ")
	}
	nowhere := r.pbx.newCall("nowhere")
	nowhere.maxFwd = "0"
	r.pbx.send(nowhere.request("INVITE", ""))
	r.pbx.want("SIP/2.0 483")
	r.stop()
	if got, want := strings.Join(told, "|"), "carrier 057188991122|carrier +8657188991122;phone-context=example"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
}
