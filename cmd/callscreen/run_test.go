package main

import (
	"bufio"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReadersMayGo: whoever reads the log and the record ends, and calls go on.
func TestReadersMayGo(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "policy.yaml"), "mode: observe\n")
	write(t, filepath.Join(dir, "callscreen.yaml"), `
listen: [{address: "udp:127.0.0.1:0"}]
trunks: [{name: carrier, networks: 127.0.0.2, targets: "sip:127.0.0.2:5060"}]
pbx: {networks: 127.0.0.3, targets: "sip:127.0.0.3:5060"}
state: state
control: control.sock
timers: {drain: 1ms}
`)
	cmd := exec.Command("callscreen", "run")
	cmd.Dir = dir
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := awaitReady(t, bufio.NewScanner(stderr))
	stdout.Close()
	stderr.Close()

	p := mustPhone(t, "127.0.0.2")
	for range 3 {
		if err := p.invite(ready, "13800138000"); err != nil {
			t.Fatal(err)
		}
		if got, err := p.receive("SIP/2.0 100"); err != nil {
			t.Fatalf("received %q, %v; want 100", got, err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process ended with %v, want exit code 0", err)
	}
}

func awaitReady(t *testing.T, log *bufio.Scanner) netip.AddrPort {
	t.Helper()
	for log.Scan() {
		if m := readyAt.FindStringSubmatch(log.Text()); m != nil {
			return netip.MustParseAddrPort(m[1])
		}
	}
	t.Fatalf("the log ended: %v", log.Err())
	return netip.AddrPort{}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
