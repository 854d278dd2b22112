package sipagent

import (
	"fmt"
	"strings"
	"testing"
)

func TestMaxForwards(t *testing.T) {
	r := newRig(t, allowed)
	for _, tt := range []struct{ in, want string }{{"", "70"}, {"1", "0"}, {"70", "69"}, {"255", "254"}, {"4294967295", "4294967294"}} {
		c := r.carrier.newCall("max-" + tt.in)
		c.maxFwd = tt.in
		for _, method := range []string{"MESSAGE", "INVITE"} {
			r.carrier.send(c.request(method, method))
			got := r.pbx.want(method + " ")
			if v := got.headers("Max-Forwards"); len(v) != 1 || v[0] != tt.want {
				t.Errorf("%s: Max-Forwards %q becomes %q, want %q", method, tt.in, v, tt.want)
			}
		}
		r.carrier.want("SIP/2.0 100")
	}
	r.quiet()
}

// What RFC 3261 section 16.3 has a proxy refuse.
func TestRefusals(t *testing.T) {
	r := newRig(t, allowed)
	tests := []struct {
		name   string
		change func(c *call)
		status string
		extra  string // a header that the answer must have
	}{
		{"no hop left", func(c *call) { c.maxFwd = "0" }, "483 Too Many Hops", ""},
		{"Max-Forwards is no number", func(c *call) { c.maxFwd = "many" }, "400 Bad Request", ""},
		{"unknown scheme", func(c *call) { c.uri = "urn:x:y" }, "416 Unsupported URI Scheme", ""},
		{"no URI", func(c *call) { c.uri = "100" }, "400 Bad Request", ""},
		{"no host", func(c *call) { c.uri = "sip:100@" }, "400 Bad Request", ""},
		{"two Call-IDs", func(c *call) { c.extra = []string{"i: other"} }, "400 Bad Request", ""},
		{"Proxy-Require", func(c *call) { c.extra = []string{"Proxy-Require: foo"} }, "420 Bad Extension", "Unsupported: foo"},
		{"Proxy-Require twice", func(c *call) { c.extra = []string{"proxy-require: foo, bar", "Proxy-Require: baz"} }, "420 Bad Extension", "Unsupported: baz"},
	}
	for i, tt := range tests {
		for _, method := range []string{"INVITE", "MESSAGE"} {
			c := r.carrier.newCall(fmt.Sprint("refused-", i))
			tt.change(c)
			r.carrier.send(c.request(method, method))
			got := r.carrier.want("SIP/2.0 " + tt.status)
			if !strings.Contains(string(got), "\r\n"+tt.extra) || !strings.Contains(got.header("To"), ";tag=") {
				t.Errorf("%s: %q", tt.name, got)
			}
			if method == "INVITE" { // our answer was to it alone: its ACK ends here
				c.to, c.extra, c.maxFwd, c.uri = got.header("To"), nil, "70", "sip:100@pbx.example"
				r.carrier.send(c.request("ACK", method))
			}
		}
	}
	c := r.carrier.newCall("version")
	r.carrier.send(strings.Replace(c.request("MESSAGE", ""), "SIP/2.0\n", "SIP/3.0\n", 1))
	r.carrier.want("SIP/2.0 505 Version Not Supported")
	r.quiet()
	if n := len(r.agent.all()); n != 0 {
		t.Errorf("%d calls in the table, want none", n)
	}
}

// What a proxy must not refuse.
func TestNoRefusals(t *testing.T) {
	r := newRig(t, allowed)
	for i, extra := range []string{"Require: 100rel, foo", "Supported: bar", "Date: the day before"} {
		c := r.carrier.newCall(fmt.Sprint("passes-", i))
		c.extra = []string{extra}
		r.carrier.send(c.request("MESSAGE", ""))
		if got := r.pbx.want("MESSAGE "); !strings.Contains(string(got), "\r\n"+extra+"\r\n") {
			t.Errorf("%q is gone: %q", extra, got)
		}
	}
	for _, method := range []string{"CANCEL", "ACK"} {
		c := r.carrier.newCall("proxy-require-" + method)
		c.extra = []string{"Proxy-Require: foo"}
		r.carrier.send(c.request(method, ""))
		r.pbx.want(method + " ")
	}
	c := r.carrier.newCall("tel")
	c.uri = "tel:+8657188991122;phone-context=example"
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	r.pbx.want("INVITE " + c.uri + " ")

	// The same request by two ways is no error (section 16.3 step 1).
	c = r.carrier.newCall("merged")
	r.invite(c)
	c.via += "-other"
	r.invite(c)
	r.quiet()
}

// An ACK is never answered, whatever is wrong with it.
func TestAckIsNeverAnswered(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("ack")
	c.maxFwd = "0"
	r.carrier.send(c.request("ACK", "1"))
	c.maxFwd, c.uri = "70", "urn:x:y"
	r.carrier.send(c.request("ACK", "2"))
	r.quiet()
	r.drops("flawed", 2)
}

func TestTwiceThroughUs(t *testing.T) {
	// again hands a request that a phone received back to the proxy.
	again := func(p *phone, m msg, from, to string) {
		line, rest, _ := strings.Cut(string(m), "\r\n")
		line = strings.Replace(line, from, to, 1)
		p.send(fmt.Sprintf("%s\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKback-%s\r\n%s", line, p.addr, m.header("Call-ID"), rest))
	}
	for _, method := range []string{"INVITE", "MESSAGE"} {
		r := newRig(t, allowed)
		send := func(c *call) msg {
			if method == "INVITE" {
				return r.invite(c)
			}
			r.carrier.send(c.request(method, ""))
			return r.pbx.want(method)
		}
		back := func(m msg) msg { // the PBX forwards the call back out
			again(r.pbx, m, "", "")
			if method == "INVITE" {
				r.pbx.want("SIP/2.0 100")
			}
			return r.carrier.want(method + " ")
		}
		c := r.carrier.newCall("loop-" + method)
		again(r.carrier, back(send(c)), "", "")
		loop := r.carrier.want("SIP/2.0 482 Loop Detected")
		if n := len(loop.headers("Via")); n != 5 {
			t.Errorf("482 has %d Via, want 5: %q", n, loop)
		}
		c = r.carrier.newCall("spiral-" + method)
		m := back(send(c))
		again(r.carrier, m, "sip:100@", "sip:200@")
		if method == "INVITE" {
			r.carrier.want("SIP/2.0 100")
		}
		if got := r.pbx.want(method + " sip:200@"); len(got.headers("Via")) != 6 {
			t.Errorf("spiral has %d Via, want 6: %q", len(got.headers("Via")), got)
		}
	}
}

// An INVITE with a To tag that does not come by our Record-Route would be a way
// around screening.
func TestInviteIntoNoDialog(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("no-dialog")
	c.to += ";tag=made-up"
	for i, routes := range [][]string{nil, {"<sip:pbx.example;lr>"}, {"<sip:" + r.pbx.addr.String() + ";lr>"}, {"<oops"}} {
		c.routes = routes
		r.carrier.send(c.request("INVITE", fmt.Sprint(i)))
		if got := r.carrier.want("SIP/2.0 481 "); got.header("To") != c.to {
			t.Errorf("481 = %q", got)
		}
	}
	r.quiet()
	back := r.pbx.newCall("from-the-pbx")
	back.to += ";tag=caller"
	r.pbx.send(back.request("INVITE", ""))
	r.carrier.want("INVITE ")
}
