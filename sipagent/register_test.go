package sipagent

import (
	"fmt"
	"strings"
	"testing"
)

// registering lets the PBX register at the carrier.
func registering(o *Options) { o.Trunks[0].Register = true }

// A REGISTER gets a Path, and nothing else of what a dialog gets.
func TestRegister(t *testing.T) {
	r := newRig(t, allowed, registering)
	own := "<sip:" + r.carrier.proxy.String() + ";lr>"
	for i, tt := range []struct {
		name  string
		extra []string
		path  []string
	}{
		{"not supported", nil, nil},
		{"supported", []string{"Supported: 100rel, path"}, []string{own}},
		{"supported, in short", []string{"k: Path"}, []string{own}},
		{"not the first", []string{"Supported: path", "Path: <sip:192.0.2.1;lr>", "Path: <sip:192.0.2.2;lr>"}, []string{own, "<sip:192.0.2.1;lr>", "<sip:192.0.2.2;lr>"}},
		{"something else", []string{"Supported: pathfinder, outbound"}, nil},
	} {
		c := r.pbx.newCall(fmt.Sprint("register-", i))
		c.uri, c.extra = "sip:"+r.carrier.addr.String(), append(tt.extra, "Contact: <sip:line@"+r.pbx.addr.String()+">", "Expires: 60")
		r.pbx.send(c.request("REGISTER", ""))
		got := r.carrier.want("REGISTER " + c.uri + " ")
		if v := got.headers("Path"); fmt.Sprint(v) != fmt.Sprint(tt.path) {
			t.Errorf("%s: Path %q, want %q", tt.name, v, tt.path)
		}
		if v := got.headers("Record-Route"); v != nil {
			t.Errorf("%s: Record-Route %q", tt.name, v)
		}
		for _, h := range append(c.extra, "To: "+c.to) {
			if !strings.Contains(string(got), "\r\n"+h+"\r\n") {
				t.Errorf("%s: %q is gone from %q", tt.name, h, got)
			}
		}
		r.carrier.send(got.answer("401 Unauthorized", `WWW-Authenticate: Digest realm="x", nonce="y"`))
		if v := r.pbx.want("SIP/2.0 401").header("WWW-Authenticate"); v != `Digest realm="x", nonce="y"` {
			t.Errorf("%s: challenge %q", tt.name, v)
		}
	}
	r.quiet()
}

// Who may not register is told so.
func TestRegisterIsOff(t *testing.T) {
	for _, tt := range []struct {
		name string
		from func(*rig) *phone
		on   bool
	}{
		{"the PBX, by default", func(r *rig) *phone { return r.pbx }, false},
		{"a trunk", func(r *rig) *phone { return r.carrier }, true},
	} {
		r := newRig(t, allowed, func(o *Options) { o.Trunks[0].Register = tt.on })
		p := tt.from(r)
		p.send(p.newCall("register").request("REGISTER", ""))
		p.want("SIP/2.0 403")
		r.quiet()
	}
}

// A call for a registration goes to its Contact, labelled as any call, and so does
// what belongs to it. Only the PBX's own networks are such places.
func TestCallForRegistration(t *testing.T) {
	for _, tt := range []struct {
		name    string
		on      bool
		contact func(r *rig, line *phone) string
		direct  bool
	}{
		{"at its Contact", true, func(_ *rig, line *phone) string { return line.addr.String() }, true},
		{"not allowed", false, func(_ *rig, line *phone) string { return line.addr.String() }, false},
		{"outside", true, func(*rig, *phone) string { return "192.0.2.1" }, false},
		{"a name", true, func(*rig, *phone) string { return "pbx.example" }, false},
		{"ourselves", true, func(r *rig, _ *phone) string { return r.carrier.proxy.String() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, labelled, func(o *Options) { o.Trunks[0].Register = tt.on })
			line := newPhone(t)
			line.proxy = r.pbx.proxy
			c := r.carrier.newCall("registered")
			c.uri = "sip:line-7@" + tt.contact(r, line) + ";line=abc"
			c.routes = []string{"<sip:" + r.carrier.proxy.String() + ";lr>"} // our Path
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			to := r.pbx
			if tt.direct {
				to = line
			}
			inv := to.want("INVITE " + c.uri + " ")
			if from, route := inv.header("From"), inv.headers("Route"); !strings.HasPrefix(from, `"推销×3475 Zhang San"`) || route != nil {
				t.Errorf("From: %s, Route: %q", from, route)
			}
			to.send(inv.answer("180 Ringing"))
			r.carrier.want("SIP/2.0 180")
			r.carrier.send(c.request("CANCEL", ""))
			r.carrier.want("SIP/2.0 200")
			to.want("CANCEL " + c.uri + " ")
			to.send(inv.answer("487 Request Terminated"))
			to.want("ACK " + c.uri + " ")
			r.carrier.want("SIP/2.0 487")
		})
	}
}

// What asks a registered line how it is goes there too.
func TestOptionsForRegistration(t *testing.T) {
	r := newRig(t, allowed, registering)
	line := newPhone(t)
	line.proxy = r.pbx.proxy
	c := r.carrier.newCall("qualify")
	c.uri, c.routes = "sip:line@"+line.addr.String(), []string{"<sip:" + r.carrier.proxy.String() + ";lr>"}
	r.carrier.send(c.request("OPTIONS", ""))
	line.send(line.want("OPTIONS ").answer("200 OK"))
	r.carrier.want("SIP/2.0 200")
}
