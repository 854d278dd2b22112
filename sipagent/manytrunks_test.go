package sipagent

import "testing"

// A PBX with several trunks is told by which a call came; with one it is not, and
// no trunk says so itself.
func TestTrunkIsTold(t *testing.T) {
	for _, many := range []bool{false, true} {
		r := newRig(t, allowed, func(o *Options) {
			if many {
				o.Trunks = append(o.Trunks, Trunk{Name: "other", Listen: "trunk", Networks: networks(t, "127.0.0.9"), Targets: InOrder("sip:127.0.0.9")})
			}
		})
		c := r.carrier.newCall("told")
		c.extra = []string{"X-Screen-Trunk: forged"}
		got := r.invite(c).headers("X-Screen-Trunk")
		if many && (len(got) != 1 || got[0] != "carrier") || !many && got != nil {
			t.Errorf("several trunks %v: X-Screen-Trunk %q", many, got)
		}
	}
}
