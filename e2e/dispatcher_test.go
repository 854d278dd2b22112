package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// The load under which one of two callscreen is killed.
const (
	dispatched     = 1500
	dispatchedRate = 100 // a second
)

// balanced is two callscreen behind Kamailio's dispatcher, with the same sealing key.
type balanced struct {
	*edge
	inside netip.AddrPort // of Kamailio, facing the PBX
	both   [2]*office
}

// newBalanced starts them.
func newBalanced(t *testing.T) *balanced {
	b := &balanced{}
	directory := ""
	o := newOffice(t, setting{config: func(o *office, juhe string) string {
		b.edge, b.inside, directory = newEdge(o, "dispatcher.cfg"), freePort(o.t, b.at(o, 6)), juhe
		return b.config(o, juhe)
	}})
	second := &office{t: t, dir: t.TempDir(), proxy: netip.AddrPortFrom(b.at(o, 5), 5060), juhe: o.juhe, carrier: o.carrier, pbx: o.pbx, probe: o.probe}
	if err := os.Mkdir(second.file("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	second.write("state/sealing.key", o.read("state/sealing.key"))
	second.open(setting{}, b.config(second, directory))
	b.both = [2]*office{o, second}
	b.dispatch()
	return b
}

func (b *balanced) at(o *office, host byte) netip.Addr {
	a := o.proxy.Addr().As4()
	a[3] = host
	return netip.AddrFrom4(a)
}

// config is that of one of them, as dispatcher.cfg asks for it.
func (b *balanced) config(o *office, juhe string) string {
	return fmt.Sprintf(`listen:
  - {name: trunk, address: "udp:%s", advertise: "%s"}
  - {name: office, address: "udp:%s:5062", advertise: "%s"}
trunks: [{name: carrier, listen: trunk, networks: [%s, %s], targets: "sip:%s", budget: 10s}]
pbx: {listen: office, networks: [%s, %s], targets: "sip:%s", probe: 0s}
juhe: {url: %q, key_file: juhe.key, rate: 0}
state: state
control: control.sock
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`, o.proxy, b.addr, o.proxy.Addr(), b.inside, o.carrier.addr.Addr(), b.addr.Addr(), o.carrier.addr,
		o.pbx.addr.Addr(), b.inside.Addr(), o.pbx.addr, juhe)
}

// dispatch starts Kamailio with the file as it is shipped.
func (b *balanced) dispatch() {
	o := b.o
	b.copy("dispatcher-addresses.cfg")
	b.check() // the addresses that are shipped are good ones too
	list := ""
	for _, one := range b.both {
		list += fmt.Sprintf("1 sip:%s 0 0 socket=udp:%s\n2 sip:%s:5062 0 0 socket=udp:%s\n", one.proxy, b.addr, one.proxy.Addr(), b.inside)
	}
	b.write("dispatcher.list", list)
	b.write("dispatcher-addresses.cfg", fmt.Sprintf("#!define OUTSIDE udp:%s\n#!define INSIDE udp:%s\n#!define OUTSIDE_IP \"%s\"\n#!define INSIDE_IP \"%s\"\n"+
		"#!define CARRIER_IP \"%s\"\n#!define PBX_IP \"%s\"\n#!define DISPATCHER_LIST \"%s\"\n",
		b.addr, b.inside, b.addr.Addr(), b.inside.Addr(), o.carrier.addr.Addr(), o.pbx.addr.Addr(), filepath.Join(b.dir, "dispatcher.list")))
	b.start()
	o.carrier.proxy, o.pbx.proxy = b.addr, b.inside
}

// reply sends an answer of the PBX to where its request came from, as PBXs do.
func (b *balanced) reply(m message) {
	b.o.t.Helper()
	if _, err := b.o.pbx.conn.WriteToUDPAddrPort([]byte(m), b.o.pbx.heard); err != nil {
		b.o.t.Fatal(err)
	}
}

// ring lets a caller call, and the phone that is called ring.
func (b *balanced) ring(number string) (*dialog, message) {
	b.o.t.Helper()
	d := b.o.carrier.dial(number)
	d.id = fmt.Sprintf("%016x@carrier", rand.Uint64()) // Kamailio's hash of our short ones is always the same
	b.o.carrier.send(d.invite())
	invite := b.o.pbx.want("INVITE ")
	b.reply(invite.answer("180 Ringing"))
	b.o.carrier.want("SIP/2.0 180 ")
	return d, invite
}

// hangUp lets one end hang up, and the other one agree.
func (b *balanced) hangUp(d *dialog, other *phone) {
	b.o.t.Helper()
	d.phone.send(d.bye())
	bye := other.want("BYE ")
	if _, err := other.conn.WriteToUDPAddrPort([]byte(bye.answer("200 OK")), other.heard); err != nil {
		b.o.t.Fatal(err)
	}
	if ok := d.phone.want("SIP/2.0 200 "); ok.header("Call-ID") != d.id || ok.header("CSeq") != fmt.Sprintf("%d BYE", d.cseq) {
		b.o.t.Errorf("received %q, want the answer to the BYE of %s", ok, d.id)
	}
}

// records returns how many calls each of them has.
func (b *balanced) records() (n [2]int) {
	for i, o := range b.both {
		n[i] = strings.Count(o.read("record.jsonl"), `"verdict":`)
	}
	return n
}

// One of two callscreen is killed: the calls of both go on and end as they should,
// from either end, and new ones go through the other one.
func TestDispatcherKeepsCalls(t *testing.T) {
	t.Parallel()
	b := newBalanced(t)
	o := b.o
	type talk struct {
		caller, callee *dialog
	}
	var talks []talk
	for i := range 16 {
		d, invite := b.ring([]string{cleanNumber, labelledNumber}[i%2])
		answer := invite.answer("200 OK")
		answer = message(strings.Replace(string(answer), "Contact: <"+invite.uri()+">", "Contact: <sip:100@"+o.pbx.addr.String()+">", 1))
		b.reply(answer)
		o.carrier.send(d.ack(o.carrier.want("SIP/2.0 200 ")))
		o.pbx.want("ACK ")
		talks = append(talks, talk{d, o.pbx.called(invite, answer)})
	}
	o.eventually("all calls are recorded", func() bool { n := b.records(); return n[0]+n[1] == len(talks) })
	n := b.records()
	if n[0] == 0 || n[1] == 0 {
		t.Errorf("the calls went to %v, want some to each", n)
	}
	t.Logf("calls at each: %v", n)
	o.signal(syscall.SIGKILL)
	o.exit()
	for i, k := range talks {
		if i%4 < 2 {
			b.hangUp(k.caller, o.pbx)
		} else {
			b.hangUp(k.callee, o.carrier)
		}
	}
	d, invite := b.ring(labelledNumber)
	if !strings.Contains(invite.header("From"), label) {
		t.Errorf("From = %q, want it with its label", invite.header("From"))
	}
	o.carrier.send(d.cancel())
	o.carrier.want("SIP/2.0 200 ")
	o.pbx.want("CANCEL ")
}

// One of two is killed under 100 calls a second, and comes back.
func TestDispatcherUnderLoad(t *testing.T) {
	sipp := program(t, "sipp", "sip-tester")
	t.Parallel()
	b := newBalanced(t)
	o := b.o
	b.both[0].write("callers.csv", "SEQUENTIAL\n"+cleanNumber+";clean\n")
	ip, port := splitAddr(o.takeOver(o.pbx))
	startSIPp(t, sipp, o.dir, "uas", ip, port)
	ip, port = splitAddr(o.takeOver(o.carrier))
	caller := startSIPp(t, sipp, o.dir, "uac", ip, port, b.addr.String(), "-inf", o.file("callers.csv"),
		"-m", strconv.Itoa(dispatched), "-r", strconv.Itoa(dispatchedRate), "-recv_timeout", "8000")
	o.eventually("half of the calls are there", func() bool { n := b.records(); return n[0]+n[1] > dispatched/2 })
	before := b.records()
	o.signal(syscall.SIGKILL)
	o.exit()
	var failed *exec.ExitError
	if err := caller.cmd.Wait(); err != nil && !errors.As(err, &failed) { // calls may have failed
		t.Fatal(err)
	}
	lost, placed, last := 0, 0, -1
	log := caller.log()
	for id := range log.sent {
		number, _, _ := strings.Cut(id, "-")
		i, _ := strconv.Atoi(number)
		placed++
		if got := log.received[id]; answerTo(got, "1 INVITE") != 200 || answerTo(got, "2 BYE") != 200 {
			lost, last = lost+1, max(last, i)
		}
	}
	killed := before[0] + before[1]
	t.Logf("calls %d, one killed after %d, lost %d, the last of them number %d; recorded by each %v", placed, killed, lost, last, b.records())
	if placed != dispatched || lost > dispatched/10 {
		t.Errorf("%d of %d calls lost, %d placed", lost, dispatched, placed)
	}
	if limit := killed + 5*dispatchedRate; last > limit { // Kamailio asks every second; a slow machine explains the rest
		t.Errorf("call %d was lost, none behind %d should be", last, limit)
	}
}
