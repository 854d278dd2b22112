package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	mostTime   = 10 * time.Second // a second on a machine with nothing else to do
	mostMemory = 64 << 10         // KiB
)

// abuses are texts that exhaust or mislead careless readers of YAML, behind a good one.
func abuses() map[string]string {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9), ", "))
	}
	return map[string]string{
		"a bomb of aliases":    bomb,
		"10 MB":                strings.Repeat("# and so on\n", 10<<20/12),
		"a line of 1 MB":       "name: " + strings.Repeat("x", 1<<20-10_000) + "\n",
		"deep flow":            "a: " + strings.Repeat("[", 100_000) + "\n",
		"deep blocks":          "a:\n" + strings.Repeat("- ", 100_000) + "b\n",
		"deep keys":            strings.Repeat("? ", 50_000) + "a\n",
		"300,000 keys":         strings.Repeat("k: v\n", 200_000),
		"unclosed quote":       `a: "` + strings.Repeat(`\"`, 300_000),
		"a tag of a language":  "a: !!python/object/apply:os.system [\"true\"]\n",
		"a tag of our own":     "a: !ours x\n",
		"a merge":              "<<: {mode: observe}\n",
		"an alias to itself":   "a: &a [*a]\n",
		"an unknown key":       "unheard_of: 1\n",
		"the same key":         "state: a\nstate: b\nmode: enforce\nmode: observe\n",
		"a second document":    "---\nmode: observe\n",
		"a directive":          "%TAG ! tag:example.com,2000:\n",
		"a control character":  "a: \x1b[2J\n",
		"a nul":                "a: \x00\n",
		"a mark in the middle": "\ufeffa: 1\n",
		"no UTF-8":             "a: \xff\xfe\n",
		"UTF-16":               "m\x00o\x00d\x00e\x00:\x00",
	}
}

// place is where in a file something is wrong; one that is too long has none.
var place = regexp.MustCompile(`(?m)(:\d+(:\d+)?: |: the file has )`)

// Files that are meant to exhaust whoever reads them are refused in no time, with the
// place, by check and by a process that runs, whose policy stays.
func TestConfigIsAbused(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{drain: time.Second})
	o.decides(refusedNumber, "listed", "")
	before, longest := o.usage(), time.Duration(0)
	for _, name := range []string{"callscreen.yaml", "policy.yaml"} {
		good := o.read(name)
		for what, text := range abuses() {
			o.write(name, good+text)
			began := time.Now()
			said := o.check()
			took := time.Since(began)
			longest = max(longest, took)
			if !strings.Contains(said, name+":") || !place.MatchString(said) || strings.Contains(said, "panic") || strings.ContainsAny(said, "\x00\x1b\ufeff") {
				t.Errorf("%s in %s: %.500s; want it refused, with its place", what, name, said)
			}
			if took > mostTime {
				t.Errorf("%s in %s took %v", what, name, took)
			}
			if name != "policy.yaml" {
				continue
			}
			o.write("stderr", "") // it is appended to
			o.signal(syscall.SIGHUP)
			o.eventually("a message about "+what, func() bool { return strings.Contains(o.read("stderr"), "policy not reloaded") })
			o.decides(refusedNumber, "listed", "")
		}
		o.write(name, good)
	}
	after := o.usage()
	t.Logf("the longest took %v; the process that ran held %v, then %v", longest, before, after)
	if after.rss > before.rss+2*mostMemory { // garbage of all of them
		t.Errorf("the process held %v before, %v after", before, after)
	}
	o.write("policy.yaml", refuseAll)
	o.signal(syscall.SIGHUP)
	o.eventually("a policy that is right again", func() bool { return o.recorded(o.tries(cleanNumber)).Rule == "default" })
}

// A byte order mark in front of a file is no abuse: editors on Windows write it.
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{policy: "\ufeff" + strings.ReplaceAll(enforcePolicy, "\n", "\r\n")})
	o.decides(refusedNumber, "listed", "")
}

// A file without an end is refused as one that is too long.
func TestEndlessFiles(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{drain: time.Second})
	for _, name := range []string{"policy.yaml", "callscreen.yaml"} {
		if err := os.Remove(o.file(name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("/dev/zero", o.file(name)); err != nil {
			t.Fatal(err)
		}
		if said := o.check(); !strings.Contains(said, name) || !strings.Contains(said, "longer than 1 MB") {
			t.Errorf("%s: %s", name, said)
		}
	}
	before := o.usage()
	o.signal(syscall.SIGHUP)
	o.eventually("a message about the policy", func() bool { return strings.Contains(o.read("stderr"), "policy not reloaded") })
	o.decides(refusedNumber, "listed", "")
	if after := o.usage(); after.rss > before.rss+mostMemory {
		t.Errorf("the process held %v before, %v after", before, after)
	}
	if err := errors.Join(os.Remove(o.file("policy.yaml")), syscall.Mkfifo(o.file("policy.yaml"), 0o600)); err != nil {
		t.Fatal(err)
	}
	o.write("stderr", "") // it is appended to
	o.signal(syscall.SIGHUP)
	o.eventually("a message about a pipe that nobody writes to", func() bool { return strings.Contains(o.read("stderr"), "policy not reloaded") })
	o.decides(refusedNumber, "listed", "")
	o.stop()
}

// check returns what callscreen says of the files.
func (o *office) check() string {
	o.t.Helper()
	cmd := exec.Command(binary, "check", "--config", "callscreen.yaml")
	cmd.Dir = o.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		o.t.Fatal(err)
	}
	return out.String()
}
