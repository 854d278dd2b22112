package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"callscreen/juhe/juhesim"
)

// office is a folder with a configuration, and a carrier and a PBX on loopback.
type office struct {
	t       *testing.T
	dir     string
	carrier *phone
	pbx     *phone
	log     lockedBuffer
}

const refuseSales = "mode: enforce\nrules:\n  - {id: sales, when: {category: sales}, action: reject}\n"

func newOffice(t *testing.T) *office {
	o := &office{t: t, dir: t.TempDir(), carrier: mustPhone(t, "127.0.0.1"), pbx: mustPhone(t, "127.0.0.1")}
	o.write("policy.yaml", refuseSales)
	return o
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }
func (o *office) write(name, text string) { o.t.Helper(); write(o.t, o.path(name), text) }
func (o *office) read(name string) string { return readFile(o.t, o.path(name)) }
func (o *office) logger() zerolog.Logger  { return zerolog.New(&o.log) }
func (o *office) config(more string) *config {
	return mustConfig(o.t, o.path("callscreen.yaml"), o.text()+more)
}

func (o *office) text() string {
	return fmt.Sprintf(`
listen: [{address: "udp:127.0.0.1:0"}]
trunks: [{name: carrier, networks: "%[1]v", targets: "sip:%[1]v"}]
pbx: {networks: "%[2]v", targets: "sip:%[2]v", probe: 0s}
state: state
control: control.sock
record: {file: record.jsonl}
timers: {drain: 1ms}
http: {listen: ""}
`, o.carrier.addr(), o.pbx.addr())
}

// start runs a process until the test or stop ends it.
func (o *office) start(more string) (p *process, stop func()) {
	o.t.Helper()
	return o.startWith(o.text() + more)
}

// startWith is start with a configuration of its own.
func (o *office) startWith(text string) (p *process, stop func()) {
	o.t.Helper()
	p, err := build(mustConfig(o.t, o.path("callscreen.yaml"), text), o.logger())
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }() // ends with ctx
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			o.t.Errorf("run = %v, want nil", err)
		}
	})
	o.t.Cleanup(stop)
	return p, stop
}

// call has the carrier call, and checks what it or the PBX receives.
func (o *office) call(p *process, from string, at *phone, want string) {
	o.t.Helper()
	if err := o.carrier.invite(p.addr("main"), from); err != nil {
		o.t.Fatal(err)
	}
	if got, err := at.receive(want); err != nil {
		o.t.Fatalf("a call from %s brings %q, %v; want %s", from, got, err, want)
	}
}

func TestProcessScreensCalls(t *testing.T) {
	sim := juhesim.New()
	sim.RequireKey("topsecret")
	server := httptest.NewServer(sim)
	defer server.Close()
	o := newOffice(t)
	o.write("key", "topsecret\n")
	p, stop := o.start(fmt.Sprintf("juhe: {url: %q, key_file: key}\n", server.URL+juhesim.Path))

	o.call(p, "95204657", o.carrier, "SIP/2.0 603 Decline")
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	stop()

	lines := strings.Split(strings.TrimSpace(o.read("record.jsonl")), "\n")
	if len(lines) != 3 || !strings.Contains(lines[0], `"from":"952****4657"`) || !strings.Contains(lines[0], `"verdict":"reject"`) ||
		!strings.Contains(lines[1], `"final":603`) || !strings.Contains(lines[1], `"ended_by":"callscreen"`) ||
		!strings.Contains(lines[2], `"category":"delivery"`) || !strings.Contains(lines[2], `"verdict":"allow"`) {
		t.Errorf("record = %s; want a refused call, its end, and an allowed call", lines)
	}
	log := o.log.String()
	for _, want := range []string{`"ready: listeners main at udp:127.0.0.1:`, `"call refused"`, `"call allowed"`} {
		if strings.Count(log, want) != 1 {
			t.Errorf("log = %s; want %s once", log, want)
		}
	}
	if strings.Contains(log, "topsecret") || strings.Contains(log, "13041439112") {
		t.Errorf("the log tells the key or a number: %s", log)
	}
}

func TestProcessRunsWithoutKey(t *testing.T) {
	o := newOffice(t)
	p, stop := o.start("")
	o.call(p, "95204657", o.pbx, "INVITE sip:")
	o.call(p, "95204657", o.pbx, "INVITE sip:")
	stop()
	if log := o.log.String(); strings.Count(log, "no key of juhe: numbers are not looked up") != 1 {
		t.Errorf("log = %s; want to be told once that nothing is looked up", log)
	}
}

