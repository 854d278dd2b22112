package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callscreen/juhe"
)

const units = "../../configs/systemd"

// unitFiles copies the units to where systemd finds what they start.
func unitFiles(t *testing.T) (service, socket string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"callscreen.service", "callscreen.socket"} {
		text := readFile(t, filepath.Join(units, name))
		write(t, filepath.Join(dir, name), strings.Replace(text, "ExecStart=/usr/local/bin/callscreen ", "ExecStart="+self+" ", 1))
	}
	return filepath.Join(dir, "callscreen.service"), filepath.Join(dir, "callscreen.socket")
}

// analyze runs systemd-analyze. Where nobody promised that it is there, the test
// may go without.
func analyze(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("systemd-analyze")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("systemd-analyze is missing: apt-get install systemd")
	}
	if err != nil {
		t.Skip("systemd-analyze is missing: apt-get install systemd")
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// systemd understands every line of the units.
func TestUnitsVerify(t *testing.T) {
	service, socket := unitFiles(t)
	for line := range strings.Lines(analyze(t, "verify", service, socket)) {
		if strings.Contains(line, "callscreen") { // others are of this machine's own units
			t.Error(line)
		}
	}
}

// The service may do little besides its work: exposure under 3.0 of 10.
func TestServiceIsConfined(t *testing.T) {
	service, _ := unitFiles(t)
	out := analyze(t, "security", "--offline=yes", "--threshold=29", service)
	at := strings.Index(out, "Overall exposure level")
	if at < 0 {
		t.Fatalf("no exposure level in %s", out)
	}
	t.Log(strings.TrimSpace(out[at:]))
}

// values returns those of a key in a unit, in order.
func values(unit, key string) (all []string) {
	for line := range strings.Lines(unit) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			all = append(all, v)
		}
	}
	return all
}

// The socket is the one that callscreen listens at by default, by the name of its
// listener, and the service may take as long to end as it wants.
func TestUnitsFitTheDefaults(t *testing.T) {
	service, socket := readFile(t, filepath.Join(units, "callscreen.service")), readFile(t, filepath.Join(units, "callscreen.socket"))
	c := defaultConfig()
	at := netip.MustParseAddrPort(values(socket, "ListenDatagram")[0])
	owner, _ := c.ownerOf(listenAddress{at, "udp"})
	if names := values(socket, "FileDescriptorName"); !slices.Equal(names, []string{owner}) {
		t.Errorf("FileDescriptorName=%v for %v, which is %q", names, at, owner)
	}
	if got := values(service, "StateDirectory"); !slices.Equal(got, []string{strings.TrimPrefix(c.State, "/var/lib/")}) {
		t.Errorf("StateDirectory=%v, want %s", got, c.State)
	}
	if got := values(service, "RuntimeDirectory"); len(got) != 1 || filepath.Dir(c.Control) != "/run/"+got[0] {
		t.Errorf("RuntimeDirectory=%v, want the folder of %s", got, c.Control)
	}
	if stop, err := time.ParseDuration(values(service, "TimeoutStopSec")[0]); err != nil || stop < 2*c.Timers.Drain {
		t.Errorf("TimeoutStopSec is %v, %v; want much more than %v", stop, err, c.Timers.Drain)
	}
	if got, want := values(service, "LoadCredential"), juhe.KeyCredential+":callscreen.juhe_key"; !slices.Equal(got, []string{want}) {
		t.Errorf("LoadCredential=%v, want %s", got, want)
	}
}
