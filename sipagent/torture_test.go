package sipagent

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// tortured is a message of the torture set and what may become of it.
type tortured struct {
	source, file string
	answer       bool
	method       string
	want, soft   []string // fwd, drop, ok, rej, rej:NNN
}

// lenient are the messages whose reaction is among the soft ones of the
// manifest, and why it is right here.
var lenient = map[string]struct{ reaction, why string }{
	"badaspec.dat": {"fwd", "blanks around a URI in brackets leave no doubt what it is"},
	"baddate.dat":  {"fwd", "a date is nothing that a proxy needs (RFC 3261 section 16.3)"},
	"badinv01.dat": {"fwd", "the topmost Via and what else a proxy needs can be read"},
	"escruri.dat":  {"fwd", "headers in a Request-URI are passed on, not obeyed"},
}

// manifest reads which messages there are.
func manifest(t *testing.T) (all []tortured) {
	t.Helper()
	text, err := os.ReadFile("../testdata/sip/torture/MANIFEST.tsv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, line := range lines[1:] {
		c := strings.Split(line, "\t")
		all = append(all, tortured{
			source: c[0], file: c[1], answer: c[3] == "response", method: c[4],
			want: strings.Split(c[6], ","), soft: strings.Split(c[7], ","),
		})
	}
	return all
}

// TestTorture sends the messages of RFC 4475 and RFC 5118 from either side. What
// a message may cause is in the manifest beside them; whatever it is, the next
// call is none the worse for it.
func TestTorture(t *testing.T) {
	messages := manifest(t)
	if len(messages) < 61 {
		t.Fatalf("the manifest names %d messages, want all 61", len(messages))
	}
	for _, m := range messages {
		t.Run(m.file, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, allowed, func(o *Options) { o.Timers.T1 = time.Hour })
			for _, side := range []*phone{r.carrier, r.pbx} {
				m.run(t, r, side)
			}
			if n := r.agent.Drops()["panic"]; n != 0 {
				t.Errorf("%d panics", n)
			}
		})
	}
}

// A message that lacks what an answer is made of gets none, however odd the
// rest of it is.
func TestNothingToAnswerBy(t *testing.T) {
	const whole = "OPTIONS sip:100@a SIP/2.0\nVia: SIP/2.0/UDP h;branch=z9hG4bK1;rport\nFrom: <sip:1@a>;tag=1\nTo: <sip:2@a>\nCall-ID: 1\nCSeq: 1 OPTIONS\n"
	r := newRig(t, allowed, func(o *Options) { o.Timers.T1 = time.Hour })
	for i, line := range strings.Split(strings.TrimSpace(whole), "\n")[1:] {
		for _, odd := range []string{"", "no colon\n", "Max-Forwards: x\n", "Content-Length: 9\n"} {
			for _, version := range []string{"SIP/2.0\n", "SIP/3.0\n"} {
				text := strings.Replace(strings.Replace(whole, line+"\n", odd, 1), "SIP/2.0\n", version, 1)
				r.carrier.send(text + "\n")
				answers, forwards := goodCall(r.carrier, r.pbx, fmt.Sprintf("behind-%d-%q-%q", i, odd, version))
				if got := reaction(answers, forwards); got != "drop" {
					t.Errorf("%q: %s, want drop", text, got)
				}
			}
		}
	}
	if d := r.agent.Drops(); d["panic"] != 0 || d["flawed"] != 5*4*2 {
		t.Errorf("dropped: %v, want %d flawed and no panic", d, 5*4*2)
	}
}

// run sends the message from one side and checks what comes of it.
func (m tortured) run(t *testing.T, r *rig, from *phone) {
	t.Helper()
	to, name := r.pbx, "trunk"
	if from == r.pbx {
		to, name = r.carrier, "PBX"
	}
	sent := viaPort(torture(t, m.source, m.file), from)
	from.sendRaw([]byte(sent))
	answers, forwards := goodCall(from, to, m.file+"-"+name)
	answers = slices.DeleteFunc(answers, func(a msg) bool { return strings.HasPrefix(string(a), "SIP/2.0 100 ") })
	got := reaction(answers, forwards)
	if !m.expected(got, name) {
		t.Errorf("from the %s: %s, want one of %q or, where lenient, %q; answers %q, forwarded %q", name, got, m.want, m.soft, answers, forwards)
	}
	t.Logf("from the %s: %s", name, got)
	if got == "fwd" && !m.answer {
		m.checkForwarded(t, sent, forwards[0], from, to)
	}
}

