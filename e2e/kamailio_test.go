package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edge is Kamailio with a file of configs/kamailio between the carrier and the
// PBX of an office.
type edge struct {
	o    *office
	bin  string
	dir  string
	file string
	addr netip.AddrPort
}

// newEdge prepares a Kamailio that runs file as it is shipped, with addresses of
// its own.
func newEdge(o *office, file string) *edge {
	o.t.Helper()
	bin := program(o.t, "kamailio", "kamailio")
	at := o.proxy.Addr().As4()
	at[3] = 4
	e := &edge{o: o, bin: bin, dir: o.t.TempDir(), file: file, addr: freePort(o.t, netip.AddrFrom4(at))}
	e.copy(file)
	return e
}

func (e *edge) copy(name string) {
	e.o.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "configs", "kamailio", name))
	if err != nil {
		e.o.t.Fatal(err)
	}
	e.write(name, string(text))
}

func (e *edge) write(name, text string) {
	e.o.t.Helper()
	if err := os.WriteFile(filepath.Join(e.dir, name), []byte(text), 0o600); err != nil {
		e.o.t.Fatal(err)
	}
}

// check lets Kamailio read the file.
func (e *edge) check() {
	e.o.t.Helper()
	if out, err := exec.Command(e.bin, "-c", "-f", filepath.Join(e.dir, e.file)).CombinedOutput(); err != nil {
		e.o.t.Fatalf("kamailio -c refuses %s: %v\n%s", e.file, err, out)
	}
}

// start runs Kamailio and returns when it answers. It ends with the test.
func (e *edge) start() {
	o := e.o
	o.t.Helper()
	e.check()
	log, err := os.Create(filepath.Join(e.dir, "log"))
	if err != nil {
		o.t.Fatal(err)
	}
	cmd := exec.Command(e.bin, "-DD", "-E", "-m", "64", "-M", "4", "-Y", e.dir, "-f", filepath.Join(e.dir, e.file))
	cmd.Dir, cmd.Stdout, cmd.Stderr = e.dir, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // the main process and its children
		_ = cmd.Wait()                                      // killed
		log.Close()
		if o.t.Failed() {
			o.t.Logf("kamailio said:\n%s", tail(o.t, log.Name()))
		}
	})
	probe := newPhone(o.t, o.carrier.addr.Addr())
	probe.proxy = e.addr
	for end := time.Now().Add(patience); time.Now().Before(end); {
		d := probe.dial("health")
		d.target = "sip:" + e.addr.String()
		probe.send(d.request("OPTIONS", ""))
		if _, ok := probe.next(100 * time.Millisecond); ok {
			return
		}
	}
	o.t.Fatalf("kamailio does not answer\n%s", tail(o.t, log.Name()))
}

// Kamailio asks callscreen, which is never in the path, and takes the calls to the
// PBX itself: labelled, as they came, or not at all; and as they came, too, when
// callscreen is gone.
func TestRedirectForKamailio(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{config: redirectConfig})
	e := newEdge(o, "redirect.cfg")
	e.copy("redirect-addresses.cfg")
	e.check() // the addresses that are shipped are good ones too
	e.write("redirect-addresses.cfg", fmt.Sprintf("#!define LISTEN udp:%s\n#!define CARRIER \"sip:%s\"\n#!define CALLSCREEN \"sip:%s\"\n#!define PBX \"sip:%s\"\n"+
		"#!define CARRIER_IP \"%s\"\n#!define PBX_IP \"%s\"\n", e.addr, o.carrier.addr, o.proxy, o.pbx.addr, o.carrier.addr.Addr(), o.pbx.addr.Addr()))
	e.start()
	o.carrier.proxy, o.pbx.proxy = e.addr, e.addr

	e.rings(labelledNumber, label+" Zhang San", "tag;rule=sales")
	e.rings(cleanNumber, "", "")

	d := o.carrier.dial(refusedNumber)
	o.carrier.send(d.invite())
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 603 Decline")))

	d = o.carrier.dial(cleanNumber) // what the PBX answers is what the carrier gets
	o.carrier.send(d.invite())
	o.pbx.send(o.pbx.want("INVITE ").answer("486 Busy Here"))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 486 ")))
	o.pbx.want("ACK ")

	e.leftWhileRinging()
	e.callsOut()

	o.signal(syscall.SIGKILL)
	o.exit()
	begun := time.Now()
	e.rings(labelledNumber, "", "")
	t.Logf("a call takes %v while callscreen is gone", time.Since(begun).Round(time.Millisecond))
	o.start()
	e.rings(labelledNumber, label+" Zhang San", "tag;rule=sales")
}

