package sipagent

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"callscreen/screening"
)

// asker makes the carrier one that asks, and the PBX a host with a port and a
// transport.
func asker(goOn int) func(*Options) {
	return func(o *Options) {
		o.Trunks[0].Redirect, o.Trunks[0].Targets = goOn, nil
		o.PBX.Targets[0].URI += ";transport=udp"
	}
}

// What a redirect server answers, whatever the verdict; nothing reaches the PBX.
func TestRedirect(t *testing.T) {
	observed := screenFunc(func(c screening.Call) screening.Decision {
		return screening.Decision{Call: c, Verdict: screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "推销"}}
	})
	ringing := verdict(screening.Verdict{
		Action: screening.Tag, Rule: "sales", Label: "推销×3475", Ring: "<http://127.0.0.1>;info=spam", Headers: "X-Queue: 2\r\n",
	})
	diverted := verdict(screening.Verdict{Action: screening.Divert, Rule: "night", Target: "sip:8000@192.0.2.10"})
	broken := screenFunc(func(screening.Call) screening.Decision { panic("broken") })
	for _, tt := range []struct {
		name, status string
		goOn         int
		screener     Screener
		change       func(*call)
		contact      string // PBX stands for its address
		asserted     string
		verdict      string
		ring, queue  string
	}{
		{name: "allowed", status: "404 Not Found", screener: allowed},
		{name: "allowed, by 503", status: "503 Service Unavailable", goOn: 503, screener: allowed},
		{name: "observed", status: "404 Not Found", screener: observed},
		{name: "screener broken", status: "404 Not Found", screener: broken},
		{name: "refused", status: "603 Decline", screener: refused},
		{
			name: "diverted", status: "302 Moved Temporarily", screener: diverted,
			contact: "<sip:8000@192.0.2.10>", verdict: "divert;rule=night",
		},
		{
			name: "labelled", status: "302 Moved Temporarily", screener: labelled,
			contact: "<sip:100@PBX;transport=udp>", asserted: `"推销×3475 Zhang San" <sip:13041439112@CARRIER>`, verdict: "tag;rule=sales",
		},
		{
			name: "labelled, with a tone and a header", status: "302 Moved Temporarily", screener: ringing,
			contact: "<sip:100@PBX;transport=udp>", asserted: `"推销×3475 Zhang San" <sip:13041439112@CARRIER>`, verdict: "tag;rule=sales",
			ring: "<http://127.0.0.1>;info=spam", queue: "2",
		},
		{
			name: "labelled by the asserted identity", status: "302 Moved Temporarily", screener: labelled,
			change:  func(c *call) { c.extra = []string{"P-Asserted-Identity: <tel:+8613041439112>"} },
			contact: "<sip:100@PBX;transport=udp>", asserted: `"推销×3475 13041439112" <tel:+8613041439112>`, verdict: "tag;rule=sales",
		},
		{
			name: "withheld", status: "302 Moved Temporarily", screener: labelled,
			change: func(c *call) {
				c.from, c.extra = "<sip:anonymous@anonymous.invalid>;tag=caller", []string{"Privacy: id"}
			},
			contact: "<sip:100@PBX;transport=udp>", asserted: `"推销×3475" <sip:anonymous@anonymous.invalid>`, verdict: "tag;rule=sales",
		},
		{
			name: "called by tel", status: "302 Moved Temporarily", screener: labelled,
			change:  func(c *call) { c.uri = "tel:+86571;phone-context=x" },
			contact: "<sip:+86571;phone-context=x@PBX;transport=udp>", asserted: `"推销×3475 Zhang San" <sip:13041439112@CARRIER>`, verdict: "tag;rule=sales",
		},
		{
			name: "nobody called", status: "302 Moved Temporarily", screener: labelled,
			change:  func(c *call) { c.uri = "sip:192.0.2.7" },
			contact: "<sip:PBX;transport=udp>", asserted: `"推销×3475 Zhang San" <sip:13041439112@CARRIER>`, verdict: "tag;rule=sales",
		},
		{
			name: "name signed", status: "302 Moved Temporarily", screener: labelled,
			change:  func(c *call) { c.extra = []string{"Identity: x;ppt=rcd"} },
			contact: "<sip:100@PBX;transport=udp>", verdict: "tag;rule=sales",
		},
		{
			name: "called by what fits no brackets", status: "404 Not Found", screener: labelled,
			change: func(c *call) { c.uri = "sip:1>0@192.0.2.7" },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, tt.screener, asker(max(tt.goOn, 404)))
			c := r.carrier.newCall("asked")
			if tt.change != nil {
				tt.change(c)
			}
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			got := r.carrier.want("SIP/2.0 " + tt.status)
			places := strings.NewReplacer("PBX", r.pbx.addr.String(), "CARRIER", r.carrier.addr.String())
			for name, want := range map[string]string{
				"Contact": places.Replace(tt.contact), "P-Asserted-Identity": places.Replace(tt.asserted), "X-Call-Screen": tt.verdict,
				"Record-Route": "", "Alert-Info": tt.ring, "X-Queue": tt.queue,
			} {
				if v := got.header(name); v != want {
					t.Errorf("%s: %s, want %s", name, v, want)
				}
			}
			r.carrier.send(c.request("INVITE", "")) // once more: its answer was lost
			if again := r.carrier.want("SIP/2.0 " + tt.status); again != got {
				t.Errorf("the second answer differs:\n%s%s", got, again)
			}
			c.to = got.header("To")
			r.carrier.send(c.request("ACK", ""))
			r.asideOnly()
		})
	}
}

