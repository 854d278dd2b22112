package sipagent

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// What the Via below ours says of where its message came from (RFC 3261 section
// 18.2.1, RFC 3581).
func TestViaIsMarked(t *testing.T) {
	r := newRig(t, refused)
	host, port, _ := strings.Cut(r.carrier.addr.String(), ":")
	tests := []struct{ sent, want string }{
		{"SIP/2.0/UDP HOST:PORT;branch=z9hG4bK1", "SIP/2.0/UDP HOST:PORT;branch=z9hG4bK1"},
		{"SIP/2.0/UDP HOST:PORT;branch=z9hG4bK1;rport", "SIP/2.0/UDP HOST:PORT;branch=z9hG4bK1;rport=PORT;received=HOST"},
		{"SIP/2.0/UDP HOST:PORT;rport;branch=z9hG4bK1;x", "SIP/2.0/UDP HOST:PORT;rport=PORT;branch=z9hG4bK1;x;received=HOST"},
		{"SIP/2.0/UDP HOST:9;rport=9;branch=z9hG4bK1", "SIP/2.0/UDP HOST:9;rport=PORT;branch=z9hG4bK1;received=HOST"},
		{"SIP/2.0/UDP 192.0.2.1:PORT;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1:PORT;branch=z9hG4bK1;received=HOST"},
		{"SIP/2.0/UDP carrier.example.com:PORT;branch=z9hG4bK1", "SIP/2.0/UDP carrier.example.com:PORT;branch=z9hG4bK1;received=HOST"},
		{"SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1;rport=PORT;branch=z9hG4bK1;received=HOST"},
		{"SIP/2.0/UDP HOST:PORT;received=192.0.2.9;branch=z9hG4bK1", "SIP/2.0/UDP HOST:PORT;branch=z9hG4bK1"},
		{"SIP/2.0/UDP 192.0.2.1:PORT;received=192.0.2.9;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1:PORT;branch=z9hG4bK1;received=HOST"},
		{"SIP/2.0/UDP HOST:PORT;RPort ; Branch = z9hG4bK1", "SIP/2.0/UDP HOST:PORT;rport=PORT; Branch = z9hG4bK1;received=HOST"},
		{"SIP / 2.0 / UDP  HOST : PORT ;branch=z9hG4bK1", "SIP / 2.0 / UDP  HOST : PORT ;branch=z9hG4bK1"},
		{"SIP/2.0/UDP [2001:db8::1]:PORT;branch=z9hG4bK1", "SIP/2.0/UDP [2001:db8::1]:PORT;branch=z9hG4bK1;received=HOST"},
		{
			"SIP/2.0/UDP HOST:PORT;rport;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK2;rport",
			"SIP/2.0/UDP HOST:PORT;rport=PORT;branch=z9hG4bK1;received=HOST, SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK2;rport",
		},
	}
	in := strings.NewReplacer("HOST", host, "PORT", port)
	for i, tt := range tests {
		c := r.carrier.newCall(fmt.Sprint("via-", i))
		c.via = in.Replace(tt.sent)
		r.carrier.send(c.request("MESSAGE", ""))
		got := r.pbx.want("MESSAGE ")
		if via := got.headers("Via"); len(via) != 2 || via[1] != in.Replace(tt.want) {
			t.Errorf("%s\n got %q\nwant %q below ours", c.via, via, in.Replace(tt.want))
		}
		r.pbx.send(got.answer("200 OK"))
		if via := r.carrier.want("SIP/2.0 200").headers("Via"); len(via) != 1 || via[0] != in.Replace(tt.want) {
			t.Errorf("%s\nanswer has %q", c.via, via)
		}
		c.id += "-refused" // the same in answers of our own
		r.carrier.send(c.request("REGISTER", ""))
		if via := r.carrier.want("SIP/2.0 403").headers("Via"); len(via) != 1 || via[0] != in.Replace(tt.want) {
			t.Errorf("%s\nour answer has %q", c.via, via)
		}
	}
	r.quiet()
}

// Without rport an answer goes to the port that the Via names, whoever sent it.
func TestAnswersGoByTheVia(t *testing.T) {
	r := newRig(t, refused)
	other := newPhone(t)
	c := r.carrier.newCall("elsewhere")
	c.via = strings.Replace(c.via, r.carrier.addr.String(), other.addr.String(), 1)
	r.carrier.send(c.request("INVITE", ""))
	other.want("SIP/2.0 100")
	other.want("SIP/2.0 603")
	r.carrier.send(c.request("MESSAGE", "2"))
	r.pbx.send(r.pbx.want("MESSAGE ").answer("200 OK"))
	other.want("SIP/2.0 200")
	c.via += "3;rport"
	r.carrier.send(c.request("MESSAGE", ""))
	r.pbx.send(r.pbx.want("MESSAGE ").answer("200 OK"))
	r.carrier.want("SIP/2.0 200")
	r.quiet()
}

