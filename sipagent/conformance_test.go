package sipagent

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A request other than INVITE that nobody answers is not answered by us either,
// neither with 100 nor with 408 (RFC 4320).
func TestSilenceIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTimedRig(t, allowed)
		for _, method := range []string{"BYE", "MESSAGE", "SUBSCRIBE", "FOO"} {
			r.carrier.send(r.carrier.newCall("silent-"+method).request(method, ""))
			r.pbx.want(method + " ")
		}
		r.carrier.silent(10 * time.Minute)
	})
}

// A challenge and the answer to it pass, in both directions, for INVITE and
// others; the Request-URI that the digest covers stays.
func TestDigestPasses(t *testing.T) {
	const challenge = `WWW-Authenticate: Digest realm="carrier.example", nonce="n, n",qop="auth"`
	r := newRig(t, allowed)
	for _, method := range []string{"INVITE", "MESSAGE"} {
		for _, way := range []struct{ from, to *phone }{{r.pbx, r.carrier}, {r.carrier, r.pbx}} {
			c := way.from.newCall("digest-" + method + way.from.addr.String())
			c.uri = "sip:100@carrier.example;user=phone"
			send := func() msg {
				way.from.send(c.request(method, c.attempt()))
				if method == "INVITE" {
					way.from.want("SIP/2.0 100")
				}
				return way.to.want(method + " " + c.uri + " SIP/2.0")
			}
			way.to.send(send().answer("401 Unauthorized", challenge))
			if method == "INVITE" {
				way.to.want("ACK ")
			}
			if no := way.from.want("SIP/2.0 401"); !strings.Contains(string(no), "\r\n"+challenge+"\r\n") {
				t.Errorf("%s: challenge = %q", method, no)
			}
			c.cseq++
			c.extra = []string{`Authorization: Digest username="a", uri="sip:100@carrier.example;user=phone",  response="x"`}
			if got := send(); !strings.Contains(string(got), "\r\n"+c.extra[0]+"\r\n") {
				t.Errorf("%s: credentials = %q", method, got)
			}
		}
	}
}

// attempt ends the branch of a call's requests: another with credentials.
func (c *call) attempt() string { return strings.Repeat("-again", len(c.extra)) }

// A maddr that names us goes from the Request-URI, with the port and transport
// that belong to it; any other stays (RFC 3261 section 16.4).
func TestMAddrOfOurs(t *testing.T) {
	r := newRig(t, allowed)
	host, port, _ := strings.Cut(r.carrier.proxy.String(), ":")
	for uri, want := range map[string]string{
		"sip:100@pbx.example:" + port + ";maddr=" + host:                           "sip:100@pbx.example",
		"sip:100@pbx.example:" + port + ";a=b;maddr=" + host + ";transport=udp;lr": "sip:100@pbx.example;a=b;lr",
		"sip:100@pbx.example:" + port + ";maddr=192.0.2.1":                         "sip:100@pbx.example:" + port + ";maddr=192.0.2.1",
		"sip:100@pbx.example;maddr=" + host:                                        "sip:100@pbx.example;maddr=" + host,
		"sip:100@pbx.example:" + port + ";transport=udp":                           "sip:100@pbx.example:" + port + ";transport=udp",
	} {
		c := r.carrier.newCall("maddr")
		c.uri = uri
		r.carrier.send(c.request("MESSAGE", ""))
		if got := r.pbx.want("MESSAGE "); !strings.HasPrefix(string(got), "MESSAGE "+want+" SIP/2.0\r\n") {
			t.Errorf("%s goes on as %.80q, want %s", uri, got, want)
		}
	}
}