// TestProcessStartsWithoutJuhe: that Juhe is down is no reason not to start.
func TestProcessStartsWithoutJuhe(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	o := newOffice(t)
	p, _ := o.start(fmt.Sprintf("juhe: {url: %q, key: topsecret}\n", gone.URL))
	o.call(p, "95204657", o.pbx, "INVITE sip:")
	if !eventually(func() bool { return strings.Contains(o.log.String(), "juhe cannot be reached") }) {
		t.Errorf("log = %s; want that juhe was not reached", o.log.String())
	}
}

// TestProcessEndsWhileJuheHangs: neither the first connection nor a query holds
// up the end.
func TestProcessEndsWhileJuheHangs(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	o := newOffice(t)
	p, stop := o.start(fmt.Sprintf("juhe: {url: \"http://%v\", key: topsecret}\n", hole.Addr()))
	o.call(p, "95204657", o.carrier, "SIP/2.0 100")
	stop()
	if !strings.Contains(o.read("record.jsonl"), `"verdict":"allow"`) {
		t.Errorf("record = %s; want the call", o.read("record.jsonl"))
	}
}

func TestReload(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", "mode: enforce\n")
	p, _ := o.start("")
	o.call(p, "1001", o.pbx, "INVITE sip:")

	refuse := "mode: enforce\nrules: [{id: shorts, when: {class: extension}, action: reject, status: 480}]\n"
	o.write("policy.yaml", refuse)
	if err := p.policy.reload(); err != nil {
		t.Fatal(err)
	}
	o.call(p, "1001", o.carrier, "SIP/2.0 480")

	for _, bad := range []struct{ text, want string }{
		{"mode: obey\n", o.path("policy.yaml") + `:1:7: mode is "obey": write observe or enforce`},
		{refuse + "mode: enforce\n", o.path("policy.yaml") + ":3:1: key \"mode\" stands in line 1 already: keep one of the two"},
		{"", o.path("policy.yaml") + ":1:1: mode is missing: write mode: observe to begin with, and mode: enforce to act"},
	} {
		o.write("policy.yaml", bad.text)
		if err := p.policy.reload(); fmt.Sprint(err) != bad.want {
			t.Errorf("reload of %q = %v; want %s", bad.text, err, bad.want)
		}
		o.call(p, "1001", o.carrier, "SIP/2.0 480")
	}
	if err := os.Remove(o.path("policy.yaml")); err != nil {
		t.Fatal(err)
	}
	if err := p.policy.reload(); err == nil {
		t.Error("reload without a policy file = nil; want an error")
	}
	o.call(p, "1001", o.carrier, "SIP/2.0 480")

	o.write("policy.yaml", "mode: observe\n")
	if err := p.policy.reload(); err != nil {
		t.Fatal(err)
	}
	o.call(p, "1001", o.pbx, "INVITE sip:")
}

// TestBuildIsAllOrNothing: an error leaves no file, socket or goroutine behind.
func TestBuildIsAllOrNothing(t *testing.T) {
	taken := mustPhone(t, "127.0.0.1")
	tests := []struct {
		name  string
		more  string                 // of the configuration
		spoil func(*office, *config) // what is in the way
		want  string                 // in the error
		code  int
	}{
		{"no policy", "policy: rules.yaml\n", nil, "callscreen.yaml:10:9: policy: open ", exitConfiguration},
		{"bad policy", "", func(o *office, _ *config) { o.write("policy.yaml", "mode: obey\n") }, `policy.yaml:1:7: mode is "obey"`, exitConfiguration},
		{"state in a file", "juhe: {key: k}\n", func(o *office, c *config) { c.State = o.path("policy.yaml") }, "not a directory", exitFailed},
		{"port in use", "juhe: {key: k}\n", func(_ *office, c *config) { c.Listen[0].Address[0].AddrPort = taken.addr() }, "address already in use: another program has the port", exitFailed},
		{"port elsewhere", "juhe: {key: k}\n", func(_ *office, c *config) {
			c.Listen[0].Address[0].AddrPort = netip.MustParseAddrPort("192.0.2.1:5060")
		}, "assign requested address: this machine does not have the address", exitFailed},
		{"target unknown", "juhe: {key: k}\n", func(_ *office, c *config) { c.PBX.Targets[0].URI.text = "sip:pbx.invalid:bad" }, "is no SIP URI", exitFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOffice(t)
			c := o.config(tt.more)
			if tt.spoil != nil {
				tt.spoil(o, c)
			}
			files, goroutines := openFiles(t), runtime.NumGoroutine()
			p, err := build(c, zerolog.Nop())
			if p != nil || err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != tt.code {
				t.Errorf("build = %v, %v with exit code %d; want %s with %d", p, err, exitCode(err), tt.want, tt.code)
			}
			if !eventually(func() bool { return runtime.NumGoroutine() <= goroutines }) {
				t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
			}
			if now := openFiles(t); now > files {
				t.Errorf("%d open files, %d before", now, files)
			}
		})
	}
}