// dialogue sets a call up, holds it from both sides and ends it from the given
// one, and checks which listener everything came by.
func dialogue(t *testing.T, r *rig, ends string) {
	t.Helper()
	by := func(p *phone) {
		t.Helper()
		if p.heard != p.proxy {
			t.Errorf("came from %v, want it from %v", p.heard, p.proxy)
		}
	}
	c := r.carrier.newCall("dialogue-" + ends)
	inv := r.talk(c)
	by(r.pbx)
	by(r.carrier)
	back := r.pbx.callee(inv)
	type side struct {
		c        *call
		from, to *phone
	}
	caller, callee := side{c, r.carrier, r.pbx}, side{back, r.pbx, r.carrier}
	all := []side{caller, callee, caller}
	if ends == "callee" {
		all = []side{callee, caller, callee}
	}
	for i, s := range all {
		method := "INVITE"
		if i == 2 {
			method = "BYE"
		}
		s.c.cseq++
		s.from.send(s.c.request(method, fmt.Sprint(method, i)))
		got := s.to.want(method + " " + s.c.uri + " ")
		by(s.to)
		if len(got.headers("Route")) != 0 {
			t.Errorf("%s still has %q", method, got.headers("Route"))
		}
		s.to.send(got.answer("200 OK"))
		s.from.want("SIP/2.0 200")
		by(s.from)
		if method == "INVITE" {
			s.from.send(s.c.request("ACK", fmt.Sprint("ack", i)))
			s.to.want("ACK ")
			by(s.to)
		}
	}
	r.quiet()
}

// sameListener makes trunk and PBX share one socket.
func sameListener(o *Options) {
	o.Listeners = o.Listeners[:1]
	o.PBX.Listen = o.Listeners[0].Name
	o.Trunks[0].Networks, o.PBX.Networks = onlyTarget(o.Trunks[0].Targets), onlyTarget(o.PBX.Targets)
}

// onlyTarget is the network of nothing but a peer's target.
func onlyTarget(targets []Target) []Network {
	at := netip.MustParseAddrPort(strings.TrimPrefix(targets[0].URI, "sip:"))
	return []Network{{Prefix: netip.PrefixFrom(at.Addr(), at.Addr().BitLen()), Port: at.Port()}}
}

func TestDialogTakesTheRightSockets(t *testing.T) {
	t.Run("two listeners", func(t *testing.T) {
		r := newRig(t, labelled)
		dialogue(t, r, "caller")
		dialogue(t, r, "callee")
	})
	t.Run("IPv6", func(t *testing.T) {
		r := newRigAt(t, "::1", labelled)
		dialogue(t, r, "caller")
		dialogue(t, r, "callee")
	})
	t.Run("one listener", func(t *testing.T) {
		r := newRig(t, labelled, sameListener)
		dialogue(t, r, "caller")
		dialogue(t, r, "callee")
	})
	t.Run("advertised", func(t *testing.T) {
		r := newRig(t, labelled, func(o *Options) {
			o.Listeners[0].Advertise = "203.0.113.5"
			o.Listeners[1].Advertise = "callscreen.example.com:5999"
		})
		dialogue(t, r, "caller")
		dialogue(t, r, "callee")
	})
	t.Run("wildcard", func(t *testing.T) {
		r := newRig(t, labelled, func(o *Options) {
			o.Listeners[0].Addresses, o.Listeners[1].Addresses = []string{"udp:0.0.0.0:0"}, []string{"udp:0.0.0.0:0"}
		})
		dialogue(t, r, "caller")
		dialogue(t, r, "callee")
	})
}

