package e2e

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"callscreen/juhe/juhesim"
)

// newInline puts callscreen between a carrier and Asterisk. It has the files of
// configs/asterisk/inline as they are shipped, but for the addresses, and
// registers at the carrier if it shall.
func newInline(t *testing.T, register bool) *desked {
	t.Helper()
	ip := loopbackBlock()
	at := netip.AddrPortFrom(ip(1), 5060)
	o := &desked{desk: newPhone(t, ip(4)), office: &office{
		t: t, dir: t.TempDir(), proxy: at, probe: ip(5), juhe: juhesim.New(), carrier: newPhone(t, ip(2)),
	}}
	o.carrier.proxy, o.desk.proxy = at, netip.AddrPortFrom(ip(3), 5060)
	o.open(setting{}, fmt.Sprintf(`listen: [{name: main, address: ["udp:%[1]s", "tcp:%[1]s"]}]
trunks: [{name: carrier, networks: %[2]s, targets: "sip:%[3]s", register: %[4]v, budget: 10s}]
pbx: {networks: [%[5]s, %[6]s], targets: "sip:%[5]s"}
juhe: {url: %[7]q, key_file: juhe.key, rate: 0}
state: state
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`, at, o.carrier.addr.Addr(), o.carrier.addr, register, ip(3), o.probe, o.serveJuhe(nil)))
	values := map[string]string{"DESK": o.desk.addr.String(), "DESK_IP": o.desk.addr.Addr().String(), "REGISTER": ""}
	if register {
		values["REGISTER"] = "#include callscreen-register.conf"
	}
	o.asterisk = newAsterisk(t, "office", ip(3), values, "../configs/asterisk/inline", "testdata/asterisk/inline",
		writeTo(t, t.TempDir(), "callscreen-addresses.conf", fmt.Sprintf(`[callscreen-carrier](!)
contact=sip:%[1]s
[callscreen-way](!)
outbound_proxy=sip:%[2]s\;lr
[callscreen-source](!)
match=%[3]s
[callscreen-account](!)
server_uri=sip:%[1]s
client_uri=sip:line1@%[1]s
contact_user=057188886666
[callscreen-password](!)
username=line1
password=pw
`, o.carrier.addr, at, at.Addr())))
	return o
}

// Inline with Asterisk 22: labelled, with what the dialplan is told, and refused by
// the carrier's own 603; and the office calls out, unscreened.
func TestInline(t *testing.T) {
	t.Parallel()
	o := newInline(t, false)
	m := o.asterisk.manage(t)
	o.talks(labelledNumber, label+" Zhang San")
	said := m.want("a verdict for the dialplan", func(e event) bool { return e["UserEvent"] == "Screened" && e["Num"] == labelledNumber })
	if got := said["Verdict"] + " " + said["Class"]; got != "tag;rule=sales sales" {
		t.Errorf("the dialplan is told %q", got)
	}
	o.talks(cleanNumber, "Zhang San")
	o.refused(refusedNumber, 603)

	d := o.desk.dial("desk")
	d.target = "sip:13900000003@" + o.desk.proxy.String()
	o.desk.send(withSDP(d.invite(), o.desk))
	invite := o.carrier.wantNext("INVITE ")
	if want := "sip:13900000003@" + o.carrier.addr.String(); invite.uri() != want {
		t.Errorf("the carrier was asked for %s, want %s", invite.uri(), want)
	}
	o.carrier.send(invite.answer("486 Busy Here"))
	o.desk.send(d.ack(o.desk.wantNext("SIP/2.0 486 ")))
	o.stop()
	if got := len(o.record("record.jsonl")); got > 3 {
		t.Errorf("%d calls in the record: one that went out is among them", got)
	}
}

// A trunk that registers: Asterisk does so through callscreen, with the carrier's
// challenge, and the calls for what it has registered come through callscreen.
func TestInlineRegisters(t *testing.T) {
	t.Parallel()
	o := newInline(t, true)
	first := o.carrier.wantNext("REGISTER ")
	o.carrier.send(message(strings.Replace(string(first.answer("401 Unauthorized")), "Content-Length",
		"WWW-Authenticate: Digest realm=\"carrier\", nonce=\"n1\", algorithm=MD5\r\nContent-Length", 1)))
	second := o.carrier.wantNext("REGISTER ")
	for second.header("Authorization") == "" { // the first one once more
		second = o.carrier.wantNext("REGISTER ")
	}
	if auth := second.header("Authorization"); !strings.Contains(auth, `username="line1"`) || !strings.Contains(auth, `uri="`+second.uri()+`"`) {
		t.Errorf("Authorization %s for %s", auth, second.uri())
	}
	path := second.header("Path")
	if want := "<sip:" + o.proxy.String() + ";lr>"; path != want {
		t.Errorf("Path %s, want %s", path, want)
	}
	contact := second.header("Contact")
	contact = contact[1:strings.Index(contact, ">")]
	ok := strings.Replace(string(second.answer("200 OK")), "Contact: <"+second.uri()+">", "Contact: <"+contact+">;expires=60\r\nPath: "+path, 1)
	o.carrier.send(message(ok))

	d := o.carrier.dial(labelledNumber)
	d.target, d.routes = contact, []string{path}
	if got, want := o.rings(d, labelledNumber), label+" Zhang San"; got != want {
		t.Errorf("the call for the registration rang as %q, want %q", got, want)
	}
	if e := o.recorded(d.id); e.Trunk != "carrier" || e.Rule != "sales" {
		t.Errorf("the record says %+v", e)
	}
}