// A next hop that is a strict router gets what it expects (RFC 3261 section
// 16.6, step 6).
func TestStrictNextHop(t *testing.T) {
	r := newRig(t, allowed)
	us := "<sip:" + r.carrier.proxy.String() + ";lr>"
	strict := "<sip:" + r.pbx.addr.String() + ";x=y>"
	for name, tt := range map[string]struct{ routes, want []string }{
		"alone":              {[]string{strict}, []string{"<sip:100@end.example>"}},
		"behind us":          {[]string{us + ", " + strict}, []string{"<sip:100@end.example>"}},
		"behind us, lines":   {[]string{us, strict}, []string{"<sip:100@end.example>"}},
		"before others":      {[]string{us + "," + strict + " , <sip:b;lr>"}, []string{"<sip:b;lr>", "<sip:100@end.example>"}},
		"before other lines": {[]string{strict, "<sip:b;lr>, <sip:c>"}, []string{"<sip:b;lr>, <sip:c>", "<sip:100@end.example>"}},
	} {
		c := r.carrier.newCall("strict")
		c.to += ";tag=callee"
		c.uri, c.routes = "sip:100@end.example", tt.routes
		r.carrier.send(c.request("BYE", ""))
		got := r.pbx.want("BYE sip:" + r.pbx.addr.String() + ";x=y SIP/2.0\r\n")
		if routes := strings.Join(got.headers("Route"), "|"); routes != strings.Join(tt.want, "|") {
			t.Errorf("%s: Route = %q, want %q", name, routes, tt.want)
		}
	}
	loose := "<sip:" + r.pbx.addr.String() + ";lr>"
	c := r.carrier.newCall("loose")
	c.to += ";tag=callee"
	c.uri, c.routes = "sip:100@end.example", []string{loose}
	r.carrier.send(c.request("BYE", ""))
	if got := r.pbx.want("BYE sip:100@end.example "); got.header("Route") != loose {
		t.Errorf("Route of a loose router = %q", got.headers("Route"))
	}
}

// brokenTo is a socket that cannot send to one address.
type brokenTo struct {
	packetConn
	addr netip.AddrPort
}

func (b brokenTo) WriteToUDPAddrPort(m []byte, to netip.AddrPort) (int, error) {
	if to == b.addr {
		return 0, os.ErrPermission
	}
	return b.packetConn.WriteToUDPAddrPort(m, to)
}

// What cannot be sent counts as if the next hop had refused it (RFC 3261 section
// 16.9): an INVITE is answered at once, an answer is dropped.
func TestNothingCanBeSent(t *testing.T) {
	r := &rig{t: t, carrier: newPhone(t), pbx: newPhone(t)}
	r.bind = func(at netip.AddrPort) (packetConn, netip.AddrPort, error) {
		conn, addr, err := bind(at)
		return brokenTo{conn, r.pbx.addr}, addr, err
	}
	r.options = Options{
		Listeners: []Listener{{Name: "trunk", Addresses: []string{"udp:127.0.0.1:0"}}, {Name: "office", Addresses: []string{"udp:127.0.0.1:0"}}},
		Timers:    Timers{T1: time.Hour, Drain: time.Millisecond},
	}
	r.open(labelled, nil)
	c := r.carrier.newCall("broken")
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100")
	if no := r.carrier.want("SIP/2.0 480"); no.header("From") != c.from {
		t.Errorf("From = %q, want %q", no.header("From"), c.from)
	}
	r.pbx.send(r.pbx.newCall("out").request("MESSAGE", "")) // its answer cannot be sent
	r.carrier.send(r.carrier.want("MESSAGE ").answer("200 OK"))
	r.carrier.send(r.carrier.newCall("alive").request("REGISTER", ""))
	r.carrier.want("SIP/2.0 403")
	r.drops("send-failed", 2)
}

// docs/rfc3261.md has every row of the checklist, and the tests that it names
// are there.
func TestDutiesAreTested(t *testing.T) {
	text, err := os.ReadFile("../docs/rfc3261.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	wireFiles, err := filepath.Glob("wire/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, f := range append(files, wireFiles...) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(b)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 5 || cells[0] == "| row" || strings.HasPrefix(cells[0], "| ---") {
			continue
		}
		row := strings.TrimPrefix(cells[0], "| ")
		rows[row] = true
		names := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(cells[4], -1)
		if len(names) == 0 {
			t.Errorf("%s names no test", row)
		}
		for _, name := range names {
			if !strings.Contains(code.String(), "\nfunc "+name[1]+"(t *testing.T) {") {
				t.Errorf("%s: there is no %s", row, name[1])
			}
		}
	}
	for kind, n := range map[string]int{"R": 13, "F": 11, "B": 12, "C": 7} {
		for i := range n {
			if row := fmt.Sprint(kind, i+1); !rows[row] {
				t.Errorf("no row %s", row)
			}
		}
	}
}