func TestRecordRoute(t *testing.T) {
	foreign := "Record-Route: <sip:edge.carrier.example;lr>"
	tests := []struct {
		name   string
		change []func(*Options)
		want   []string
	}{
		{"two listeners: the one that the next hop sees on top (RFC 5658)", nil, []string{"<sip:OFFICE;lr;cs=s>", "<sip:TRUNK;lr;cs=s>"}},
		{"one listener", []func(*Options){sameListener}, []string{"<sip:TRUNK;lr;cs=s>"}},
		{
			"advertised",
			[]func(*Options){func(o *Options) { o.Listeners[0].Advertise = "sip.example.com:5060" }},
			[]string{"<sip:OFFICE;lr;cs=s>", "<sip:sip.example.com:5060;lr;cs=s>"},
		},
	}
	for _, tt := range tests {
		r := newRig(t, allowed, append(tt.change, func(o *Options) {
			o.Trunks[0].Networks = networks(t, strings.TrimPrefix(o.Trunks[0].Targets[0].URI, "sip:"))
		})...)
		c := r.carrier.newCall("record")
		c.extra = []string{foreign, "Record-Route: <sip:far.example;lr>"}
		inv := r.invite(c)
		in := strings.NewReplacer("OFFICE", r.pbx.proxy.String(), "TRUNK", r.carrier.proxy.String())
		want := append([]string(nil), tt.want...)
		for i := range want {
			want[i] = in.Replace(want[i])
		}
		want = append(want, "<sip:edge.carrier.example;lr>", "<sip:far.example;lr>")
		if got := inv.headers("Record-Route"); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: Record-Route = %q, want %q", tt.name, got, want)
		}
		if via := inv.header("Via"); !strings.HasPrefix(via, "SIP/2.0/UDP "+r.pbx.proxy.String()+";branch=z9hG4bK") || !strings.HasSuffix(via, ";rport") {
			t.Errorf("%s: Via = %q", tt.name, via)
		}
	}
}

func TestRoutesOfOursGo(t *testing.T) {
	r := newRig(t, allowed)
	tests := []struct {
		name         string
		routes, want []string
	}{
		{"none", nil, nil},
		{"one", []string{"<sip:TRUNK;lr>"}, nil},
		{"both, two lines", []string{"<sip:TRUNK;lr>", "<sip:OFFICE;lr>"}, nil},
		{"both, one line", []string{"<sip:TRUNK;lr>,<sip:OFFICE;lr>"}, nil},
		{"both, folded", []string{"<sip:TRUNK;lr> ,\n\t <sip:OFFICE;lr>"}, nil},
		{"with more to it", []string{`"we, us" <sip:TRUNK;lr;cs=AbC>;x="a,b" , <SIP:OFFICE;LR=on>`}, nil},
		{"foreign behind", []string{"<sip:TRUNK;lr>", "<sip:OFFICE;lr>", "<sip:pbx.example;lr>"}, []string{"<sip:pbx.example;lr>"}},
		{
			"foreign behind, one line",
			[]string{`<sip:TRUNK;lr>, <sip:OFFICE;lr> ,  "X" <sip:pbx.example;lr>;y,<sip:far.example>`},
			[]string{`"X" <sip:pbx.example;lr>;y,<sip:far.example>`},
		},
		{"foreign in front", []string{"<sip:pbx.example;lr>", "<sip:TRUNK;lr>"}, []string{"<sip:pbx.example;lr>", "<sip:TRUNK;lr>"}},
		{"ours by host, not by port", []string{"<sip:127.0.0.1:1;lr>"}, []string{"<sip:127.0.0.1:1;lr>"}},
		{"unreadable", []string{"<sip:TRUNK;lr>, <oops"}, []string{"<oops"}},
	}
	in := strings.NewReplacer("OFFICE", r.pbx.proxy.String(), "TRUNK", r.carrier.proxy.String())
	for i, tt := range tests {
		c := r.carrier.newCall(fmt.Sprint("routes-", i)) // no dialog: whatever is left, it goes to the PBX
		for _, route := range tt.routes {
			c.routes = append(c.routes, in.Replace(route))
		}
		r.carrier.send(c.request("MESSAGE", ""))
		got := r.pbx.want("MESSAGE ")
		want := make([]string, len(tt.want))
		for i := range want {
			want[i] = in.Replace(tt.want[i])
		}
		if strings.Join(got.headers("Route"), "|") != strings.Join(want, "|") {
			t.Errorf("%s: Route = %q, want %q", tt.name, got.headers("Route"), want)
		}
		if !strings.HasPrefix(string(got), "MESSAGE "+c.uri+" ") {
			t.Errorf("%s: Request-URI changed: %q", tt.name, got)
		}
	}
	r.quiet()
}

