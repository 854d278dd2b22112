package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// How soon a PBX that says nothing is left alone, and how often it is asked
// whether it is there.
const (
	failoverAfter = time.Second
	probeEvery    = time.Second
)

// newPair makes an office with two PBXs, tried in order. They are not there yet.
func newPair(t *testing.T, first, second behaviour, up ...bool) (o *office, one, two *pbx) {
	t.Helper()
	started := false
	o = newOffice(t, setting{config: func(o *office, directory string) string {
		at := func(host byte) netip.AddrPort {
			a := o.proxy.Addr().As4()
			a[3] = host
			return netip.AddrPortFrom(netip.AddrFrom4(a), 5060)
		}
		one, two = newPBX(t, "one", at(11)), newPBX(t, "two", at(12))
		one.becomes(first)
		two.becomes(second)
		for i, p := range []*pbx{one, two} {
			if up[i] {
				p.start(o.proxy)
			}
		}
		started = true
		return fmt.Sprintf(`listen: [{address: "udp:%s"}]
trunks: [{name: carrier, networks: %s, targets: "sip:%s", budget: 10s}]
pbx: {networks: [%s, %s, %s], targets: ["sip:%s", "sip:%s"], probe: %s}
failover: {after: %s}
timers: {t1: 100ms}
juhe: {url: %q, key_file: juhe.key, rate: 0}
state: state
control: control.sock
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`, o.proxy, o.carrier.addr.Addr(), o.carrier.addr, o.probe, one.addr.Addr(), two.addr.Addr(), one.addr, two.addr,
			probeEvery, failoverAfter, directory)
	}})
	if !started {
		t.Fatal("no configuration was asked for")
	}
	return o, one, two
}

// becameOf checks who took a call, and prints how long it took.
func becameOf(t *testing.T, what string, f callEnd, status int, by string) {
	t.Helper()
	t.Logf("%-40s %d by %-4s rang after %8.3f s, final answer after %8.3f s", what+":", f.status, shortTag(f.by), f.rang.Seconds(), f.took.Seconds())
	if f.status != status || by != "" && f.by != by {
		t.Errorf("%s: %d by %s, want %d by %s", what, f.status, f.by, status, by)
	}
}

// shortTag names who answered: a PBX, or callscreen.
func shortTag(tag string) string {
	if len(tag) > 4 {
		return "us"
	}
	return tag
}

// Two PBX, the first of which breaks in every way: calls go to the second, and
// come back without a restart. The carrier never gets 503.
func TestFailover(t *testing.T) {
	t.Parallel()
	o, one, two := newPair(t, answers, answers, false, true)
	becameOf(t, "dead at the start", o.place(cleanNumber, nil), 200, "two")

	one.start(o.proxy)
	back := time.Now()
	o.eventually("calls go to the first PBX again", func() bool { return o.place(cleanNumber, nil).by == "one" })
	t.Logf("back: the first call went there after %.3f s", time.Since(back).Seconds())
	time.Sleep(10 * time.Second) // calls come back little by little
	becameOf(t, "back", o.place(labelledNumber, nil), 200, "one")

	one.becomes(busy)
	becameOf(t, "503", o.place(labelledNumber, nil), 200, "two")
	one.becomes(rings)
	f := o.place(cleanNumber, func(by string) {
		if by == "one" {
			one.becomes(dumb)
		}
	})
	becameOf(t, "dead in mid-ring", f, 200, "two")
	becameOf(t, "known to be dead", o.place(cleanNumber, nil), 200, "two")

	two.becomes(busy)
	becameOf(t, "one dead, one 503", o.place(cleanNumber, nil), 480, "")
	one.kill()
	becameOf(t, "one gone, one 503", o.place(cleanNumber, nil), 480, "")
	two.kill()
	becameOf(t, "both gone", o.place(cleanNumber, nil), 480, "")

	two.becomes(answers)
	two.start(o.proxy)
	o.eventually("a PBX is back", func() bool { return o.place(cleanNumber, nil).status == 200 })
	if one.count("INVITE") == 0 || two.count("OPTIONS") == 0 {
		t.Error("nothing was sent to one of the PBXs")
	}
}

// A PBX that is frozen when callscreen begins, or dies between two questions.
func TestFailoverOfTheFirstCall(t *testing.T) {
	t.Parallel()
	t.Run("frozen", func(t *testing.T) {
		t.Parallel()
		o, one, _ := newPair(t, dumb, answers, true, true)
		f := o.place(cleanNumber, nil)
		becameOf(t, "frozen at the start", f, 200, "two")
		if one.count("INVITE") > 0 && f.rang < failoverAfter/2 {
			t.Errorf("it was given %v", f.rang)
		}
		one.becomes(answers)
		o.eventually("calls go to the first PBX", func() bool { return o.place(cleanNumber, nil).by == "one" })
	})
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		o, one, _ := newPair(t, answers, answers, true, true)
		for i := range 5 {
			o.eventually("calls go to the first PBX", func() bool { return o.place(cleanNumber, nil).by == "one" })
			one.kill()
			becameOf(t, fmt.Sprint("killed, ", i+1), o.place(cleanNumber, nil), 200, "two")
			one.start(o.proxy)
		}
	})
}

// What is said of targets, and what /readyz makes of it.
func TestTargetsAreTold(t *testing.T) {
	t.Parallel()
	o, one, _ := newPair(t, answers, answers, true, true)
	o.eventually("the log tells that it is down", func() bool {
		one.kill()
		return strings.Contains(o.read("stderr"), "target is down")
	})
	one.start(o.proxy)
	o.eventually("the log tells that it is up", func() bool { return strings.Contains(o.read("stderr"), "target is up again") })
}
