package sipagent

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

// Ten thousand INVITEs of a stranger bring no answer, no lookup and no state, and a
// good call among them is none the worse.
func TestFloodOfAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		r := newTimedRig(t, screenFunc(func(c screening.Call) screening.Decision {
			asked = append(asked, c.ID)
			return screening.Decision{Call: c}
		}))
		stranger := r.carrier.conn.(*plug).office.phone(t, "198.51.100.77:5060")
		stranger.proxy = r.carrier.proxy
		for i := range 10_000 {
			stranger.send(stranger.newCall(fmt.Sprint("flood-", i)).request("INVITE", ""))
			if i == 5000 {
				r.invite(r.carrier.newCall("good"))
			}
		}
		r.quiet()
		stranger.silent(time.Minute)
		r.drops("stranger", 10_000)
		if !slices.Equal(asked, []string{"good"}) || len(r.agent.all()) > 1 {
			t.Errorf("screened %q, %d calls in the table", asked, len(r.agent.all()))
		}
	})
}

// A trunk that floods us loses its lookups, then calls, and takes from other trunks
// neither.
func TestFloodOfATrunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var other *phone
		r := newTimedRig(t, asking(), limited(func(l *Limits) { l.SetupsPerSecond, l.Setups = 10, 100 }), func(o *Options) {
			second := o.Trunks[0]
			second.Name, second.Networks, second.Targets = "other", networks(t, "203.0.113.20"), InOrder("sip:203.0.113.20:5060")
			o.Trunks = append(o.Trunks, second)
		})
		other = r.carrier.conn.(*plug).office.phone(t, "203.0.113.20:5060")
		other.proxy = r.carrier.proxy
		for i := range 150 {
			r.carrier.send(r.carrier.newCall(fmt.Sprint("flood-", i)).request("INVITE", ""))
		}
		got := map[string]int{}
		for _, p := range []*phone{r.carrier, r.pbx} {
			for m, ok := p.next(100 * time.Millisecond); ok; m, ok = p.next(100 * time.Millisecond) {
				start, _, _ := strings.Cut(string(m), "\r\n")
				got[start]++
			}
		}
		if got["SIP/2.0 603 Decline"] != 10 || got["INVITE sip:100@"+r.carrier.proxy.String()+" SIP/2.0"] != 80 || got["SIP/2.0 480 Temporarily Unavailable"] != 60 {
			t.Errorf("the flood got %v; want 10 looked up, 80 let through, and then 480", got)
		}
		for i := range 10 {
			other.send(other.newCall(fmt.Sprint("good-", i)).request("INVITE", ""))
			other.want("SIP/2.0 100")
			other.want("SIP/2.0 603") // looked up
		}
	})
}

// settle waits until all that was sent has been handled, and throws away what came
// of it.
func (r *rig) settle(id string) {
	r.t.Helper()
	for _, side := range [][2]*phone{{r.carrier, r.pbx}, {r.pbx, r.carrier}} {
		c := side[0].newCall("settle-" + id + side[0].addr.String())
		side[0].send(c.request("OPTIONS", ""))
		_, options := side[1].until("OPTIONS ", c.id)
		side[1].send(options.answer("200 OK"))
		side[0].until("SIP/2.0 200", c.id)
	}
}

