package e2e

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"callscreen/audit/store/pgtest"
)

var (
	faultTime = flag.Duration("fault", 2*time.Second, "how long a fault of the record lasts")
	kills     = flag.Int("kills", 3, "how often TestRecordIsKilled kills callscreen")
)

// withRecord is a configuration with another record.
func withRecord(record string) func(*office, string) string {
	return func(o *office, directory string) string {
		return strings.Replace(o.config(setting{juhe: directory, drain: time.Second}), "record: {file: record.jsonl, numbers: full}", "record: "+record, 1)
	}
}

// command runs callscreen once, and returns what it printed.
func (o *office) command(args ...string) (string, error) {
	cmd := exec.Command(binary, append(args, "--config", "callscreen.yaml")...)
	cmd.Dir = o.dir
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	return out.String(), err
}

// stored returns the calls in the database, by Call-ID.
func (o *office) stored() map[string]bool {
	o.t.Helper()
	out, _ := o.command("audit", "export") // it fails where there is no call yet
	all := map[string]bool{}
	for line := range strings.Lines(out) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event != "call" {
			o.t.Errorf("export: %v: %q", err, line)
		}
		all[e.Call] = true
	}
	return all
}

// health returns what status says of the record.
func (o *office) health() string {
	o.t.Helper()
	out, _ := o.command("status") // it fails where something is wrong
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "record ") {
			return strings.TrimSpace(line)
		}
	}
	o.t.Errorf("status does not tell of the record: %s", out)
	return ""
}

// sum returns how many calls there were, and how many of them went wrong.
func (o *office) sum(fates map[string]int) (calls, failed int) {
	o.t.Helper()
	for fate, n := range fates {
		if calls += n; fate != "" {
			failed += n
			o.t.Logf("%d calls %s", n, fate)
		}
	}
	return calls, failed
}

// suffer has calls come before, while and after something is wrong with the record, and
// checks that none of them fails, that health tells, and that all are in the database
// in the end.
func (o *office) suffer(name, told string, begin, end func()) {
	o.t.Helper()
	l := o.startLoad(rate)
	time.Sleep(time.Second)
	begin()
	o.eventually("health that tells of "+told, func() bool { return strings.Contains(o.health(), told) })
	time.Sleep(*faultTime)
	if strings.Contains(o.health(), " lost") {
		o.t.Errorf("health says %s; want nothing lost", o.health())
	}
	end()
	time.Sleep(time.Second)
	calls, failed := o.sum(l.stop())
	o.eventually("the last call in the database", func() bool { return len(o.stored()) >= calls })
	o.t.Logf("%s for %v: %d calls, %d failed, %d not recorded", name, *faultTime, calls, failed, calls-len(o.stored()))
	if failed > 0 {
		o.t.Errorf("%d calls failed, want none", failed)
	}
	o.eventually("health that is well again", func() bool { return strings.Contains(o.health(), " ok ") })
	o.stop()
	if got := len(o.stored()); got != calls {
		o.t.Errorf("the database holds %d calls, want %d", got, calls)
	}
}

func TestRecordIsLocked(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{config: withRecord("{file: off}")})
	db, err := sql.Open("sqlite", o.file("state/record.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	do := func(statement string) func() {
		return func() {
			o.eventually(statement, func() bool { _, err = db.Exec(statement); return err == nil })
		}
	}
	o.suffer("database locked", "locked", do("BEGIN IMMEDIATE"), do("ROLLBACK"))
}

func TestPostgresIsStopped(t *testing.T) {
	t.Parallel()
	server, err := pgtest.New()
	pgtest.Needed(t, server, err)
	t.Cleanup(server.Remove)
	o := newOffice(t, setting{config: withRecord(fmt.Sprintf("{file: off, database: %q}", server.Create(t)))})
	o.suffer("PostgreSQL stopped", "takes no calls", server.Stop, func() {
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	})
}

// On a full disk neither database nor spool nor lines have room. Calls wait in memory;
// of the lines, which do not, as many are counted as are missing.
func TestRecordDiskIsFull(t *testing.T) {
	t.Parallel()
	var dir string
	o := newOffice(t, setting{config: func(o *office, directory string) string {
		dir = o.smallDisk("state", "size=8m")
		return withRecord("{file: state/record.jsonl}")(o, directory)
	}})
	l := o.startLoad(rate)
	time.Sleep(time.Second)
	fill(t, filepath.Join(dir, "ballast"))
	o.eventually("health that tells of a full disk", func() bool {
		h := o.health()
		return strings.Contains(h, "takes no calls") && strings.Contains(h, "lines lost")
	})
	time.Sleep(*faultTime)
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	calls, failed := o.sum(l.stop())
	o.eventually("the last call in the database", func() bool { return len(o.stored()) >= calls })
	var lost int
	h := o.health()
	if _, err := fmt.Sscanf(h[strings.LastIndex(h[:strings.Index(h, " lines lost")], " ")+1:], "%d lines lost", &lost); err != nil {
		t.Fatalf("%v in %s", err, h)
	}
	o.stop()
	lines := strings.Count(o.read("state/record.jsonl"), "\n")
	t.Logf("disk full for %v: %d calls, %d failed, %d not in the database; %d lines of 3 each, %d lost", *faultTime, calls, failed, calls-len(o.stored()), lines, lost)
	if failed > 0 || len(o.stored()) != calls {
		t.Errorf("%d calls failed, %d of %d are in the database; want none failed, and all", failed, len(o.stored()), calls)
	}
	if lines+lost != 3*calls {
		t.Errorf("%d lines and %d lost of %d calls; want 3 each", lines, lost, calls)
	}
	o.record("state/record.jsonl") // each line is one
}

// smallDisk mounts a small disk in the office's folder.
func (o *office) smallDisk(name, size string) string {
	o.t.Helper()
	dir := o.file(name)
	err := os.Mkdir(dir, 0o700)
	if err == nil {
		err = syscall.Mount("tmpfs", dir, "tmpfs", 0, size)
	}
	if err != nil {
		missing(o.t, "mounting needs root: "+err.Error())
	}
	o.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			o.t.Error(err)
		}
	})
	return dir
}

// fill writes a file until there is no room for more.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// A kill takes the last second of the record at most, and never the rest: the database
// opens, and each line is one.
func TestRecordIsKilled(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{config: withRecord("{file: record.jsonl, numbers: full}")})
	l := o.startLoad(rate)
	for i := range *kills {
		time.Sleep(time.Second + time.Duration(i%10)*50*time.Millisecond)
		o.restart()
	}
	time.Sleep(time.Second)
	calls, failed := o.sum(l.stop())
	o.stop()
	stored, lines := o.stored(), map[string]bool{}
	for _, e := range o.record("record.jsonl") {
		lines[e.Call] = true
	}
	t.Logf("killed %d times: %d calls, %d failed; %d not in the database, %d not among the lines", *kills, calls, failed, calls-len(stored), calls-len(lines))
	for where, n := range map[string]int{"in the database": len(stored), "among the lines": len(lines)} {
		if missing := calls - n; missing > rate**kills {
			t.Errorf("%d calls are not %s, want %d at the most", missing, where, rate**kills)
		}
	}
	if failed > 3**kills { // in the middle of a lookup
		t.Errorf("%d calls failed, want %d at the most", failed, 3**kills)
	}
	if calls < 20**kills {
		t.Errorf("%d calls; want more to tell from", calls)
	}
}
