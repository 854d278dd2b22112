package sipagent

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// rosterOf makes a roster of places that are named target/index, with the
// target's priority and weight, and among its places as SRV has them.
func rosterOf(entries ...[4]int) (*roster, []string) {
	r, names := &roster{}, []string{}
	targets := map[[2]int]*target{}
	for i, e := range entries {
		at := [2]int{e[0], e[1]}
		if targets[at] == nil {
			targets[at] = &target{priority: e[0], weight: e[1]}
		}
		r[overUDP] = append(r[overUDP], choice{place: &place{index: byte(i), target: targets[at]}, priority: e[2], weight: e[3]})
		names = append(names, fmt.Sprint(i))
	}
	return r, names
}

// shares chooses 100,000 times and returns how many thousands fell to each place.
func shares(r *roster, tried places) map[int]float64 {
	got := map[int]float64{}
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		if x := r.choose(overUDP, tried, random.Uint64()); x != nil {
			got[int(x.index)] += 0.001
		}
	}
	return got
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		name    string
		entries [][4]int // target's priority and weight; place's priority and weight
		tried   places
		want    map[int]float64
	}{
		{"nothing", nil, 0, map[int]float64{}},
		{"one", [][4]int{{0, 1}}, 0, map[int]float64{0: 100}},
		{"one, which was tried", [][4]int{{0, 1}}, 1, map[int]float64{}},
		{"in order", [][4]int{{0, 1}, {1, 1}, {2, 1}}, 0, map[int]float64{0: 100}},
		{"in order, the first was tried", [][4]int{{0, 1}, {1, 1}, {2, 1}}, 1, map[int]float64{1: 100}},
		{"the order is that of priority", [][4]int{{7, 1}, {3, 1}}, 0, map[int]float64{1: 100}},
		{"by weight", [][4]int{{0, 1}, {0, 3}}, 0, map[int]float64{0: 25, 1: 75}},
		{"by weight, what is left", [][4]int{{0, 1}, {0, 3}, {0, 4}}, 4, map[int]float64{0: 25, 1: 75}},
		{"a target with many places has one share", [][4]int{{0, 2, 0, 1}, {0, 2, 0, 1}, {0, 2, 0, 1}, {0, 6}}, 0, map[int]float64{0: 8, 1: 8, 2: 8, 3: 75}},
		{"SRV: priority, then weight", [][4]int{{0, 1, 20, 5}, {0, 1, 10, 60}, {0, 1, 10, 20}, {0, 1, 10, 20}}, 0, map[int]float64{1: 60, 2: 20, 3: 20}},
		{"SRV: the next priority", [][4]int{{0, 1, 20, 5}, {0, 1, 10, 60}}, 2, map[int]float64{0: 100}},
		{"SRV: weight 0 is rare, and not never", [][4]int{{0, 1, 0, 0}, {0, 1, 0, 1}}, 0, map[int]float64{0: 1.5, 1: 98.5}},
		{"SRV: all have weight 0", [][4]int{{0, 1, 0, 0}, {0, 1, 0, 0}}, 0, map[int]float64{0: 50, 1: 50}},
	} {
		r, _ := rosterOf(tt.entries...)
		got := shares(r, tt.tried)
		for i := range max(len(tt.entries), 1) {
			if d := got[i] - tt.want[i]; d > 1 || d < -1 {
				t.Errorf("%s: place %d gets %.1f %% of the calls, want %.1f", tt.name, i, got[i], tt.want[i])
			}
		}
	}
}

// Whoever knows a call's branch alone finds where it went.
func TestChoiceRepeats(t *testing.T) {
	r, _ := rosterOf([4]int{0, 1}, [4]int{0, 1, 0, 3}, [4]int{0, 5})
	for seed := range uint64(1000) {
		seed *= 0x9e3779b97f4a7c15
		if a, b := r.choose(overUDP, 0, seed), r.choose(overUDP, 0, seed); a != b {
			t.Fatalf("seed %x: places %d and %d", seed, a.index, b.index)
		}
	}
}

func TestReadTarget(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:192.0.2.1":                          "192.0.2.1 0 udp false",
		"sip:192.0.2.1:5080;transport=tcp":       "192.0.2.1 5080 tcp true",
		"sips:[2001:db8::1]":                     "2001:db8::1 0 tls true",
		"sip:pbx.example.com.":                   "invalid IP 0 udp false",
		"sip:pbx":                                "invalid IP 0 udp false",
		"sip:a..b":                               "no name of a host",
		"sip:.a":                                 "no name of a host",
		"sip:" + strings.Repeat("a", 64):         "no name of a host",
		"sip:" + strings.Repeat("a.", 127) + "b": "no name of a host",
		"tel:100":                                "no SIP URI",
		"192.0.2.1":                              "no SIP URI",
	} {
		got := ""
		if target, err := readTarget(Target{URI: uri}, 0); err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(target.ip, target.port, target.transport, target.named)
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s is read as %s, want %s", uri, got, want)
		}
	}
}

// A listener with every transport has a place for each that a target takes, and
// the first target's first place has the first index, where a restart finds it.
func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		targets []string
		want    string
	}{
		{[]string{"sip:127.0.0.9"}, "0 udp 127.0.0.9:5060, 1 tcp 127.0.0.9:5060, 2 tls 127.0.0.9:5061"},
		{[]string{"sip:127.0.0.9:5070"}, "0 udp 127.0.0.9:5070, 1 tcp 127.0.0.9:5070"},
		{[]string{"sip:127.0.0.9", "sip:127.0.0.8;transport=udp"}, "0 udp 127.0.0.9:5060, 1 udp 127.0.0.8:5060, 2 tcp 127.0.0.9:5060, 3 tls 127.0.0.9:5061"},
		{[]string{"sip:127.0.0.9;transport=tcp", "sips:127.0.0.9"}, "0 tcp 127.0.0.9:5060, 1 tls 127.0.0.9:5061"},
		{[]string{"sip:127.0.0.9;transport=udp", "sip:127.0.0.9"}, "0 udp 127.0.0.9:5060, 1 tcp 127.0.0.9:5060, 2 tls 127.0.0.9:5061"},
	} {
		r := newMixedRig(t, sides{carrier: "udp", pbx: "udp"}, allowed, func(o *Options) {
			o.PBX.Networks = networks(t, "127.0.0.0/8")
			o.PBX.Targets = InOrder(tt.targets...)
		})
		var got []string
		for i, x := range r.agent.pbx().places {
			if x != nil {
				got = append(got, fmt.Sprint(i, " ", x.link.socket.transport, " ", x.addr))
			}
			if x != nil && int(x.index) != i {
				t.Errorf("%q: place %d calls itself %d", tt.targets, i, x.index)
			}
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%q: places %v, want %s", tt.targets, got, tt.want)
		}
	}
}