// Whatever a peer writes into a message, nothing goes to who is no peer.
func TestNothingReachesTheCanary(t *testing.T) {
	r := newRig(t, allowed)
	canary := newPhoneAt(t, "127.0.0.77")
	at := canary.addr.String()
	in := r.carrier.newCall("in")
	in.contact = "sip:caller@" + at
	in.extra = []string{"Record-Route: <sip:" + at + ";lr>"}
	inv := r.talk(in)
	in.extra = nil
	back := r.pbx.callee(inv)
	n := 0
	for _, side := range []struct {
		p *phone
		c *call
	}{{r.carrier, in}, {r.pbx, back}} {
		for i, way := range []func(c *call){
			func(c *call) { c.uri = "sip:100@" + at },
			func(c *call) { c.uri += ";maddr=" + canary.addr.Addr().String() },
			func(c *call) { c.uri = "sip:100@" + at + ";maddr=" + canary.addr.Addr().String() + ";transport=udp" },
			func(c *call) { c.routes = []string{"<sip:" + at + ";lr>"} },
			func(c *call) { c.routes = []string{"<sip:" + at + ">"} },
			func(c *call) { c.routes = append(slices.Clone(c.routes), "<sip:"+at+";lr>") },
			func(c *call) { c.routes = append(slices.Clone(c.routes), "<sip:x;lr;maddr="+at+">") },
			func(c *call) { c.uri, c.routes = c.p.proxy.String(), []string{"<sip:" + at + ";lr>"} },
			func(c *call) { c.via = "SIP/2.0/UDP " + at + ";branch=z9hG4bKcanary" },
			func(c *call) { c.via += ";received=" + canary.addr.Addr().String() },
			func(c *call) {
				c.via += ";rport=" + fmt.Sprint(canary.addr.Port()) + ";received=" + canary.addr.Addr().String()
			},
			func(c *call) { c.via += ";maddr=" + canary.addr.Addr().String() },
			func(c *call) { c.to += ";tag=made-up"; c.uri, c.routes = "sip:100@"+at, nil },
			func(c *call) { c.extra = []string{"Contact: <sip:" + at + ">", "Path: <sip:" + at + ";lr>"} },
		} {
			for _, method := range []string{"INVITE", "ACK", "BYE", "CANCEL", "MESSAGE", "OPTIONS", "REGISTER", "NOTIFY", "UPDATE"} {
				n++
				dialog := *side.c
				dialog.cseq += n
				way(&dialog)
				side.p.send(dialog.request(method, fmt.Sprint("-", n)))
				first := side.p.newCall(fmt.Sprint("first-", n))
				way(first)
				side.p.send(first.request(method, fmt.Sprint("-", n)))
			}
			r.settle(fmt.Sprint("requests-", i, side.p.addr))
		}
	}
	ringing := r.carrier.newCall("ringing")
	r.carrier.send(ringing.request("INVITE", ""))
	_, inv = r.pbx.until("INVITE ", ringing.id)
	for _, answer := range []string{
		strings.Replace(inv.answer("200 OK"), "Via: "+ringing.via, "Via: SIP/2.0/UDP "+at+";branch=z9hG4bKx", 1),
		strings.Replace(inv.answer("180 Ringing"), ringing.via, ringing.via+";received="+canary.addr.Addr().String(), 1),
		"SIP/2.0 200 OK\nVia: " + inv.header("Via") + "\nVia: SIP/2.0/UDP " + at + ";branch=z9hG4bKx\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: forged\nCSeq: 1 INVITE\n\n",
		"SIP/2.0 200 OK\nVia: SIP/2.0/UDP " + r.pbx.proxy.String() + ";branch=z9hG4bKrXX\nVia: SIP/2.0/UDP " + at + "\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>;tag=2\nCall-ID: forged\nCSeq: 1 BYE\n\n",
		inv.answer("302 Moved Temporarily", "Contact: <sip:"+at+">"),
	} {
		r.pbx.send(answer)
		r.carrier.send(answer)
	}
	r.settle("answers")
	canary.silent(0)
}

