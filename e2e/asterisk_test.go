package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asterisk is an Asterisk 22 with a configuration and an address of its own, out
// of the tree that tools/asterisk.sh has unpacked.
type asterisk struct {
	name string
	addr netip.Addr
	dir  string // its folder
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// asteriskTree finds the unpacked Asterisk. Where nobody promised that it is
// there, the test may go without.
func asteriskTree(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	tree := filepath.Join(cache, "callscreen", "asterisk")
	if err == nil {
		_, err = os.Stat(filepath.Join(tree, "usr/sbin/asterisk"))
	}
	if err == nil && os.Geteuid() != 0 {
		err = fmt.Errorf("only root can start it in %s", tree)
	}
	if err != nil {
		missing(t, "no Asterisk: make e2e installs it: "+err.Error())
	}
	return tree
}

// newAsterisk starts an Asterisk that ends with the test. Its configuration are
// the files of testdata/asterisk/common and of the folders, of which a later one
// wins over one before it, with @KEY@ replaced by the value of KEY; IP, NAME,
// HOME and MODULES always have one.
func newAsterisk(t *testing.T, name string, addr netip.Addr, values map[string]string, folders ...string) *asterisk {
	t.Helper()
	folders = append([]string{telephony(t).certificates}, folders...)
	a, err := startAsterisk(asteriskTree(t), name, addr, values, folders...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
	return a
}

func startAsterisk(tree, name string, addr netip.Addr, values map[string]string, folders ...string) (*asterisk, error) {
	dir, err := os.MkdirTemp(filepath.Join(tree, "srv"), name+"-")
	if err != nil {
		return nil, err
	}
	a := &asterisk{name: name, addr: addr, dir: dir, done: make(chan struct{})}
	home := "/srv/" + filepath.Base(dir)
	if err := a.configure(tree, home, values, append([]string{"testdata/asterisk/common"}, folders...)); err != nil {
		return nil, err
	}
	a.cmd = exec.Command("setpriv", "--pdeathsig", "KILL", "chroot", tree, // it must not outlive the tests
		"/usr/sbin/asterisk", "-f", "-C", home+"/etc/asterisk.conf")
	out, err := os.Create(filepath.Join(dir, "log/stdout"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	a.cmd.Stdout, a.cmd.Stderr = out, out
	if err := a.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // ends with the process, which stop ends
		_ = a.cmd.Wait() // its result is in cmd.ProcessState
		close(a.done)
	}()
	if err := a.awaitBoot(); err != nil {
		text, _ := os.ReadFile(filepath.Join(dir, "log/full")) // goes with the error, if there is any
		a.stop()
		return nil, fmt.Errorf("%s does not come up: %w\n%s", name, err, text)
	}
	return a, nil
}

// configure writes the configuration and what else has to be there.
func (a *asterisk) configure(tree, home string, values map[string]string, folders []string) error {
	modules, err := filepath.Glob(filepath.Join(tree, "usr/lib/*/asterisk/modules"))
	if err != nil || len(modules) != 1 {
		return fmt.Errorf("modules of Asterisk: %v, %w", modules, err)
	}
	for _, d := range []string{"etc", "lib/keys", "spool/outgoing", "run", "log"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o700); err != nil {
			return err
		}
	}
	pairs := []string{"@IP@", a.addr.String(), "@NAME@", a.name, "@HOME@", home, "@MODULES@", strings.TrimPrefix(modules[0], tree)}
	for k, v := range values {
		pairs = append(pairs, "@"+k+"@", v)
	}
	fill := strings.NewReplacer(pairs...)
	for _, folder := range folders {
		if err := a.copyFrom(folder, fill); err != nil {
			return err
		}
	}
	return nil
}

// copyFrom copies the files of a folder into its configuration.
func (a *asterisk) copyFrom(folder string, fill *strings.Replacer) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err == nil {
			err = os.WriteFile(filepath.Join(a.dir, "etc", f.Name()), []byte(fill.Replace(string(text))), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// awaitBoot waits until it is ready for calls.
func (a *asterisk) awaitBoot() (err error) {
	for end := time.Now().Add(2 * patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var m *manager
		if m, err = dialManager(a.addr); err == nil {
			defer m.conn.Close()
			_, err = m.await(patience, func(e event) bool { return e["Event"] == "FullyBooted" })
			return err
		}
		select {
		case <-a.done:
			return fmt.Errorf("it ended: %v", a.cmd.ProcessState)
		default:
		}
	}
	return err
}

// stop ends it and takes away its folder.
func (a *asterisk) stop() {
	_ = a.cmd.Process.Kill() // it may have ended
	<-a.done
	_ = os.RemoveAll(a.dir) // lies in a cache folder, under a name of its own
}
