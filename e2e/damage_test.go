package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var damages = flag.Int("damages", 3, "at how many places TestDamagedFiles damages each file, in each way")

// Whatever a file of the configuration or the state folder has been made of by a bad disk,
// the next start serves, or ends and names what is wrong; and calls pass if it serves.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{more: "http: {listen: \"\"}\n", drain: time.Second})
	o.live()
	whole := o.files()
	if len(whole) < 9 {
		t.Errorf("%d files to damage; want more", len(whole))
	}
	served, refused := 0, map[string]int{}
	for name, content := range whole {
		for i := range *damages {
			at := len(content) * i / *damages
			for how, damaged := range map[string][]byte{
				"cut": content[:at], "flipped": flipped(content, at, 1), "overwritten": flipped(content, at, 64),
				"zeroed": append(bytes.Clone(content[:at]), make([]byte, len(content)-at)...),
			} {
				o.restore(whole)
				o.write(name, string(damaged))
				if said, ok := o.startsAnew(name == "callscreen.yaml"); ok {
					served++
				} else if refused[name]++; !strings.Contains(said, filepath.Base(name)) || strings.Count(said, "\n") > 120 {
					t.Errorf("%s %s at %d: callscreen does not start, and says\n%s", name, how, at, said)
				}
			}
		}
	}
	o.restore(whole)
	t.Logf("%d files, %d starts, of which %d served; refused for %v", len(whole), 4**damages*len(whole), served, refused)
	for name := range refused {
		if name != "callscreen.yaml" {
			t.Errorf("callscreen does not start without a good %s", name)
		}
	}
}

// live makes the office have something in every file.
func (o *office) live() {
	o.t.Helper()
	for _, args := range [][]string{{"deny", "13900000123", "--note", "seller"}, {"allow", "13900000124"}} {
		if out, err := o.command(args...); err != nil {
			o.t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	o.rings(20)
	o.pbx.seen = map[message]bool{}
	o.stop()
}

// files returns what the office's files hold but for those of this test, by name.
func (o *office) files() map[string][]byte {
	o.t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(o.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), "std") {
			return err
		}
		name, err := filepath.Rel(o.dir, path)
		if err == nil {
			all[name], err = os.ReadFile(path)
		}
		if len(all[name]) == 0 {
			delete(all, name) // a lock
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return all
}

// restore makes the office's files what they were.
func (o *office) restore(whole map[string][]byte) {
	o.t.Helper()
	if err := os.RemoveAll(o.file("state")); err != nil {
		o.t.Fatal(err)
	}
	for name, content := range whole {
		if err := os.MkdirAll(filepath.Dir(o.file(name)), 0o700); err != nil {
			o.t.Fatal(err)
		}
		o.write(name, string(content))
	}
}

func flipped(content []byte, at, n int) []byte {
	c := bytes.Clone(content)
	for i := at; i < min(at+n, len(c)); i++ {
		c[i] ^= 0x55
	}
	return c
}

// startsAnew reports whether callscreen serves, and what it says. A call must pass, too,
// unless it may have been told to listen elsewhere.
func (o *office) startsAnew(elsewhere bool) (said string, serves bool) {
	o.t.Helper()
	o.write("stderr", "")
	cmd := exec.Command(binary, "run", "--config", "callscreen.yaml")
	cmd.Dir, cmd.Stderr = o.dir, o.appendTo("stderr")
	if err := cmd.Start(); err != nil {
		o.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }() // ends with the process, which is killed at the latest
	for end := time.Now().Add(patience); !serves && time.Now().Before(end) && !closed(ended); {
		serves = o.passes(13700000000+o.carrier.calls) || elsewhere && strings.Contains(o.read("stderr"), `"message":"ready: `)
	}
	if !serves && !closed(ended) {
		o.t.Errorf("callscreen neither serves nor ends: %s", o.read("stderr"))
	}
	_ = cmd.Process.Kill() // it may have ended
	<-ended
	said = o.read("stderr")
	if strings.Contains(said, "panic") || strings.Contains(said, secret) {
		o.t.Errorf("callscreen panicked, or said the key:\n%s", said)
	}
	return said, serves
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// passes reports whether a call reaches the PBX and is answered, at once.
func (o *office) passes(number int) bool {
	o.t.Helper()
	d := o.carrier.dial(fmt.Sprint(number))
	o.carrier.send(d.invite())
	invite, ok := o.pbx.next(50 * time.Millisecond)
	for ok && !strings.HasPrefix(string(invite), "INVITE ") {
		invite, ok = o.pbx.next(50 * time.Millisecond)
	}
	if !ok {
		return false
	}
	o.pbx.send(invite.answer("486 Busy Here"))
	final, ok := o.carrier.next(500 * time.Millisecond) // the INVITE may be one of the process before
	if ok {
		o.carrier.send(d.ack(final))
	}
	return ok
}
