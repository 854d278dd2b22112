package sipagent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"callscreen/screening"
)

// added are what a labelled call may lose for its length, in the order in which
// it does: headers, and the labels of two.
var added = []struct{ name, labelled string }{
	{"Call-Info", "<http://127.0.0.1/why>"},
	{"Alert-Info", "<http://127.0.0.1>"},
	{"X-Spam-Source", "juhe"},
	{"Remote-Party-ID", label},
	{"P-Preferred-Identity", label},
}

// verbose labels every call, and adds all that can be added.
func verbose(mode screening.Mode) Screener {
	return screenFunc(func(c screening.Call) screening.Decision {
		return screening.Decision{
			Call: c, Mode: mode, Number: screening.Number{Digits: "13041439112"},
			Reputation: screening.Reputation{Category: screening.CategorySales, Marks: 3475, Directory: "juhe"},
			Verdict: screening.Verdict{
				Action: screening.Tag, Rule: "sales", Label: label, Ring: added[1].labelled,
				Headers: "Call-Info: " + added[0].labelled + ";purpose=info\r\nX-Queue: sales\r\n",
			},
		}
	})
}

// padded sends an INVITE with a header of a length, and returns what arrives.
func (r *rig) padded(id string, pad int) msg {
	r.t.Helper()
	c := r.carrier.newCall(id)
	c.extra = []string{
		`Remote-Party-ID: "Bob" <sip:1@a>;party=calling`, `P-Preferred-Identity: "Bob" <sip:1@a>`, `P-Asserted-Identity: "Bob" <sip:1@a>`,
		"Alert-Info: <http://carrier.example/ring>", "X-Pad: " + strings.Repeat("x", pad),
	}
	return r.invite(c)
}

// A labelled call that would be too long for a datagram leaves out of what we add
// as little as it has to, in the order of the list; From keeps its label. One
// that is too long without any of it loses nothing.
func TestLabelledCallFits(t *testing.T) {
	const limit = 1300
	r := newRig(t, verbose(screening.Enforce), limited(func(l *Limits) { l.UDPBytes = limit }))
	short := len(r.padded("xxxx", 0))
	var seen []int
	before := limit // how long it was with one less left out
	for pad := limit - short - 1; pad < limit-short+400; pad++ {
		inv := r.padded(fmt.Sprintf("%04d", pad), pad)
		left := 0 // out
		for i, h := range added {
			gone := true
			for _, v := range inv.headers(h.name) {
				gone = gone && !strings.Contains(v, h.labelled)
			}
			if gone && left != i {
				t.Fatalf("%s is left out, and not what comes before: %q", h.name, inv)
			}
			if gone {
				left = i + 1
			}
		}
		whole := short + pad
		switch {
		case len(inv) > limit && (left != 0 || len(inv) != whole):
			t.Fatalf("%d bytes, though %d things are left out: %q", len(inv), left, inv)
		case left == 4:
			t.Fatalf("one name of two is left out: %q", inv)
		case left > 0 && whole <= limit:
			t.Fatalf("%d things are left out of what would fit with %d bytes", left, whole)
		}
		if len(seen) > 0 && left == seen[len(seen)-1] {
			before = len(inv)
		} else if seen = append(seen, left); left > 0 && before != limit {
			t.Errorf("%d things are left out though %d bytes would do with less", left, before)
		}
		if !strings.Contains(inv.header("From"), label) || !strings.Contains(inv.header("P-Asserted-Identity"), label) ||
			strings.Contains(string(inv), "carrier.example/ring") || inv.header("X-Queue") != "sales" {
			t.Fatalf("%q", inv)
		}
	}
	if want := []int{0, 1, 2, 3, 5, 0}; !slices.Equal(seen, want) {
		t.Errorf("left out, one after the other: %v, want %v", seen, want)
	}
}

// Where TCP can be had nothing is left out, unless it cannot be had after all.
func TestLabelledCallByTCP(t *testing.T) {
	for _, tt := range []struct {
		pbx  string
		kept bool
	}{{"tcp", true}, {"udp", false}} {
		r := newMixedRig(t, sides{carrier: "udp", pbx: tt.pbx}, verbose(screening.Enforce), limited(func(l *Limits) { l.UDPBytes = 1300 }), func(o *Options) {
			o.PBX.Targets[0].URI, _, _ = strings.Cut(o.PBX.Targets[0].URI, ";")
		})
		pad := 1300
		if tt.pbx == "udp" {
			pad = 1301 - len(r.padded("none", 0))
		}
		inv := r.padded("long", pad)
		if by := strings.ToUpper(tt.pbx); !strings.HasPrefix(inv.header("Via"), "SIP/2.0/"+by) || (len(inv.headers("Call-Info")) == 1) != tt.kept {
			t.Errorf("by %s: %q", tt.pbx, inv)
		}
	}
}

// What is not labelled is nobody's to shorten.
func TestObservedCallStays(t *testing.T) {
	r := newRig(t, verbose(screening.Observe), limited(func(l *Limits) { l.UDPBytes = 1300 }))
	inv := r.padded("observed", 1300)
	if len(inv) < 1300 || inv.header("Alert-Info") != "<http://carrier.example/ring>" {
		t.Errorf("%q", inv)
	}
}