// A strict router puts our Record-Route into the Request-URI, and where the
// request shall go at the end of the Route (RFC 3261 section 16.4).
func TestStrictRouter(t *testing.T) {
	r := newRig(t, allowed)
	target := "sip:100@" + r.pbx.addr.String() + ";line=7"
	tests := []struct {
		name         string
		uri          string
		routes       []string
		wantURI      string
		want         []string
		alsoAsInvite bool
	}{
		{"one", "sip:TRUNK;lr", []string{"<" + target + ">"}, target, nil, true},
		{"both", "sip:TRUNK;lr", []string{"<sip:OFFICE;lr>", "<" + target + ">"}, target, nil, true},
		{"both, one line", "sip:TRUNK;lr", []string{"<sip:OFFICE;lr>, <" + target + ">"}, target, nil, true},
		{"foreign between", "sip:TRUNK;lr", []string{"<sip:pbx.example;lr>", "<" + target + ">"}, target, []string{"<sip:pbx.example;lr>"}, true},
		{
			"foreign between, one line", "sip:TRUNK;lr;cs=x",
			[]string{"<sip:OFFICE;lr>,<sip:pbx.example;lr> , <" + target + ">"},
			target,
			[]string{"<sip:pbx.example;lr>"},
			true,
		},
		{"no Route: a request for us", "sip:TRUNK;lr", nil, "sip:TRUNK;lr", nil, false},
		{"not what we record: target is the strict next hop", "sip:TRUNK", []string{"<" + target + ">"}, target, []string{"<sip:TRUNK>"}, false},
		{"a user with us", "sip:100@TRUNK;lr", []string{"<" + target + ">"}, target, []string{"<sip:100@TRUNK;lr>"}, false},
		{"unreadable", "sip:TRUNK;lr", []string{"<oops"}, "sip:TRUNK;lr", []string{"<oops"}, false},
	}
	in := strings.NewReplacer("OFFICE", r.pbx.proxy.String(), "TRUNK", r.carrier.proxy.String())
	for i, tt := range tests {
		c := r.carrier.newCall(fmt.Sprint("strict-", i))
		c.uri, c.to = in.Replace(tt.uri), c.to+";tag=callee"
		for _, route := range tt.routes {
			c.routes = append(c.routes, in.Replace(route))
		}
		check := func(method string) {
			r.carrier.send(c.request(method, method))
			got := r.pbx.want(method + " " + in.Replace(tt.wantURI) + " SIP/2.0")
			if strings.Join(got.headers("Route"), "|") != in.Replace(strings.Join(tt.want, "|")) {
				t.Errorf("%s: Route = %q, want %q", tt.name, got.headers("Route"), tt.want)
			}
		}
		check("BYE")
		if tt.alsoAsInvite {
			check("INVITE") // comes by our Record-Route: no 481
		}
	}
	r.quiet()
}

// In a dialog a request goes where it says, if that is the other side's, and
// else to the other side's target.
func TestNextHopOfADialog(t *testing.T) {
	r := newRig(t, allowed)
	phone := newPhone(t) // in the PBX's networks
	for i, tt := range []struct {
		name   string
		uri    string
		routes []string
		to     string
	}{
		{"Request-URI in the networks", "sip:100@" + phone.addr.String(), nil, "phone"},
		{"Route in the networks", "sip:100@192.0.2.1", []string{"<sip:" + phone.addr.String() + ";lr>"}, "phone"},
		{"Route before Request-URI", "sip:100@" + phone.addr.String(), []string{"<sip:pbx.example;lr>"}, "pbx"},
		{"outside", "sip:100@192.0.2.1", nil, "pbx"},
		{"outside, loopback", "sip:100@127.0.0.66:5060", nil, "pbx"},
		{"ourselves", "sip:100@" + r.pbx.proxy.String(), nil, "pbx"},
		{"a name", "sip:100@phone.example", nil, "pbx"},
		{"tel", "tel:100", nil, "pbx"},
	} {
		c := r.carrier.newCall(fmt.Sprint("hop-", i))
		c.uri, c.routes = tt.uri, tt.routes
		first := c.request("MESSAGE", "out")
		c.to += ";tag=callee"
		to := r.pbx
		if tt.to == "phone" {
			to = phone
		}
		r.carrier.send(c.request("BYE", ""))
		if got := to.want("BYE "); got.header("Call-ID") != c.id {
			t.Errorf("%s: received %q", tt.name, got)
		}
		r.carrier.send(first) // outside a dialog always to the target
		if got := r.pbx.want("MESSAGE "); got.header("Call-ID") != c.id {
			t.Errorf("%s: received %q", tt.name, got)
		}
	}
	phone.silent(0)
	r.quiet()
}
