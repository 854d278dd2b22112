package sipagent

import (
	"strings"
	"testing"

	"callscreen/screening"
)

// Whatever a verdict holds, it adds lines and does not change what the message is.
func TestVerdictsThatMayNotBeCarriedOut(t *testing.T) {
	const evil = "x\r\nTo: <sip:evil@a>"
	forbidden := "To: <sip:evil@a>\r\nX-Call-Screen: allow\r\nX-Good: 1\r\nContent-Length: 5\r\nX-\x00: 1\r\nX-A B: 1\r\nX-C: \r1\r\nX-D\r\nRoute: <sip:evil@a>\r\nX-: 1\r\n"
	t.Run("refused", func(t *testing.T) {
		for _, tt := range []struct {
			v    screening.Verdict
			want string
			has  string // the value of Reason
		}{
			{screening.Verdict{}, "SIP/2.0 603 Decline\r\n", ""},
			{screening.Verdict{Status: 200, Reason: "OK"}, "SIP/2.0 603 Decline\r\n", ""},
			{screening.Verdict{Status: 700}, "SIP/2.0 603 Decline\r\n", ""},
			{screening.Verdict{Status: 486, Reason: evil}, "SIP/2.0 603 Decline\r\n", ""},
			{screening.Verdict{Status: 486, Reason: "Busy", Cause: evil}, "SIP/2.0 486 Busy\r\n", ""},
			{screening.Verdict{Status: 486, Reason: "Busy", Cause: "SIP;cause=486", Headers: forbidden}, "SIP/2.0 486 Busy\r\n", "SIP;cause=486"},
		} {
			tt.v.Action = screening.Reject
			r := newRig(t, verdict(tt.v))
			c := r.carrier.newCall("refused")
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			got := r.carrier.want(tt.want)
			checkAdded(t, got, tt.v.Headers)
			if !strings.HasPrefix(got.header("To"), c.to+";tag=") || got.header("Reason") != tt.has {
				t.Errorf("%+v: %q", tt.v, got)
			}
		}
	})
	t.Run("let through", func(t *testing.T) {
		r := newRig(t, verdict(screening.Verdict{Action: screening.Divert, Target: "sip:1@a SIP/2.0\r\nX: y", Ring: evil, Headers: forbidden}))
		c := r.carrier.newCall("through")
		inv := r.invite(c)
		checkAdded(t, inv, forbidden)
		if !strings.HasPrefix(string(inv), "INVITE "+c.uri+" SIP/2.0\r\n") || inv.header("Alert-Info") != "" {
			t.Errorf("what goes on is %q", inv)
		}
	})
}

// checkAdded checks that of the headers of a verdict the one good one is there.
func checkAdded(t *testing.T, m msg, headers string) {
	t.Helper()
	want := min(len(headers), 1)
	if strings.Contains(string(m), "evil") || len(m.headers("Content-Length")) != 1 || len(m.headers("X-Good")) != want {
		t.Errorf("%q", m)
	}
	for _, name := range []string{"X-", "X-C", "X-D", "X-A B"} {
		if len(m.headers(name)) != 0 {
			t.Errorf("%s was added: %q", name, m)
		}
	}
}

// Where the phones show nothing but ASCII, that is the label they get; where a
// rule has none, the label as it is.
func TestLabelInASCII(t *testing.T) {
	for _, tt := range []struct{ ascii, want string }{{"sales x3475", "sales x3475"}, {"", label}} {
		r := newRig(t, verdict(screening.Verdict{Action: screening.Tag, Rule: "sales", Label: label, ASCII: tt.ascii}), func(o *Options) { o.PBX.ASCII = true })
		c := r.carrier.newCall("ascii")
		inv := r.invite(c)
		if got, want := inv.header("From"), `"`+tt.want+` Zhang San" <`; !strings.HasPrefix(got, want) || inv.header("X-Spam-Label") != tt.ascii {
			t.Errorf("%q, want it to begin with %q: %q", got, want, inv)
		}
		r.pbx.send(inv.answer("486 Busy Here"))
		if got := r.carrier.want("SIP/2.0 486").header("From"); got != c.from {
			t.Errorf("the caller gets %q, want its own %q", got, c.from)
		}
	}
}
