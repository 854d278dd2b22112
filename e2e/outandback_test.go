package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

// newTurned lets Asterisk send the carrier's calls to callscreen and get them back. It has the files of
// configs/asterisk/out-and-back as they are shipped, but for the addresses. Calls come
// back to the port.
func newTurned(t *testing.T, port int) *desked { return newTurnedAt(t, port, 3) }

// newTurnedAt is newTurned with Asterisk at another address; callscreen is at 1.
func newTurnedAt(t *testing.T, port int, pbx byte) *desked {
	t.Helper()
	ip := loopbackBlock()
	out, back := netip.AddrPortFrom(ip(1), 5062), netip.AddrPortFrom(ip(1), 5064)
	o := &desked{desk: newPhone(t, ip(4)), office: &office{
		t: t, dir: t.TempDir(), proxy: out, probe: ip(5), juhe: juhesim.New(), carrier: newPhone(t, ip(2)),
	}}
	values := map[string]string{"CARRIER": o.carrier.addr.Addr().String(), "DESK": o.desk.addr.String()}
	addresses := t.TempDir()
	o.asterisk = newAsterisk(t, "office", ip(pbx), values, "../configs/asterisk/out-and-back", "testdata/asterisk/out-and-back",
		writeTo(t, addresses, "callscreen-addresses.conf", fmt.Sprintf(
			"[callscreen-contact](!)\ncontact=sip:%s\\;transport=tcp\n[callscreen-source](!)\nmatch=%s\n", out, out.Addr())))
	o.carrier.proxy = netip.AddrPortFrom(o.asterisk.addr, 5060)
	o.desk.proxy = o.carrier.proxy
	o.open(setting{}, fmt.Sprintf(`listen:
  - {name: out, address: ["udp:%[1]s", "tcp:%[1]s"]}
  - {name: back, address: ["udp:%[2]s", "tcp:%[2]s"]}
trunks: [{name: office, listen: out, mode: out-and-back, budget: 10s}]
pbx: {listen: back, networks: [%[3]s, %[4]s], targets: "sip:%[3]s:%[6]d"}
juhe: {url: %[5]q, key_file: juhe.key, rate: 0}
state: state
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`, out, back, o.asterisk.addr, o.probe, o.serveJuhe(nil), port))
	return o
}

// Out and back with Asterisk 22: labelled, refused without a ring, hung up after a
// restart, unscreened while callscreen is gone, screened when it is back.
func TestOutAndBack(t *testing.T) {
	t.Parallel()
	o := newTurned(t, 5060)
	o.talks(labelledNumber, label+" Zhang San")
	o.talks(cleanNumber, "Zhang San")
	o.refused(refusedNumber, 403)
	o.talks(cleanNumber, "Zhang San") // and nothing came of it in between

	talking := o.carrier.dial(labelledNumber)
	o.answers(talking, labelledNumber)
	o.restart()
	o.ends(talking)

	o.signal(syscall.SIGKILL)
	o.exit()
	for range 2 {
		begun := time.Now()
		o.talks(labelledNumber, "Zhang San")
		t.Logf("a call takes %v while callscreen is gone", time.Since(begun).Round(time.Millisecond))
	}
	before := len(o.record("record.jsonl"))
	o.start()
	begun := time.Now()
	o.eventually("calls that are screened again", func() bool { return o.nameOf(labelledNumber) != "Zhang San" })
	t.Logf("calls are screened again after %v", time.Since(begun).Round(time.Millisecond))
	o.refused(refusedNumber, 403)
	o.eventually("lines in the record from after the pause", func() bool { return len(o.record("record.jsonl")) > before })
}

// One machine with one address, as an office with FreePBX has it: only ports tell
// Asterisk and callscreen apart.
func TestOutAndBackOnOneMachine(t *testing.T) {
	t.Parallel()
	o := newTurnedAt(t, 5060, 1)
	o.talks(labelledNumber, label+" Zhang San")
	o.refused(refusedNumber, 403)
	o.signal(syscall.SIGKILL)
	o.exit()
	o.talks(labelledNumber, "Zhang San")
}

// A callscreen that cannot give calls back says so, and they ring all the same.
func TestOutAndBackFindsNoWayBack(t *testing.T) {
	t.Parallel()
	o := newTurned(t, 5099)
	begun := time.Now()
	o.talks(labelledNumber, "Zhang San")
	t.Logf("a call takes %v when it cannot come back", time.Since(begun).Round(time.Millisecond))
	o.eventually("one call in the record, to be labelled", func() bool {
		e := o.record("record.jsonl")
		return len(e) == 1 && e[0].Rule == "sales"
	})
}

// Dialplans that send a call out again when it comes back: the call rings once all
// the same if there is a phone behind, and ends if there is none.
func TestOutAndBackGoesRound(t *testing.T) {
	t.Parallel()
	o := newTurned(t, 5060)
	d := o.carrier.dial(cleanNumber)
	d.target = "sip:666@" + o.carrier.proxy.String()
	o.rings(d, cleanNumber)
	if m, came := o.desk.next(200 * time.Millisecond); came {
		t.Errorf("the desk heard more of the call: %q", m)
	}
	o.eventually("eight rounds in the record", func() bool { return len(o.record("record.jsonl")) == 8 })
	o.eventually("a word in the log", func() bool { return strings.Contains(o.read("stderr"), "sends out again what comes back") })

	d = o.carrier.dial(cleanNumber)
	d.target = "sip:667@" + o.carrier.proxy.String()
	o.carrier.send(withSDP(d.invite(), o.carrier))
	o.carrier.wantNext("SIP/2.0 4")
	if m, came := o.desk.next(200 * time.Millisecond); came {
		t.Errorf("the desk heard of a call that leads nowhere: %q", m)
	}
}
