package sipagent

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"callscreen/screening"
)

// trunksRig has two trunks and a PBX on addresses of their own, each trunk with
// its own listener: "trunk" and "second".
func trunksRig(t *testing.T, change ...func(*Options)) (r *rig, second *phone) {
	t.Helper()
	r = &rig{t: t, bind: bind, carrier: newPhoneAt(t, "127.0.0.11"), pbx: newPhoneAt(t, "127.0.0.13")}
	second = newPhoneAt(t, "127.0.0.12")
	r.options = Options{Listeners: []Listener{
		{Name: "office", Addresses: []string{"udp:127.0.0.1:0"}},
		{Name: "trunk", Addresses: []string{"udp:127.0.0.1:0"}},
		{Name: "second", Addresses: []string{"udp:127.0.0.1:0"}},
	}}
	nobody := screenFunc(func(c screening.Call) screening.Decision {
		if c.Trunk == "pbx" {
			t.Errorf("a call of the PBX is screened: %+v", c)
		}
		return screening.Decision{Call: c, Mode: screening.Enforce}
	})
	r.open(nobody, append([]func(*Options){func(o *Options) {
		o.Trunks = append(o.Trunks, Trunk{
			Name: "second", Networks: networks(t, "127.0.0.12"), Listen: "second", Targets: InOrder("sip:" + second.addr.String()),
		})
	}}, change...))
	second.proxy = r.at(r.options.Trunks[1].Listen, r.carrier)
	return r, second
}

// A call of the PBX goes to the trunk that it chose: by the listener that it
// sends to, by a Route that names one, or by the host of the Request-URI.
func TestOutboundCallsChooseATrunk(t *testing.T) {
	r, second := trunksRig(t)
	by := map[string]netip.AddrPort{"office": r.at("office", r.carrier), "trunk": r.at("trunk", r.carrier), "second": r.at("second", r.carrier)}
	tests := []struct {
		name   string
		to     string // listener
		host   string // of the Request-URI
		routes []string
		want   *phone
	}{
		{"listener", "trunk", "carrier.example", nil, r.carrier},
		{"other listener", "second", "carrier.example", nil, second},
		{"listener before host", "second", r.carrier.addr.String(), nil, second},
		{"host", "office", r.carrier.addr.String(), nil, r.carrier},
		{"other host", "office", second.addr.String(), nil, second},
		{"host, whatever the port", "office", "127.0.0.12:9", nil, second},
		{"our Route", "office", "carrier.example", []string{"<sip:" + by["second"].String() + ";lr>"}, second},
		{"two of our Routes", "office", "carrier.example", []string{"<sip:" + by["office"].String() + ";lr>, <sip:" + by["trunk"].String() + ";lr>"}, r.carrier},
		{"our Route before host", "office", r.carrier.addr.String(), []string{"<sip:" + by["second"].String() + ";lr>"}, second},
		{"foreign Route", "office", "carrier.example", []string{"<sip:" + second.addr.String() + ";lr>"}, second},
		{"foreign Route before host", "office", r.carrier.addr.String(), []string{"<sip:" + second.addr.String() + ";lr>"}, second},
	}
	for i, tt := range tests {
		c := r.pbx.newCall(fmt.Sprint("outbound-", i))
		c.uri, c.routes = "sip:13041439112@"+tt.host, tt.routes
		c.extra = []string{`P-Asserted-Identity: "Office" <sip:100@pbx.example>`, "X-Call-Screen: mine"}
		r.pbx.proxy = by[tt.to]
		r.pbx.send(c.request("INVITE", ""))
		r.pbx.want("SIP/2.0 100")
		inv := tt.want.want("INVITE " + c.uri + " SIP/2.0\r\n") // kept: a digest covers it
		if inv.header("From") != c.from || inv.header("P-Asserted-Identity") == "" || inv.header("X-Call-Screen") != "mine" {
			t.Errorf("%s: outbound call = %q", tt.name, inv)
		}
		tt.want.send(inv.answer("486 Busy Here"))
		tt.want.want("ACK ")
		c.to = r.pbx.want("SIP/2.0 486").header("To")
		r.pbx.send(c.request("ACK", ""))
	}
	r.pbx.proxy = by["office"]
	strict := r.pbx.newCall("strict") // RFC 3261 section 16.4
	strict.uri, strict.routes = "sip:"+by["second"].String()+";lr", []string{"<sip:100@carrier.example>"}
	r.pbx.send(strict.request("BYE", ""))
	second.want("BYE sip:100@carrier.example SIP/2.0\r\n")
	for _, p := range []*phone{r.carrier, second, r.pbx} {
		p.silent(0)
	}
}

