package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callscreen/juhe/juhesim"
)

const page = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\n"

// Whatever becomes of Juhe, the call reaches the PBX untouched, and the record
// says why nothing was known of its caller.
func TestLookupFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		reply  juhesim.Reply // of everything that is asked
		url    string        // instead of juhesim's
		budget time.Duration // default: that of an office
		failed string        // in the record
	}{
		{name: "hanging", reply: juhesim.Reply{Hang: true}, budget: 500 * time.Millisecond, failed: "timeout"},
		{name: "refusing connections", url: "http://" + closedPort(t) + juhesim.Path, failed: "upstream"},
		{name: "garbage", reply: juhesim.Reply{Raw: "\x00\xff{]\x1b garbage"}, failed: "upstream"},
		{name: "half an answer", reply: juhesim.Reply{Raw: `{"reason":"成功","result":{"data":{"flag":{"type":"疑似诈骗","nu`}, failed: "upstream"},
		{name: "HTML", reply: juhesim.Reply{Raw: page}, failed: "upstream"},
		{name: "HTML with status 502", reply: juhesim.Reply{Raw: page, Status: http.StatusBadGateway}, failed: "upstream"},
		{name: "the key in the answer", reply: juhesim.Reply{Raw: `{"reason":"` + secret, Status: http.StatusInternalServerError}, failed: "upstream"},
		{name: "error 10012", reply: juhesim.Reply{Code: 10012}, failed: "quota"},
		{name: "error 10001", reply: juhesim.Reply{Code: 10001}, failed: "key"},
		{name: "clean"}, // the measure: what does not fail goes the same way
	} {
		for _, mode := range []string{"observe", "enforce"} {
			t.Run(tt.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				o := newOffice(t, setting{policy: inMode(mode), juhe: tt.url, budget: tt.budget})
				if tt.failed != "" {
					o.juhe.SetAll(tt.reply)
				}
				id := o.passesUntouched(verdictHeader(mode, tt.failed))
				e := o.recorded(id)
				got := entry{Failed: e.Failed, Verdict: e.Verdict, Rule: e.Rule, Mode: e.Mode}
				if want := (entry{Failed: tt.failed, Verdict: "allow", Rule: "default", Mode: mode}); got != want {
					t.Errorf("record says %+v, want %+v", got, want)
				}
				if limit := patience / 4; tt.budget != 0 && e.Took > float64(limit.Milliseconds()) {
					t.Errorf("decided after %v ms, with a budget of %v; a slow machine explains %v at most", e.Took, tt.budget, limit)
				}
			})
		}
	}
}

// closedPort returns an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", net.JoinHostPort(loopbackBlock()(4).String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func inMode(mode string) string {
	return strings.Replace(enforcePolicy, "mode: enforce", "mode: "+mode, 1)
}

// verdictHeader is what callscreen adds to a call that no rule matched.
func verdictHeader(mode, failed string) string {
	switch {
	case mode == "observe":
		return ""
	case failed != "":
		return "X-Call-Screen: error;rule=default\r\n"
	}
	return "X-Call-Screen: allow;rule=default\r\n"
}

// passesUntouched places a call that is written as oddly as is allowed, and
// checks every byte of it at the PBX. It returns the Call-ID.
func (o *office) passesUntouched(added string) string {
	o.t.Helper()
	d := o.carrier.dial(cleanNumber)
	sent := odd(d)
	o.carrier.send(sent)
	got := o.pbx.want("INVITE ")
	if diff := cmp.Diff(string(sent), string(o.asSent(got, added))); diff != "" {
		o.t.Errorf("the PBX got another call (-sent +received):\n%s", diff)
	}
	o.pbx.send(got.answer("486 Busy Here"))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 486 ")))
	o.pbx.want("ACK ")
	return d.id
}

// odd is an INVITE with headers in odd case, compact, folded, repeated and
// unknown, with bytes that are no UTF-8, and with a body.
func odd(d *dialog) message {
	body := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=\xc0\xff\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\n"
	return message(strings.Join([]string{
		"INVITE " + d.target + " SIP/2.0",
		"vIa: SIP/2.0/UDP " + d.phone.addr.String() + ";branch=" + d.branch,
		"v:  SIP/2.0/UDP 192.0.2.7 ; branch=z9hG4bKbefore",
		"Max-Forwards: 70",
		"f:" + d.local,
		"T : " + d.remote,
		"cAlL-iD: " + d.id,
		"CSeq:   1    INVITE",
		"m: <sip:phone@" + d.phone.addr.String() + ">",
		"s: \xb2\xe2\xca\xd4, not UTF-8",
		"Subject-Of-Nobody: one,\r\n\ttwo,\r\n  three",
		"X-Repeated: 1", "x-repeated: 2", "X-REPEATED:",
		"c: application/sdp",
		fmt.Sprintf("l: %d", len(body)),
	}, "\r\n") + "\r\n\r\n" + body)
}

// asSent takes from an INVITE what a proxy adds to it on its way to the PBX, and
// what callscreen is said to have added at the end of its headers.
func (o *office) asSent(got message, added string) message {
	s := string(got)
	for _, line := range []string{
		"Via: SIP/2.0/UDP " + o.proxy.String() + ";branch=" + got.branch() + ";rport\r\n",
		"Record-Route: <sip:" + o.proxy.String() + ";lr;cs=s>\r\n",
	} {
		s = strings.Replace(s, line, "", 1)
	}
	s = strings.Replace(s, "Max-Forwards: 69\r\n", "Max-Forwards: 70\r\n", 1)
	return message(strings.Replace(s, added+"\r\n", "\r\n", 1))
}

// branch is that of the topmost Via.
func (m message) branch() string {
	_, b, _ := strings.Cut(m.header("Via"), ";branch=")
	b, _, _ = strings.Cut(b, ";")
	return b
}