// Answers that cannot be read reach nobody, and the call goes on.
func TestGarbageOfTheCallee(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("garbage")
	inv := r.invite(c)
	good := inv.answer("180 Ringing")
	for name, bad := range map[string]string{
		"half":                strings.SplitAfter(good, "CSeq")[0],
		"no status":           strings.Replace(good, "180 Ringing", "", 1),
		"a status of words":   strings.Replace(good, "180", "abc", 1),
		"a status of 4":       strings.Replace(good, "180", "1800", 1),
		"no status there is":  strings.Replace(good, "180", "099", 1),
		"another version":     strings.Replace(good, "SIP/2.0 180", "SIP/3.0 180", 1),
		"another protocol":    strings.Replace(good, "SIP/2.0 180", "HTTP/1.1 180", 1),
		"no Call-ID":          strings.Replace(good, "Call-ID: garbage\n", "", 1),
		"two Call-IDs":        strings.Replace(good, "Call-ID: garbage\n", "Call-ID: garbage\ni: other\n", 1),
		"no number":           strings.Replace(good, "CSeq: 1 INVITE", "CSeq: INVITE", 1),
		"a number too many":   strings.Replace(good, "CSeq: 1", "CSeq: 99999999999", 1),
		"more body than sent": strings.Replace(good, "Length: 0", "Length: 100", 1),
		"a Via too few":       strings.Replace(good, "Via: "+c.via+"\n", "", 1),
		"an unreadable Via":   strings.Replace(good, "Via: "+c.via, "Via: oops", 1),
		"an unreadable To":    strings.Replace(good, "To: <", "To: \"<", 1),
		"NULs":                strings.Repeat("\x00", 300) + "x",
		"noise":               "\xff\xfe\x00\x01 \r\n\r\n",
	} {
		r.pbx.send(bad)
		r.marker(r.pbx, r.carrier) // nothing comes before it
		if t.Failed() {
			t.Fatalf("passed: %s", name)
		}
	}
	r.pbx.send(good)
	r.carrier.want("SIP/2.0 180")
}

// lines are what anybody could take for the lines of a message.
var lines = regexp.MustCompile(`\r\n|\r|\n`)

