package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// secret is the key of the account at Juhe, which nobody may read anywhere.
const secret = "k3y-that-must-stay-secret"

// setting is what tests change of an office.
type setting struct {
	policy string                          // the policy file; default: enforcePolicy
	config func(*office, string) string    // the configuration, given the URL of the directory; default: one trunk and the PBX on one listener
	juhe   string                          // URL of the directory; default: the office's own juhesim
	before func(http.Handler) http.Handler // stands in front of juhesim
	budget time.Duration                   // default: 10s, so that a slow machine is no reason to fail open
	drain  time.Duration                   // default: patience
	more   string                          // of the configuration
	trunk  string                          // default: carrier
	kept   bool                            // its socket outlives the process, as under systemd
	under  []string                        // what runs it, as prlimit does
	binary string                          // default: the callscreen under test
}

// enforcePolicy refuses fraud and one number that needs no lookup, labels sales,
// and lets the rest ring.
const enforcePolicy = `mode: enforce
rules:
  - {id: listed, when: {number: ["` + refusedNumber + `"]}, action: reject, status: 603}
  - {id: fraud, when: {category: fraud}, action: reject, status: 603}
  - {id: sales, when: {category: sales}, action: tag, label: "{label}×{marks}"}
`

// Callers: one that nobody knows, one of juhesim's, one on the list of the policy.
const (
	cleanNumber    = "13900000001"
	labelledNumber = "95204657"
	refusedNumber  = "13900000009"
	label          = "推销×3475"
)

// office is a callscreen process in a folder of its own, between a carrier and a
// PBX: bare sockets, or two Asterisk.
type office struct {
	t       *testing.T
	dir     string
	proxy   netip.AddrPort
	probe   netip.Addr // of the office's side, from where it is asked whether it is up
	carrier *phone
	pbx     *phone
	juhe    *juhesim.Sim
	service service
	under   []string
	binary  string

	// Between two Asterisk: the wires to them, and where these send calls, as ADDRESS:PORT;transport=NAME.
	outside, inside    *wire
	forCarrier, forPBX string

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
}

// newOffice starts callscreen and waits until it answers.
func newOffice(t *testing.T, s setting) *office {
	t.Helper()
	ip := loopbackBlock()
	o := &office{
		t: t, dir: t.TempDir(), proxy: netip.AddrPortFrom(ip(1), 5060), juhe: juhesim.New(),
		carrier: newPhone(t, ip(2)), pbx: newPhone(t, ip(3)),
	}
	o.carrier.proxy, o.pbx.proxy, o.probe = o.proxy, o.proxy, o.pbx.addr.Addr()
	o.under, o.binary = s.under, s.binary
	if s.kept {
		o.service = newService(t, o.proxy)
	}
	o.open(s, o.config(s))
	return o
}

// open furnishes the office's folder and starts callscreen, which ends with the test.
func (o *office) open(s setting, config string) {
	o.t.Helper()
	o.juhe.RequireKey(secret)
	o.write("juhe.key", secret+"\n")
	o.write("policy.yaml", cmp.Or(s.policy, enforcePolicy))
	o.write("callscreen.yaml", config+s.more)
	o.t.Cleanup(o.finish)
	o.start()
}

// loopbackBlock returns addresses of this machine that, all but certainly, no
// other test and no other process uses.
func loopbackBlock() func(host byte) netip.Addr {
	a, b := byte(1+rand.IntN(254)), byte(rand.IntN(256))
	return func(host byte) netip.Addr { return netip.AddrFrom4([4]byte{127, a, b, host}) }
}

// freePort returns a UDP port of the address that nobody has.
func freePort(t *testing.T, a netip.Addr) netip.AddrPort {
	t.Helper()
	port, err := unused(a)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func unused(a netip.Addr) (netip.AddrPort, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		return netip.AddrPort{}, err
	}
	return conn.LocalAddr().(*net.UDPAddr).AddrPort(), conn.Close()
}

// config is the office's callscreen.yaml. SIPp's phones have other ports than
// ours, so the networks name addresses only.
func (o *office) config(s setting) string {
	directory := cmp.Or(s.juhe, o.serveJuhe(s.before))
	if s.config != nil {
		return s.config(o, directory)
	}
	return fmt.Sprintf(`listen:
  - {name: main, address: "udp:%s"}
trunks:
  - name: %s
    networks: [%s/32]
    listen: main
    targets: ["sip:%s"]
    trust_identity: true
    country: "86"
    budget: %s
pbx:
  networks: [%s/32]
  listen: main
  targets: ["sip:%s"]
  probe: 0s
juhe: {url: %q, key_file: juhe.key, rate: 0}
policy: policy.yaml
state: state
control: control.sock
record: {file: record.jsonl, numbers: full}
timers: {drain: %s}
`, o.proxy, cmp.Or(s.trunk, "carrier"), o.carrier.addr.Addr(), o.carrier.addr, cmp.Or(s.budget, 10*time.Second),
		o.pbx.addr.Addr(), o.pbx.addr, directory, cmp.Or(s.drain, patience))
}