// openFiles counts the files and sockets of this process, where that is known.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	return len(all)
}

func TestSealingKeySurvives(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "state")
	key, err := openState(dir, zerolog.Nop())
	if err != nil || len(key) != 32 || bytes.Equal(key, make([]byte, 32)) {
		t.Fatalf("openState = %x, %v; want a key of 32 bytes", key, err)
	}
	again, err := openState(dir, zerolog.Nop())
	if err != nil || !bytes.Equal(again, key) {
		t.Errorf("openState = %x, %v; want the key from before, %x", again, err, key)
	}
	other, err := openState(t.TempDir(), zerolog.Nop())
	if err != nil || bytes.Equal(other, key) {
		t.Errorf("openState elsewhere = %x, %v; want another key", other, err)
	}
	info, err := os.Stat(filepath.Join(dir, "sealing.key"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the key's file has mode %v, %v; want 0600", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v in the folder; want the key alone", left, err)
	}
}

// TestBrokenSealingKey: it is kept beside a new one, which stays.
func TestBrokenSealingKey(t *testing.T) {
	dir, log := t.TempDir(), new(strings.Builder)
	path := filepath.Join(dir, "sealing.key")
	if err := os.WriteFile(path, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := openState(dir, zerolog.New(log))
	if err != nil || len(key) != 32 || !strings.Contains(log.String(), path+" has 5 bytes, not 32, and is now "+path+".bad: restore it") {
		t.Errorf("openState = %x, %v; log %s", key, err, log)
	}
	if old, err := os.ReadFile(path + ".bad"); err != nil || string(old) != "short" {
		t.Errorf("set aside is %q, %v", old, err)
	}
	if again, err := openState(dir, zerolog.Nop()); err != nil || !bytes.Equal(again, key) {
		t.Errorf("openState = %x, %v; want the new key, %x", again, err, key)
	}
}

// TestSealingKeyIsMadeOnce: of processes that begin at once, all get one key.
func TestSealingKeyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	keys := make([]string, 20)
	var makers sync.WaitGroup
	for i := range keys {
		makers.Go(func() {
			key, err := openState(dir, zerolog.Nop())
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(key)
		})
	}
	makers.Wait()
	for _, key := range keys {
		if key != keys[0] || len(key) != 32 {
			t.Fatalf("keys %x and %x; want one", key, keys[0])
		}
	}
}

// TestCallsOutliveTheProcess: an answer that comes after a restart is proven by
// the key, and goes on to the caller.
func TestCallsOutliveTheProcess(t *testing.T) {
	o := newOffice(t)
	p, stop := o.start("")
	if err := o.carrier.invite(p.addr("main"), "1001"); err != nil {
		t.Fatal(err)
	}
	invite, err := o.pbx.receiveAll("INVITE ")
	if err != nil {
		t.Fatal(err)
	}
	address := p.addr("main")
	stop()
	c := o.config("")
	c.Listen[0].Address[0].AddrPort = address
	p, err = build(c, o.logger())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }() // ends with ctx
	if _, err := o.pbx.WriteToUDPAddrPort([]byte(ringing(invite)), address); err != nil {
		t.Fatal(err)
	}
	if got, err := o.carrier.receive("SIP/2.0 180"); err != nil {
		t.Errorf("received %q, %v; want 180", got, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run = %v, want nil", err)
	}
}

func mustConfig(t *testing.T, file, text string) *config {
	t.Helper()
	c, err := parseConfig(file, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustPhone(t *testing.T, ip string) *phone {
	t.Helper()
	p, err := newPhone(ip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lockedBuffer is a log that tests read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