// redirectConfig has the host of Kamailio ask.
func redirectConfig(o *office, directory string) string {
	at := o.proxy.Addr().As4()
	at[3] = 4
	return fmt.Sprintf("listen: [{address: \"udp:%s\"}]\ntrunks: [{name: edge, networks: %s, mode: redirect, budget: 2s}]\n"+
		"pbx: {networks: %s, targets: \"sip:%s\", probe: 0s}\njuhe: {url: %q, key_file: juhe.key, rate: 0}\nstate: state\n"+
		"record: {file: record.jsonl, numbers: full}\nhttp: {listen: \"\"}\n",
		o.proxy, netip.AddrFrom4(at), o.pbx.addr.Addr(), o.pbx.addr, directory)
}

// rings places a call that is answered and ends. The PBX must get it as it came,
// but for the name that is asserted, if any, and the verdict; and callscreen must
// have no part in it.
func (e *edge) rings(number, asserted, verdict string) {
	o := e.o
	o.t.Helper()
	d := o.carrier.dial(number)
	o.carrier.send(withHeader(d.invite(), "X-Call-Screen: allow;rule=forged"))
	invite := o.pbx.want("INVITE ")
	if asserted != "" {
		asserted = fmt.Sprintf(`"%s" <sip:%s@%s>`, asserted, number, o.carrier.addr)
	}
	for name, want := range map[string]string{"From": d.local, "P-Asserted-Identity": asserted, "X-Call-Screen": verdict} {
		if got := strings.Join(invite.headers(name), ", "); got != want {
			o.t.Errorf("%s of a call from %s: %s, want %s", name, number, got, want)
		}
	}
	for _, name := range []string{"Via", "Record-Route"} {
		if strings.Contains(strings.Join(invite.headers(name), ", "), o.proxy.String()) {
			o.t.Errorf("callscreen is in the path: %q", invite)
		}
	}
	own := "Contact: <sip:100@" + o.pbx.addr.String() + ">"
	o.pbx.send(message(strings.Replace(string(invite.answer("200 OK")), "Contact: <"+invite.uri()+">", own, 1)))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 200 ")))
	o.pbx.want("ACK ")
	o.hangUp(d, o.pbx)
}

// leftWhileRinging places a labelled call whose caller hangs up while it rings.
func (e *edge) leftWhileRinging() {
	o := e.o
	o.t.Helper()
	d, invite := o.ring(labelledNumber)
	o.carrier.send(d.cancel())
	o.carrier.want("SIP/2.0 200 ")
	cancel := o.pbx.want("CANCEL ")
	o.pbx.send(cancel.answer("200 OK"), invite.answer("487 Request Terminated"))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 487 ")))
	o.pbx.want("ACK ")
}

// callsOut lets the office call out, with which callscreen has nothing to do.
func (e *edge) callsOut() {
	o := e.o
	o.t.Helper()
	d := o.pbx.dial("100")
	d.target = "sip:13900000003@" + o.carrier.addr.String()
	o.pbx.send(d.invite())
	o.carrier.send(o.carrier.want("INVITE " + d.target + " ").answer("486 Busy Here"))
	o.pbx.send(d.ack(o.pbx.want("SIP/2.0 486 ")))
	o.carrier.want("ACK ")
}