// expected reports whether a reaction is what the manifest wants, or one of the
// soft ones where we have a reason for it.
func (m tortured) expected(got, side string) bool {
	among := func(list []string) bool {
		return slices.ContainsFunc(list, func(r string) bool { return got == r || strings.HasPrefix(got, r+":") })
	}
	soft := got == lenient[m.file].reaction ||
		m.method == "REGISTER" && got == "rej:403" || // phones do not register through us
		m.file == "wsinv.dat" && side == "trunk" && got == "rej:481" // in a dialog that did not come through us
	return among(m.want) || soft && among(m.soft)
}

// reaction names what a message caused in the words of the manifest.
func reaction(answers, forwards []msg) string {
	switch {
	case len(answers) == 0 && len(forwards) == 0:
		return "drop"
	case len(answers) == 0 && len(forwards) == 1:
		return "fwd"
	case len(answers) == 1 && len(forwards) == 0 && strings.HasPrefix(string(answers[0]), "SIP/2.0 2"):
		return "ok"
	case len(answers) == 1 && len(forwards) == 0:
		return "rej:" + string(answers[0])[len("SIP/2.0 "):][:3]
	}
	return fmt.Sprintf("%d answers and %d messages on the other side", len(answers), len(forwards))
}

// checkForwarded checks that the message arrived intact, and that its answer
// finds the way back, intact as well.
func (m tortured) checkForwarded(t *testing.T, sent string, got msg, from, to *phone) {
	t.Helper()
	wantFields, wantBody := relayed(sent)
	gotFields, gotBody := arrived(got, to.proxy.String())
	if !slices.Equal(gotFields, wantFields) {
		t.Errorf("forwarded as\n%q\nwant\n%q", gotFields, wantFields)
	}
	if gotBody != wantBody {
		t.Errorf("the body became\n%q\nwant\n%q", gotBody, wantBody)
	}
	answer := echo(got, "486 Busy")
	to.sendRaw(answer)
	back := from.want("SIP/2.0 ")
	for strings.HasPrefix(back.header("Call-ID"), "settle-") { // answered late
		back = from.want("SIP/2.0 ")
	}
	if want := popped(answer); string(back) != want {
		t.Errorf("the answer came back as\n%q\nwant\n%q", back, want)
	}
	if m.method == "INVITE" && strings.Contains(string(got), ";branch=z9hG4bKs") {
		to.want("ACK ")
	}
}

var sentBy = regexp.MustCompile(`(?i)(\r\n(?:via|v)\s*:\s*SIP\s*/\s*[0-9.]+\s*/\s*\w+\s+(?:\[[^\]]*\]|[^\s;:,]+))(?:\s*:\s*\d+)?`)

// viaPort lets the topmost Via of a message name the port of the phone that
// sends it, so that answers find it. Nothing else is changed.
func viaPort(raw []byte, from *phone) string {
	at := sentBy.FindSubmatchIndex(raw)
	if at == nil {
		return string(raw)
	}
	return string(raw[:at[3]]) + fmt.Sprintf(":%d", from.addr.Port()) + string(raw[at[1]:])
}

// goodCall makes a call from its INVITE to its BYE and returns what came to
// either phone before it: messages of one peer are handled in order.
func goodCall(from, to *phone, id string) (answers, forwards []msg) {
	c := from.newCall(id)
	from.send(c.request("INVITE", ""))
	answers, _ = from.until("SIP/2.0 100 ", id)
	forwards, inv := to.until("INVITE ", id)
	to.send(inv.answer("200 OK"))
	c.established(from.want("SIP/2.0 200"), to.uri("100"))
	from.send(c.request("ACK", "ack"))
	to.want("ACK ")
	c.cseq++
	from.send(c.request("BYE", "bye"))
	to.send(to.want("BYE ").answer("200 OK"))
	from.want("SIP/2.0 200")
	return answers, forwards
}
