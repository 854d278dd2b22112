package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

// turned is an office whose PBX, an Asterisk, sends the carrier's calls to
// callscreen and gets them back. The carrier's and the desk's end are bare
// sockets.
type turned struct {
	*office
	asterisk *asterisk
	desk     *phone
}

// newTurned starts Asterisk with the files of configs/asterisk/out-and-back as
// they are shipped, but for the addresses.
func newTurned(t *testing.T) *turned {
	t.Helper()
	ip := loopbackBlock()
	out, back := netip.AddrPortFrom(ip(1), 5062), netip.AddrPortFrom(ip(1), 5064)
	o := &turned{desk: newPhone(t, ip(4)), office: &office{
		t: t, dir: t.TempDir(), proxy: out, probe: ip(5), juhe: juhesim.New(), carrier: newPhone(t, ip(2)),
	}}
	values := map[string]string{"CARRIER": o.carrier.addr.Addr().String(), "DESK": o.desk.addr.String()}
	addresses := t.TempDir()
	o.asterisk = newAsterisk(t, "office", ip(3), values, "../configs/asterisk/out-and-back", "testdata/asterisk/out-and-back",
		writeTo(t, addresses, "callscreen-addresses.conf", fmt.Sprintf(
			"[callscreen-contact](!)\ncontact=sip:%s\\;transport=tcp\n[callscreen-source](!)\nmatch=%s\n", out, out.Addr())))
	o.carrier.proxy = netip.AddrPortFrom(o.asterisk.addr, 5060)
	o.desk.proxy = o.carrier.proxy
	o.open(setting{}, fmt.Sprintf(`listen:
  - {name: out, address: ["udp:%[1]s", "tcp:%[1]s"]}
  - {name: back, address: ["udp:%[2]s", "tcp:%[2]s"]}
trunks: [{name: office, listen: out, mode: out-and-back, budget: 10s}]
pbx: {listen: back, networks: [%[3]s, %[4]s], targets: "sip:%[3]s"}
juhe: {url: %[5]q, key_file: juhe.key, rate: 0}
state: state
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`, out, back, o.asterisk.addr, o.probe, o.serveJuhe(nil)))
	return o
}

// Out and back with Asterisk 22: labelled, refused without a ring, unscreened while
// callscreen is gone, screened when it is back.
func TestOutAndBack(t *testing.T) {
	t.Parallel()
	o := newTurned(t)
	o.talks(labelledNumber, label+" "+labelledNumber)
	o.talks(cleanNumber, "")
	o.refused(refusedNumber)
	o.talks(cleanNumber, "") // and nothing came of it in between

	o.signal(syscall.SIGKILL)
	o.exit()
	for range 2 {
		begun := time.Now()
		o.talks(labelledNumber, "")
		t.Logf("a call takes %v while callscreen is gone", time.Since(begun).Round(time.Millisecond))
	}
	before := len(o.record("record.jsonl"))
	o.start()
	begun := time.Now()
	o.eventually("calls that are screened again", func() bool { return o.nameOf(labelledNumber) != "" })
	t.Logf("calls are screened again after %v", time.Since(begun).Round(time.Millisecond))
	o.refused(refusedNumber)
	if after := len(o.record("record.jsonl")); after <= before {
		t.Errorf("the record has %d lines, as before callscreen was back", after)
	}
}

// Dialplans that send a call out again when it comes back: the call rings once all
// the same if there is a phone behind, and ends if there is none.
func TestOutAndBackGoesRound(t *testing.T) {
	t.Parallel()
	o := newTurned(t)
	d := o.dialOffice(cleanNumber)
	d.target = "sip:666@" + o.carrier.proxy.String()
	o.rings(d, cleanNumber)
	if m, came := o.desk.next(200 * time.Millisecond); came {
		t.Errorf("the desk heard more of the call: %q", m)
	}
	o.eventually("eight rounds in the record", func() bool { return len(o.record("record.jsonl")) == 8 })
	o.eventually("a word in the log", func() bool { return strings.Contains(o.read("stderr"), "sends out again what comes back") })

	d = o.dialOffice(cleanNumber)
	d.target = "sip:667@" + o.carrier.proxy.String()
	o.carrier.send(withSDP(d.invite(), o.carrier))
	o.carrier.wantNext("SIP/2.0 4")
	if m, came := o.desk.next(200 * time.Millisecond); came {
		t.Errorf("the desk heard of a call that leads nowhere: %q", m)
	}
}

// talks places a call that the desk answers, and which the caller ends. The desk
// must see the name.
func (o *turned) talks(number, name string) {
	o.t.Helper()
	if got := o.nameOf(number); got != name {
		o.t.Errorf("a call from %s rang as %q, want %q", number, got, name)
	}
}

// nameOf places a call that the desk answers, and which the caller ends. It returns
// the name that the desk saw.
func (o *turned) nameOf(number string) string {
	o.t.Helper()
	return o.rings(o.dialOffice(number), number)
}

// rings is nameOf for a call that is dialled already.
func (o *turned) rings(d *dialog, number string) string {
	o.t.Helper()
	o.carrier.send(withSDP(d.invite(), o.carrier))
	invite := o.desk.wantNext("INVITE ")
	name, _, _ := strings.Cut(invite.header("From"), "<")
	if !strings.Contains(invite.header("From"), "<sip:"+number+"@") {
		o.t.Errorf("the desk saw %s, want the number %s", invite.header("From"), number)
	}
	ok := invite.answer("200 OK")
	o.desk.send(withSDP(message(strings.Replace(string(ok), "Contact: <"+invite.uri()+">", "Contact: <sip:desk@"+o.desk.addr.String()+">", 1)), o.desk))
	o.carrier.send(d.ack(o.carrier.wantNext("SIP/2.0 200 ")))
	o.desk.wantNext("ACK ")
	o.carrier.send(d.bye())
	o.carrier.wantNext("SIP/2.0 200 ")
	bye := o.desk.wantNext("BYE ")
	o.desk.send(bye.answer("200 OK"))
	return strings.Trim(name, `" `)
}

// refused places a call that callscreen refuses: the caller gets what Asterisk
// makes of it, and the desk hears nothing.
func (o *turned) refused(number string) {
	o.t.Helper()
	d := o.dialOffice(number)
	o.carrier.send(withSDP(d.invite(), o.carrier))
	o.carrier.send(d.ack(o.carrier.wantNext("SIP/2.0 403 ")))
	if m, came := o.desk.next(200 * time.Millisecond); came {
		o.t.Errorf("the desk heard of a refused call: %q", m)
	}
}

// dialOffice begins a call to extension 100.
func (o *turned) dialOffice(number string) *dialog {
	d := o.carrier.dial(number)
	d.local = fmt.Sprintf("<sip:%s@%s>;tag=caller", number, o.carrier.addr)
	return d
}

// wantNext returns the next message that begins so; others are passed over, as
// Asterisk may ring twice or update what an end shows.
func (p *phone) wantNext(start string) message {
	p.t.Helper()
	for {
		m, ok := p.next(2 * patience)
		switch {
		case !ok:
			p.t.Fatalf("nothing came that begins with %q", start)
		case strings.HasPrefix(string(m), start):
			return m
		}
	}
}

// withSDP gives a message a body that offers or answers speech with a phone.
func withSDP(m message, p *phone) message {
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n", p.addr.Addr())
	head := fmt.Sprintf("\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n", len(body))
	return message(strings.Replace(string(m), "\r\nContent-Length: 0\r\n\r\n", head, 1) + body)
}

// writeTo writes a file into a folder, which it returns.
func writeTo(t *testing.T, dir, name, text string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