// asideOnly checks that the proxy has no more to say, and the PBX heard nothing.
func (r *rig) asideOnly() {
	r.t.Helper()
	r.marks++
	c := r.carrier.newCall(fmt.Sprint("mark-", r.marks))
	r.carrier.send(c.request("OPTIONS", ""))
	r.carrier.want("SIP/2.0 200")
	r.pbx.silent(0)
}

// Nothing of a trunk that asks is relayed, and no call goes to it.
func TestRedirectRelaysNothing(t *testing.T) {
	r := newRig(t, allowed, asker(404))
	for i, tt := range []struct {
		method, to, status string
	}{
		{"MESSAGE", "", "405 Method Not Allowed"},
		{"REGISTER", "", "405 Method Not Allowed"},
		{"Invite", "", "405 Method Not Allowed"},
		{"BYE", ";tag=x", "481 Call/Transaction Does Not Exist"},
		{"INVITE", ";tag=x", "481 Call/Transaction Does Not Exist"},
		{"CANCEL", "", "481 Call/Transaction Does Not Exist"},
	} {
		c := r.carrier.newCall(fmt.Sprint("other-", i))
		c.to += tt.to
		r.carrier.send(c.request(tt.method, ""))
		r.carrier.want("SIP/2.0 " + tt.status)
		r.carrier.send(c.request("ACK", ""))
		r.asideOnly()
	}
	r.pbx.send(r.pbx.newCall("out").request("INVITE", ""))
	r.pbx.want("SIP/2.0 100")
	r.pbx.want("SIP/2.0 404")
	r.carrier.silent(0)
}

// A caller who leaves while the number is looked up is told so, and no more.
func TestRedirectCancelled(t *testing.T) {
	asking := make(chan struct{})
	r := newRig(t, slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
		close(asking)
		<-ctx.Done()
		return screening.Decision{Call: c, Mode: screening.Enforce}
	}), asker(404))
	c := r.carrier.newCall("left")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	<-asking
	r.carrier.send(c.request("CANCEL", ""))
	r.carrier.want("SIP/2.0 200")
	c.to = r.carrier.want("SIP/2.0 487").header("To")
	r.carrier.send(c.request("ACK", ""))
	r.asideOnly()
}

// A Recorder that breaks costs the label, not the call.
func TestRedirectWithoutRecord(t *testing.T) {
	r := newRig(t, labelled, asker(404), func(o *Options) { o.Recorder = recordFunc(func(screening.Decision) { panic("broken") }) })
	c := r.carrier.newCall("unrecorded")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	c.to = r.carrier.want("SIP/2.0 404").header("To")
	r.carrier.send(c.request("ACK", ""))
	r.asideOnly()
}

// A redirect server that fails lets calls go on: its table is full, or nobody
// decides.
func TestRedirectFails(t *testing.T) {
	never := slowFunc(func(ctx context.Context, c screening.Call) screening.Decision {
		<-ctx.Done()
		return screening.Decision{Call: c, Mode: screening.Enforce}
	})
	r := newRig(t, never, asker(503), func(o *Options) { o.Limits.Setups, o.Timers.T1 = 1, 10*time.Millisecond })
	first, second := r.carrier.newCall("first"), r.carrier.newCall("second")
	r.carrier.send(first.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.send(second.request("INVITE", ""))
	for range 2 {
		if got := r.carrier.want("SIP/2.0 503"); got.header("Call-ID") != "second" && got.header("Call-ID") != "first" {
			t.Errorf("received %q", got)
		}
	}
	r.pbx.silent(0)
}

// A redirect server that shall end answers at once that calls go on.
func TestRedirectDrains(t *testing.T) {
	r := newRig(t, refused, asker(404), func(o *Options) { o.Timers.Drain = time.Minute })
	r.agent.draining.Store(true)
	c := r.carrier.newCall("late")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.want("SIP/2.0 404")
}

func TestRedirectOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Trunk)
	}{
		{"status", func(t *Trunk) { t.Redirect = 200 }},
		{"targets", func(t *Trunk) { t.Targets = InOrder("sip:127.0.0.1") }},
		{"no networks", func(t *Trunk) { t.Networks = nil }},
	} {
		o := Options{
			Listeners: []Listener{{Name: "main", Addresses: []string{"udp:127.0.0.1:0"}}}, Screener: allowed, Key: make([]byte, 32),
			Trunks: []Trunk{{Name: "sbc", Listen: "main", Networks: networks(t, "127.0.0.1"), Redirect: 404}},
			PBX:    PBX{Listen: "main", Networks: networks(t, "127.0.0.2"), Targets: InOrder("sip:127.0.0.2")},
		}
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		a.close()
		tt.change(&o.Trunks[0])
		if _, err := New(o); err == nil {
			t.Errorf("%s: New takes it", tt.name)
		}
	}
}
