package sipagent

import (
	"fmt"
	"testing"
)

// turned makes the carrier the PBX, which gets back from one port what it sends to
// another.
func turned(o *Options) {
	o.Trunks[0] = Trunk{Name: "office", Listen: "trunk", OutAndBack: true, TrustIdentity: true}
}

// A call goes out and comes back, both ends of it at the same address; so does all
// that follows in its dialog, from either end.
func TestOutAndBack(t *testing.T) {
	r := newRig(t, labelled, turned)
	out := r.carrier.newCall("round")
	inv := r.talk(out)
	if got, want := inv.header("From"), `"推销×3475 Zhang San" <sip:13041439112@`+r.carrier.addr.String()+">;tag=caller-round"; got != want {
		t.Errorf("came back as From: %s, want %s", got, want)
	}
	if got := inv.headers("Record-Route"); len(got) != 2 {
		t.Errorf("Record-Route %q, want one for each way", got)
	}
	back := r.pbx.callee(inv)
	for i, end := range []struct {
		c    *call
		peer *phone
	}{{out, r.pbx}, {back, r.carrier}, {back, r.carrier}, {out, r.pbx}} {
		end.c.cseq++
		end.c.p.send(end.c.request("INFO", fmt.Sprint("info-", i)))
		end.peer.send(end.peer.want("INFO ").answer("200 OK"))
		end.c.p.want("SIP/2.0 200")
	}
	back.cseq++
	r.pbx.send(back.request("BYE", "bye"))
	bye := r.carrier.want("BYE ")
	if got, want := bye.header("To"), out.from; got != want {
		t.Errorf("hung up to %s, want %s", got, want)
	}
	r.carrier.send(bye.answer("200 OK"))
	r.pbx.want("SIP/2.0 200")
}

// A refused call comes nowhere near a phone.
func TestOutAndNotBack(t *testing.T) {
	r := newRig(t, refused, turned)
	r.carrier.send(r.carrier.newCall("fraud").request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.want("SIP/2.0 603")
	r.pbx.silent(0)
}

// What the PBX sends to the port that it gets calls back from would ring unscreened:
// it goes nowhere.
func TestBackIsNoWayOut(t *testing.T) {
	r := newRig(t, allowed, turned)
	for i, routes := range [][]string{nil, {"<sip:" + r.carrier.proxy.String() + ";lr>"}} {
		c := r.pbx.newCall(fmt.Sprint("wrong-", i))
		c.routes = routes
		r.pbx.send(c.request("INVITE", ""))
		r.pbx.want("SIP/2.0 100")
		r.pbx.want("SIP/2.0 404")
		r.carrier.silent(0)
	}
}

// A dialplan that sends out again what comes back is stopped, so that it goes on by
// itself. Other calls are none of its business, and neither is an answered one.
func TestRoundsEnd(t *testing.T) {
	r := newRig(t, allowed, turned)
	var inv msg
	same := func(i int) *call {
		c := r.carrier.newCall(fmt.Sprint("round-", i))
		c.from = fmt.Sprintf("<sip:13041439112@192.0.2.1>;tag=%d", i)
		return c
	}
	for i := range maxRounds {
		inv = r.invite(same(i))
	}
	over := same(maxRounds)
	r.carrier.send(over.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.want("SIP/2.0 482")

	other := same(maxRounds + 1)
	other.uri = "sip:200@" + r.carrier.proxy.String()
	r.invite(other)

	r.pbx.send(inv.answer("486 Busy Here"))
	r.carrier.want("SIP/2.0 486")
	r.pbx.want("ACK ")
	r.invite(same(maxRounds + 2))
}

// What cannot come back, or finds no room, goes on in the PBX: 503 says so.
func TestNoWayBack(t *testing.T) {
	r := newRig(t, allowed, turned, func(o *Options) {
		o.PBX.Targets = InOrder("sip:127.0.0.1:9;transport=tcp")
		o.Listeners[0].Addresses = append(o.Listeners[0].Addresses, "tcp:127.0.0.1:0")
		o.Listeners[1].Addresses = append(o.Listeners[1].Addresses, "tcp:127.0.0.1:0")
	})
	r.carrier.send(r.carrier.newCall("refused").request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.carrier.want("SIP/2.0 503")

	r = newRig(t, allowed, turned, func(o *Options) { o.Limits.Setups = 1 })
	r.invite(r.carrier.newCall("first"))
	r.carrier.send(r.carrier.newCall("second").request("INVITE", ""))
	r.carrier.want("SIP/2.0 503")
}

func TestOutAndBackOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Options)
	}{
		{"listener of the PBX", func(o *Options) { o.Trunks[0].Listen = "back" }},
		{"shared with a trunk", func(o *Options) {
			o.Trunks = append(o.Trunks, Trunk{Name: "x", Listen: "out", Networks: networks(t, "127.0.0.3"), Targets: o.PBX.Targets})
		}},
		{"twice", func(o *Options) { o.Trunks = append(o.Trunks, o.Trunks[0]) }},
		{"networks", func(o *Options) { o.Trunks[0].Networks = o.PBX.Networks }},
		{"targets", func(o *Options) { o.Trunks[0].Targets = o.PBX.Targets }},
		{"redirect", func(o *Options) { o.Trunks[0].Redirect = 404 }},
	} {
		o := Options{
			Listeners: []Listener{{Name: "out", Addresses: []string{"udp:127.0.0.1:0"}}, {Name: "back", Addresses: []string{"udp:127.0.0.1:0"}}},
			Screener:  allowed, Key: make([]byte, 32), Trunks: []Trunk{{Name: "office", Listen: "out", OutAndBack: true}},
			PBX: PBX{Listen: "back", Networks: networks(t, "127.0.0.2"), Targets: InOrder("sip:127.0.0.2")},
		}
		a, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		a.close()
		tt.change(&o)
		if _, err := New(o); err == nil {
			t.Errorf("%s: New takes it", tt.name)
		}
	}
}