// No other host is ever a target.
func TestOutboundCallsGoNowhereElse(t *testing.T) {
	r, second := trunksRig(t)
	other := newPhoneAt(t, "127.0.0.99")
	own := "<sip:" + r.at("office", r.carrier).String() + ";lr>"
	for i, routes := range [][]string{nil, {"<sip:" + other.addr.String() + ";lr>"}, {own, own, "<sip:" + other.addr.String() + ";lr>"}} {
		for _, tag := range []string{"", ";tag=x"} {
			for _, method := range []string{"INVITE", "MESSAGE"} {
				c := r.pbx.newCall(fmt.Sprint("nowhere-", i, tag, method))
				c.uri, c.routes = "sip:100@"+other.addr.String(), routes
				c.to += tag
				r.pbx.send(c.request(method, ""))
				m, _ := r.pbx.next(patience)
				if strings.HasPrefix(string(m), "SIP/2.0 100") {
					m, _ = r.pbx.next(patience)
				}
				if !strings.HasPrefix(string(m), "SIP/2.0 404 Not Found\r\nVia: "+c.via+"\r\nFrom: "+c.from+"\r\n") {
					t.Errorf("%s: %q, want 404", c.id, m)
				}
			}
		}
	}
	c := r.pbx.newCall("ack")
	c.uri = "sip:100@" + other.addr.String()
	r.pbx.send(c.request("ACK", ""))
	c.uri = "sip:100@" + second.addr.String()
	r.pbx.send(c.request("MESSAGE", ""))
	second.want("MESSAGE ")
	r.drops("nowhere", 1)
	for _, p := range []*phone{r.carrier, second, r.pbx, other} {
		p.silent(0)
	}
}

// Trunks that share a listener with the PBX are told apart by the host.
func TestTrunksOnOneListener(t *testing.T) {
	r, second := trunksRig(t, func(o *Options) {
		for i := range o.Trunks {
			o.Trunks[i].Listen = "office"
		}
	})
	second.proxy = r.at("office", r.carrier)
	for _, trunk := range []*phone{r.carrier, second} {
		c := trunk.newCall("in-" + trunk.addr.String())
		trunk.send(c.request("INVITE", ""))
		trunk.want("SIP/2.0 100")
		inv := r.pbx.want("INVITE ")
		if n := len(inv.headers("Record-Route")); n != 1 {
			t.Errorf("%d Record-Route, want one", n)
		}
		r.pbx.send(inv.answer("200 OK"))
		trunk.want("SIP/2.0 200")
		back := r.pbx.callee(inv)
		r.pbx.send(back.request("BYE", "bye"))
		trunk.send(trunk.want("BYE ").answer("200 OK"))
		r.pbx.want("SIP/2.0 200")
	}
}