// What a caller hides in a header is no header behind us, whoever reads it, and no
// header that may stand once stands twice.
func TestNothingIsSmuggled(t *testing.T) {
	r := newRig(t, labelled)
	const hidden = "X-Canary: 1"
	breaks := []string{"\n", "\r", "\r\r", "\n\r", "\x00\n", "\x0b", "\x0c", "\u2028", "\u0085", "%0d%0a", `\` + "\r", `\` + "\n", "\r\n ", "\r\n\t"}
	places := map[string]string{
		"display name": "From: \"Bob%s\" <sip:1@a>;tag=f\r\n",
		"token":        "From: Bob%s <sip:1@a>;tag=f\r\n",
		"URI":          "From: <sip:1%s@a>;tag=f\r\n",
		"parameter":    "From: <sip:1@a>;tag=f;x=%s\r\n",
		"identity":     "From: <sip:1@a>;tag=f\r\nP-Asserted-Identity: \"Bob%s\" <sip:1@a>\r\n",
		"other header": "From: <sip:1@a>;tag=f\r\nSubject: x%s\r\n",
		"User-Agent":   "From: <sip:1@a>;tag=f\r\nUser-Agent: x%s\r\n",
		"name":         "From: <sip:1@a>;tag=f\r\nX%s: x\r\n",
		"twice":        "From: <sip:1@a>;tag=f\r\nf: <sip:2@a>;tag=g\r\nX: %s\r\n",
		"Max-Forwards": "From: <sip:1@a>;tag=f\r\nmax-forwards: 70\r\nX: %s\r\n",
		"length":       "From: <sip:1@a>;tag=f\r\nl: 0\r\nX: %s\r\n",
	}
	n, passed := 0, 0
	for place, text := range places {
		for _, b := range breaks {
			n++
			c := r.carrier.newCall(fmt.Sprint("smuggled-", n))
			raw := string(sipBytes(c.request("INVITE", "")))
			r.carrier.sendRaw([]byte(strings.Replace(raw, "From: "+c.from+"\r\n", fmt.Sprintf(text, b+hidden+b), 1)))
			c = r.carrier.newCall(fmt.Sprint("behind-", n))
			r.carrier.send(c.request("OPTIONS", ""))
			got, options := r.pbx.until("OPTIONS ", c.id)
			r.pbx.send(options.answer("200 OK"))
			r.carrier.until("SIP/2.0 200", c.id)
			for _, m := range got {
				passed++
				once := map[string]int{}
				for _, line := range lines.Split(string(m), -1) {
					if strings.HasPrefix(line, "X-Canary") {
						t.Errorf("%s, %q: the canary arrived in %q", place, b, m)
					}
					once[fieldName(line)]++
				}
				if strings.ContainsAny(strings.ReplaceAll(string(m), "\r\n", ""), "\r\n") {
					t.Errorf("%s, %q: a line break of its own in %q", place, b, m)
				}
				for _, name := range []string{"from", "to", "call-id", "cseq", "max-forwards", "content-length"} {
					if once[name] != 1 {
						t.Errorf("%s, %q: %s stands %d times in %q", place, b, name, once[name], m)
					}
				}
			}
		}
	}
	if passed < 20 {
		t.Errorf("%d of %d calls passed, want those that are none the worse", passed, n)
	}
}

// asks is a directory that notes whom it is asked about.
type asks struct {
	mu  sync.Mutex
	all []string
}

func (a *asks) Lookup(_ context.Context, n screening.Number) (screening.Reputation, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, n.Digits)
	return screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 3475}, nil
}

// However a caller writes its number, that number is asked about, once, and it is
// the one that the PBX is shown.
func TestNoWayAroundScreening(t *testing.T) {
	p, err := screening.ParsePolicy("p", []byte("mode: enforce\nrules:\n  - {id: sales, when: {category: sales}, action: tag, label: \"{label}×{marks}\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string]string{
		"plain":              "From: <sip:13041439112@a>;tag=f",
		"a number as a name": `From: "110" <sip:13041439112@a>;tag=f`,
		"a URI as a name":    `From: "sip:110@a" <sip:13041439112@a>;tag=f`,
		"a header as a name": `From: "<sip:110@a>;tag=x" <sip:13041439112@a>;tag=f`,
		"tel":                "From: <tel:+86-130-4143-9112>;tag=f",
		"escaped":            "From: <sip:%31%33041439112@a>;tag=f",
		"with blanks":        "From: <sip:130%204143%209112@a>;tag=f",
		"with a country":     "From: <sip:008613041439112@a>;tag=f",
		"user parameters":    "From: <sip:+8613041439112;npdi;rn=+110@a;user=phone>;tag=f",
		"a password":         "From: <sip:13041439112:110@a>;tag=f",
		"full width":         "From: <sip:１３０４１４３９１１２@a>;tag=f",
		"addr-spec":          "From: sip:13041439112@a;tag=f",
		"compact":            "f: <sip:13041439112@a>;tag=f",
		"asserted":           "From: <sip:110@a>;tag=f\nP-Asserted-Identity: <sip:+8613041439112@a>",
		"asserted twice":     "From: <sip:110@a>;tag=f\nP-Asserted-Identity: <sip:boss@a>, <tel:+8613041439112>",
	} {
		var d asks
		r := newRig(t, engineBy(t, p, &d))
		c := r.carrier.newCall("evades")
		r.carrier.send(strings.Replace(c.request("INVITE", ""), "From: "+c.from, from, 1))
		r.carrier.want("SIP/2.0 100")
		inv := r.pbx.want("INVITE ")
		d.mu.Lock()
		if !slices.Equal(d.all, []string{"13041439112"}) {
			t.Errorf("%s: asked about %q", name, d.all)
		}
		d.mu.Unlock()
		shown := inv.header("From") + inv.header("f")
		if inv.header("P-Asserted-Identity") != "" {
			shown = inv.header("P-Asserted-Identity")
		}
		if !strings.HasPrefix(shown, `"推销×3475 `) {
			t.Errorf("%s: the PBX is shown %q", name, shown)
		}
	}
}

// docs/faults.md names a test for every row, and the tests that it names are there.
func TestFaultsAreTested(t *testing.T) {
	text, err := os.ReadFile("../docs/faults.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	err = filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, f := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w \*testing\.[TF]\) \{$`).FindAllSubmatch(code, -1) {
			known[string(f[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || cells[0] == "| fault" || strings.HasPrefix(cells[0], "| ---") {
			continue
		}
		rows++
		names := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllStringSubmatch(cells[2], -1)
		if len(names) == 0 {
			t.Errorf("%s: no test", cells[0])
		}
		for _, name := range names {
			if !known[name[1]] {
				t.Errorf("%s: there is no %s", cells[0], name[1])
			}
		}
	}
	if rows < 35 {
		t.Errorf("%d rows, want all of them", rows)
	}
}
