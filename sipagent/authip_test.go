package sipagent

import (
	"strconv"
	"testing"

	"callscreen/screening"
)

// A PBX that wants to know where calls come from is told of every call of a trunk, what
// became of it or not, and of nothing else; no trunk says so itself.
func TestAuthIP(t *testing.T) {
	for _, mode := range []screening.Mode{screening.Observe, screening.Enforce} {
		for _, wanted := range []bool{false, true} {
			r := newRig(t, screenFunc(func(c screening.Call) screening.Decision {
				return screening.Decision{Call: c, Mode: mode, Verdict: screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "x"}}
			}), func(o *Options) { o.PBX.AuthIP = wanted })
			ip, port := r.carrier.addr.Addr().String(), strconv.Itoa(int(r.carrier.addr.Port()))
			told := func(m msg) string {
				var all string
				for _, name := range []string{"X-AUTH-IP", "X-AUTH-PORT"} {
					for _, value := range m.headers(name) {
						all += value + ";"
					}
				}
				return all
			}
			want := ""
			if wanted {
				want = ip + ";" + port + ";"
			}
			c := r.carrier.newCall("in")
			c.extra = []string{"X-AUTH-IP: 203.0.113.7", "X-AUTH-PORT: 7"}
			if got := told(r.invite(c)); got != want {
				t.Errorf("%v, wanted %v: the PBX is told %q; want %q", mode, wanted, got, want)
			}
			c = r.carrier.newCall("text")
			r.carrier.send(c.request("MESSAGE", ""))
			if got := told(r.pbx.want("MESSAGE ")); got != "" {
				t.Errorf("%v, wanted %v: of a MESSAGE the PBX is told %q", mode, wanted, got)
			}
			c = r.pbx.newCall("out")
			r.pbx.send(c.request("INVITE", ""))
			if got := told(r.carrier.want("INVITE ")); got != "" {
				t.Errorf("%v, wanted %v: of a call of the office the carrier is told %q", mode, wanted, got)
			}
		}
	}
}