func TestPeerOf(t *testing.T) {
	r, _ := trunksRig(t, func(o *Options) {
		o.Trunks[0].Networks = networks(t, "203.0.113.0/24", "198.51.100.7")
		o.Trunks[1].Networks = networks(t, "203.0.113.0/24", "203.0.113.128/25", "198.51.100.7:5070", "2001:db8::/32")
		o.Trunks[1].Listen = "trunk"
		o.PBX.Networks = networks(t, "192.168.1.0/24", "203.0.113.200")
	})
	for _, tt := range []struct{ listener, src, want string }{
		{"trunk", "203.0.113.1:5060", "carrier"}, // the first of two that say the same
		{"trunk", "203.0.113.129:5060", "second"},
		{"trunk", "203.0.113.200:5060", "pbx"}, // by the exact address
		{"trunk", "198.51.100.7:5060", "carrier"},
		{"trunk", "198.51.100.7:5070", "second"}, // by its port
		{"trunk", "[2001:db8::7]:5060", "second"},
		{"trunk", "192.168.1.9:5060", "pbx"}, // may choose a trunk by its listener
		{"trunk", "192.168.2.9:5060", ""},
		{"trunk", "[2001:db9::7]:5060", ""},
		{"office", "192.168.1.9:1", "pbx"},
		{"office", "203.0.113.1:5060", ""}, // a trunk is known at its own listener only
		{"second", "203.0.113.129:5060", ""},
	} {
		got := ""
		if p := r.agent.peerOf(r.agent.listenerNamed(tt.listener).sockets[0], netip.MustParseAddrPort(tt.src)); p != nil {
			got = p.name
		}
		if got != tt.want {
			t.Errorf("at %s from %s: peer %q, want %q", tt.listener, tt.src, got, tt.want)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"203.0.113.0/24": "203.0.113.0/24", "203.0.113.9/24": "203.0.113.0/24", "203.0.113.10": "203.0.113.10/32",
		"203.0.113.10:5060": "203.0.113.10:5060", "2001:db8::/32": "2001:db8::/32", "2001:db8::1": "2001:db8::1/128",
		"[2001:db8::1]:5060": "[2001:db8::1]:5060", "::ffff:203.0.113.10": "203.0.113.10/32",
	} {
		n, err := ParseNetwork(in)
		if err != nil || n.String() != want {
			t.Errorf("ParseNetwork(%q) = %v, %v; want %s", in, n, err, want)
		}
		if again, err := ParseNetwork(n.String()); err != nil || again != n {
			t.Errorf("ParseNetwork(%q) = %v, %v; want %v again", n.String(), again, err, n)
		}
	}
	for _, in := range []string{"", "carrier.example", "203.0.113.0/33", "203.0.113.10:0", "203.0.113.10:70000", "fe80::1%eth0", "[fe80::1%eth0]:5060", "203.0.113"} {
		if n, err := ParseNetwork(in); err == nil || !strings.Contains(err.Error(), "write ") {
			t.Errorf("ParseNetwork(%q) = %v, %v; want an error that says what to write", in, n, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := func() Options {
		return Options{
			Listeners: []Listener{{Name: "main", Addresses: []string{"udp:127.0.0.1:0"}}},
			Trunks:    []Trunk{{Name: "carrier", Networks: networks(t, "127.0.0.2"), Listen: "main", Targets: InOrder("sip:127.0.0.2:5060")}},
			PBX:       PBX{Networks: networks(t, "127.0.0.3"), Listen: "main", Targets: InOrder("sip:127.0.0.3")},
			Screener:  allowed, Key: make([]byte, 32),
		}
	}
	for want, change := range map[string]func(*Options){
		"":                           func(*Options) {},
		"no screener":                func(o *Options) { o.Screener = nil },
		"the key must":               func(o *Options) { o.Key = make([]byte, 15) },
		"0 addresses":                func(o *Options) { o.Listeners = nil },
		"37 addresses":               func(o *Options) { o.Listeners[0].Addresses = make([]string, 37) },
		`listener "main": TLS needs`: func(o *Options) { o.Listeners[0].Addresses = []string{"tls:127.0.0.1:0"} },
		`listener "main": certificate: open x`: func(o *Options) {
			o.Listeners[0].Addresses, o.Listeners[0].TLS = []string{"tls:127.0.0.1:0"}, TLS{Cert: "x", Key: "y"}
		},
		`carrier: target "sip:127.0.0.1;transport=tcp" cannot`: func(o *Options) { o.Trunks[0].Targets[0].URI = "sip:127.0.0.1;transport=tcp" },
		`listener "main": address "sctp`:                       func(o *Options) { o.Listeners[0].Addresses = []string{"sctp:127.0.0.1:0"} },
		`listener "main": address "127`:                        func(o *Options) { o.Listeners[0].Addresses = []string{"127.0.0.1"} },
		`listener "main": address "udp:host`:                   func(o *Options) { o.Listeners[0].Addresses = []string{"udp:host:5060"} },
		`listener "main": listen udp4`:                         func(o *Options) { o.Listeners[0].Addresses = []string{"udp:192.0.2.77:5060"} },
		`listener "main": advertise "a b"`:                     func(o *Options) { o.Listeners[0].Advertise = "a b" },
		`listener "main": advertise "a:70000"`:                 func(o *Options) { o.Listeners[0].Advertise = "a:70000" },
		`listener "main": advertise "x@a"`:                     func(o *Options) { o.Listeners[0].Advertise = "x@a" },
		`two listeners "main"`:                                 func(o *Options) { o.Listeners = append(o.Listeners, o.Listeners[0]) },
		"no trunk":                                             func(o *Options) { o.Trunks = nil },
		`carrier: no listener "x"`:                             func(o *Options) { o.Trunks[0].Listen = "x" },
		"carrier: networks and targets":                        func(o *Options) { o.Trunks[0].Networks = nil },
		"pbx: networks and targets":                            func(o *Options) { o.PBX.Targets = nil },
		`carrier: target "127.0.0.2"`:                          func(o *Options) { o.Trunks[0].Targets[0].URI = "127.0.0.2" },
		`pbx: target "tel:100"`:                                func(o *Options) { o.PBX.Targets[0].URI = "tel:100" },
		`pbx: target "sip:a..b"`:                               func(o *Options) { o.PBX.Targets[0].URI = "sip:a..b" },
	} {
		o := good()
		change(&o)
		a, err := New(o)
		switch {
		case err == nil && want != "":
			t.Errorf("New is content, want %q", want)
			a.close()
		case err == nil:
			a.close()
		case want == "" || !strings.HasPrefix(err.Error(), "sipagent: "+want):
			t.Errorf("New = %v, want %q", err, want)
		}
	}
}