// serveJuhe lets the office's juhesim answer over HTTP.
func (o *office) serveJuhe(before func(http.Handler) http.Handler) string {
	var h http.Handler = o.juhe
	if before != nil {
		h = before(h)
	}
	srv := httptest.NewServer(h)
	o.t.Cleanup(srv.Close)
	return srv.URL + juhesim.Path
}

func (o *office) file(name string) string { return filepath.Join(o.dir, name) }

func (o *office) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(o.file(name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// read returns what is in a file of the office; nothing if it is not there.
func (o *office) read(name string) string {
	o.t.Helper()
	text, err := os.ReadFile(o.file(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		o.t.Fatal(err)
	}
	return string(text)
}

// start runs callscreen and returns when it answers. Its output goes to files, so
// that nothing of it is lost when it is killed.
func (o *office) start() {
	o.t.Helper()
	cmd := o.service.command(append(slices.Clip(o.under), cmp.Or(o.binary, binary), "run", "--config", "callscreen.yaml"))
	cmd.Dir = o.dir
	cmd.Stdout, cmd.Stderr = o.appendTo("stdout"), o.appendTo("stderr")
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { // ends with the process, which finish kills at the latest
		_ = cmd.Wait() // its result is in cmd.ProcessState
		close(ended)
	}()
	o.cmd, o.ended = cmd, ended
	o.awaitAnswer()
}

func (o *office) appendTo(name string) *os.File {
	o.t.Helper()
	f, err := os.OpenFile(o.file(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { f.Close() })
	return f
}

// awaitAnswer asks callscreen OPTIONS until it answers.
func (o *office) awaitAnswer() {
	o.t.Helper()
	p := newPhone(o.t, o.probe)
	defer p.conn.Close()
	p.proxy = o.proxy
	for end := time.Now().Add(patience); time.Now().Before(end); {
		select {
		case <-o.ended:
			o.t.Fatalf("callscreen ended at once: %v\n%s", o.cmd.ProcessState, o.read("stderr"))
		default:
		}
		d := p.dial("health")
		d.target = "sip:" + o.proxy.String()
		p.send(d.request("OPTIONS", ""))
		if _, ok := p.next(20 * time.Millisecond); ok {
			return
		}
	}
	o.t.Fatalf("callscreen does not answer\n%s", o.read("stderr"))
}

// signal sends a signal to callscreen.
func (o *office) signal(s syscall.Signal) {
	o.t.Helper()
	if err := o.cmd.Process.Signal(s); err != nil {
		o.t.Fatalf("signal %v: %v", s, err)
	}
}

// exit waits until callscreen has ended, and returns its exit code.
func (o *office) exit() int {
	o.t.Helper()
	select {
	case <-o.ended:
	case <-time.After(2 * patience):
		o.t.Fatal("callscreen does not end")
	}
	return o.cmd.ProcessState.ExitCode()
}

// stop ends callscreen as a service manager does.
func (o *office) stop() {
	o.t.Helper()
	o.signal(syscall.SIGTERM)
	if code := o.exit(); code != 0 {
		o.t.Errorf("exit code %d after SIGTERM, want 0", code)
	}
}

// restart kills callscreen without a warning and starts it again.
func (o *office) restart() {
	o.t.Helper()
	o.signal(syscall.SIGKILL)
	o.exit()
	o.start()
}

// finish ends callscreen if it still runs, and looks for what must be nowhere.
func (o *office) finish() {
	if o.cmd != nil {
		_ = o.cmd.Process.Kill() // it may have ended
		<-o.ended
	}
	o.lookForSecret()
	if strings.Contains(o.read("stderr"), "panic") {
		o.t.Error("callscreen panicked")
	}
	if o.t.Failed() {
		o.t.Logf("callscreen said:\n%s%s", tail(o.t, o.file("stdout")), tail(o.t, o.file("stderr")))
	}
}

// lookForSecret checks that no file has the key but its own.
func (o *office) lookForSecret() {
	err := filepath.WalkDir(o.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || d.Name() == "juhe.key" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), secret) {
			o.t.Errorf("%s holds the key of the account:\n%s", d.Name(), text)
		}
		return err
	})
	if err != nil {
		o.t.Error(err)
	}
}

// tail returns the end of a file that may be missing.
func tail(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	return string(text[max(0, len(text)-3000):])
}

// eventually waits until something is so.
func (o *office) eventually(what string, so func() bool) {
	o.t.Helper()
	eventually(o.t, what, so)
}

func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came: %s", what)
		}
	}
}
