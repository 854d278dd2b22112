// Package e2e tries callscreen as an office runs it: the binary itself, its
// files and signals, and SIP over real sockets between a carrier, the proxy and
// a PBX, each at an address of its own.
//
// It knows what the pages promise (configuration, record, messages on the wire)
// and nothing of how it is done: its phones are bare sockets, SIPp, and baresip
// behind two Asterisk 22 that tools/asterisk.sh unpacks.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the callscreen under test.
var binary string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "callscreen-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "callscreen")
	if out, err := exec.Command("go", "build", "-o", binary, "callscreen/cmd/callscreen").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building callscreen: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// program finds a program that a Debian package has. Where nobody promised that it
// is there, the test may go without.
func program(t *testing.T, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, name+" is missing: apt-get install "+pkg)
	}
	return path
}

// missing skips a test that lacks something, but for CI, where all has to be there.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
