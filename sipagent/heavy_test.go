package sipagent

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// repeated fills n bytes with numbered copies of a text.
func repeated(n int, format string) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// heavy make INVITEs with a lot of one thing, by what that is.
func heavy(c *call, n int) map[string]func() string {
	with := func(change func(c *call)) func() string {
		return func() string {
			heavy := *c
			change(&heavy)
			return heavy.request("INVITE", "")
		}
	}
	header := func(format, rest string) func() string {
		return with(func(c *call) { c.extra = append(c.extra, rest+strings.TrimSuffix(repeated(n, format), ",")) })
	}
	return map[string]func() string{
		"parameters of Via":            with(func(c *call) { c.via += repeated(n, ";p%d=x") }),
		"Via values":                   header("SIP/2.0/UDP a;branch=z9hG4bK%d,", "Via: "),
		"parameters of From":           with(func(c *call) { c.from += repeated(n, ";p%d=x") }),
		"display name of From":         with(func(c *call) { c.from = `"` + repeated(n, `\"%d`) + `" <sip:1@a>;tag=f` }),
		"tokens of From":               with(func(c *call) { c.from = repeated(n, `t%d `) + `<sip:1@a>;tag=f` }),
		"parameters of To":             with(func(c *call) { c.to += repeated(n, ";p%d=x") }),
		"parameters of Request-URI":    with(func(c *call) { c.uri += repeated(n, ";p%d=x") }),
		"headers of Request-URI":       with(func(c *call) { c.uri += "?a=b" + repeated(n, "&p%d=x") }),
		"Route values, ours":           header("<sip:"+c.p.proxy.String()+";lr;p%d>,", "Route: "),
		"Route values, strangers'":     header("<sip:a%d.example;lr>,", "Route: "),
		"Route values, unreadable":     header("<oops%d,", "Route: "),
		"Record-Route values":          header("<sip:a%d.example;lr>,", "Record-Route: "),
		"Contact values":               header("<sip:a%d.example>,", "Contact: "),
		"P-Asserted-Identity values":   header("<sip:a%d.example>,", "P-Asserted-Identity: "),
		"P-Asserted-Identity names":    header(`"快递×1 a%d" <sip:1@a>,`, "P-Asserted-Identity: "),
		"Remote-Party-ID parameters":   header(";p%d=x", "Remote-Party-ID: <sip:1@a>"),
		"Remote-Party-ID values":       header("<sip:%d@a>;party=called,", "Remote-Party-ID: "),
		"History-Info, mapped":         header("<sip:a>;index=%d;mp=1,", "History-Info: "),
		"History-Info, mapped nowhere": header("<a:b>;mp=x%d,", "History-Info: "),
		"History-Info, cause":          header("<sip:a%d;cause=302>,", "History-Info: "),
		"Diversion values":             header("<sip:%d@a>,", "Diversion: "),
		"Identity parameters":          header(";p%d=x", "Identity: x"),
		"Privacy values":               header("id;p%d;", "Privacy: "),
		"quotes":                       header(`"%d`, `P-Asserted-Identity: "`),
		"backslashes":                  header(`\%d`, `P-Asserted-Identity: "`),
		"brackets":                     header(`<%d`, `P-Asserted-Identity: `),
		"commas":                       header(",%[1]*.0[1]d", `P-Asserted-Identity: `),
		"semicolons":                   header(";%[1]*.0[1]d", "Remote-Party-ID: <sip:1@a>"),
		"blanks":                       header(" %[1]*.0[1]d", `P-Asserted-Identity: x`),
		"folds":                        header("\r\n x%d", "P-Asserted-Identity: x"),
		"header fields": with(func(c *call) {
			c.extra = append(c.extra, strings.Split(repeated(min(n, 1200), "X%d: 1\n"), "\n")[:100]...)
		}),
		"Supported values":     header("x%d,", "Supported: "),
		"Proxy-Require values": header("x%d,", "Proxy-Require: "),
	}
}

// A lot of anything in a message keeps nobody waiting: handling it takes
// milliseconds, some more under the race detector, and what leaves can be read.
func TestHeavyMessages(t *testing.T) {
	for name := range heavy((&phone{}).newCall("x"), 2000) {
		b := newBench(t)
		c := (&phone{addr: b.sides[0].src, proxy: addrOf(b.agent, "trunk", "udp")}).newCall("heavy")
		raw := sipBytes(heavy(c, 56<<10)[name]())
		start := busyFor(t)
		b.handle(t, 0, raw)
		if took := busyFor(t) - start; took > 3*time.Second {
			t.Errorf("%s: %d bytes took %v", name, len(raw), took)
		}
		b.agent.endSetups()
	}
}

// busyFor is how long this process has computed, however busy the machine is.
func busyFor(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// A good call beside a heavy one is answered, over UDP and on another connection.
func TestGoodCallBesideHeavyOnes(t *testing.T) {
	for _, by := range []string{"udp", "tcp"} {
		r := newMixedRig(t, sides{carrier: by, pbx: by}, labelled, func(o *Options) { o.Limits.HeaderBytes = 64 << 10 })
		c := r.carrier.newCall("heavy")
		for _, name := range []string{"parameters of From", "History-Info, mapped", "P-Asserted-Identity values"} {
			c.id += "-x"
			c.via = "SIP/2.0/" + r.carrier.by() + " " + r.carrier.addr.String() + ";branch=z9hG4bK" + c.id
			r.carrier.send(heavy(c, 32<<10)[name]())
			good := r.carrier.newCall("good-" + c.id)
			r.carrier.send(good.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			r.carrier.want("SIP/2.0 100")
			r.pbx.want("INVITE ")
			if inv := r.pbx.want("INVITE "); inv.header("Call-ID") != good.id {
				t.Errorf("%s, %s: %q", by, name, inv)
			}
		}
	}
}

// A call that would outgrow a datagram by its labels goes on without them.
func TestLabelsOutgrowTheDatagram(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("outgrown")
	c.extra = []string{"P-Asserted-Identity: " + strings.TrimSuffix(repeated(60<<10, "<sip:%d@a>,"), ",")}
	inv := r.invite(c)
	if inv.header("From") != c.from || inv.header("P-Asserted-Identity") != strings.TrimPrefix(c.extra[0], "P-Asserted-Identity: ") {
		t.Errorf("%.600q", inv)
	}
	r.pbx.send(inv.answer("486 Busy Here"))
	if no := r.carrier.want("SIP/2.0 486"); no.header("From") != c.from {
		t.Errorf("%.600q", no)
	}
}
