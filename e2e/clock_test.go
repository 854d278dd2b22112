package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

// settable is what a callscreen has beside Go's package time whose wall clock a test can
// set: the file that CALLSCREEN_TEST_CLOCK names holds by how many seconds it is wrong.
const settable = `package time

import (
	"sync"
	"syscall"
)

var ahead = sync.OnceValue(func() []byte {
	name, _ := syscall.Getenv("CALLSCREEN_TEST_CLOCK")
	fd, err := syscall.Open(name, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	b, err := syscall.Mmap(fd, 0, 16, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return b
})

func secondsAhead() (n int64) {
	for _, digit := range ahead()[1:15] {
		n = n*10 + int64(digit-'0')
	}
	if ahead()[0] == '-' {
		return -n
	}
	return n
}
`

// withSettableClock builds callscreen with a wall clock that can be set while it runs; the
// monotonic one goes on.
func withSettableClock(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, lib := t.TempDir(), filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	source, err := os.ReadFile(filepath.Join(lib, "time.go"))
	if err != nil {
		t.Fatal(err)
	}
	const reads = "sec, nsec, mono := runtimeNow()\n"
	text := strings.Replace(string(source), reads, reads+"\tsec += secondsAhead()\n", 1)
	if text == string(source) {
		t.Fatal("time.Now is not what it was: see where it reads the clock")
	}
	replace := map[string]string{}
	for name, text := range map[string]string{"time.go": text, "ahead.go": settable} {
		replace[filepath.Join(lib, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	built := filepath.Join(dir, "callscreen")
	if out, err := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", built, "callscreen/cmd/callscreen").CombinedOutput(); err != nil {
		t.Fatalf("building callscreen: %v\n%s", err, out)
	}
	return built
}

// clockOf is the wall clock of an office.
type clockOf struct {
	t    *testing.T
	file *os.File
}

// set makes the clock show a time.
func (c clockOf) set(at time.Time) {
	c.t.Helper()
	if _, err := c.file.WriteAt(fmt.Appendf(nil, "%+015d\n", int64(time.Until(at)/time.Second)), 0); err != nil {
		c.t.Fatal(err)
	}
}

// clockPolicy refuses whoever calls for the third time within ten minutes.
const clockPolicy = `mode: enforce
rules:
  - {id: again, when: {calls: {count: ">=3", within: 10m}}, action: reject, status: 603}
  - {id: sales, when: {category: sales}, action: tag, label: "{label}×{marks}"}
`

// Whatever the clock is set to, and back, while calls come: what was looked up stays
// known, a budget is not there twice, calls that stand or ring go on, no time in the
// record is negative, and who called just now has done so and nobody else.
func TestClockIsSet(t *testing.T) {
	t.Parallel()
	built := withSettableClock(t)
	zone := time.FixedZone("CST", 8*3600)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2027, 3, 10, 12, 0, 0, 0, zone)
	for _, tt := range []struct {
		name     string
		from, to time.Time
		days     int // of whose budget there may be queries
	}{
		{"an hour ahead", noon, noon.Add(time.Hour), 1},
		{"an hour back", noon, noon.Add(-time.Hour), 1},
		{"a day back", noon, noon.AddDate(0, 0, -1), 1},
		{"a year ahead", noon, noon.AddDate(1, 0, 0), 2},
		{"a year back", noon, noon.AddDate(-1, 0, 0), 1},
		{"to 1970", noon, time.Unix(1, 0), 1},
		{"into a leap day", time.Date(2028, 2, 28, 23, 59, 58, 0, zone), time.Date(2028, 2, 29, 12, 0, 0, 0, zone), 2},
		{"out of a leap day", time.Date(2028, 2, 29, 12, 0, 0, 0, zone), time.Date(2028, 3, 1, 0, 0, 0, 0, zone), 2},
		{"into summer time", time.Date(2027, 3, 28, 1, 59, 58, 0, berlin), time.Date(2027, 3, 28, 3, 0, 0, 0, berlin), 1},
		{"out of summer time", time.Date(2027, 10, 31, 2, 59, 58, 0, berlin), time.Date(2027, 10, 31, 3, 0, 0, 0, berlin), 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o, clock := newClockOffice(t, built, tt.from)
			o.juhe.Set(labelledNumber, juhesim.Reply{Type: "推销", Num: 3475, FID: 2})
			talking, ringing, invite := o.underWay()
			o.decides(labelledNumber, "sales", "query")
			o.spend(10)
			clock.set(tt.to)
			o.decides(labelledNumber, "sales", "cache")
			o.endBoth(talking, ringing, invite)
			for i, rule := range []string{"default", "default", "again"} { // the first two of them before and behind
				o.decides("13900000007", rule, "")
				if i == 0 {
					clock.set(tt.from)
				}
			}
			o.decides(labelledNumber, "again", "")
			o.spend(10)
			clock.set(tt.to)
			o.spend(10)
			asked := o.juhe.Queries()
			o.stop()
			o.start()
			clock.set(tt.from)
			o.spend(10)
			o.stop()
			if most := clockBudget * tt.days; asked > most || o.juhe.Queries() > most {
				t.Errorf("%d questions, then %d; want %d at most", asked, o.juhe.Queries(), most)
			}
			o.checkTimes()
			for line := range strings.Lines(o.read("stderr")) {
				if strings.Contains(line, `"level":"error"`) && !strings.Contains(line, "juhe: budget stops queries") {
					t.Errorf("the log says %s", line)
				}
			}
		})
	}
}

const clockBudget = 5

func newClockOffice(t *testing.T, built string, at time.Time) (*office, clockOf) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "clock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	clock := clockOf{t, file}
	clock.set(at)
	return newOffice(t, setting{
		policy: clockPolicy, binary: built, drain: time.Second,
		under: []string{"env", "TZ=Europe/Berlin", "CALLSCREEN_TEST_CLOCK=" + file.Name()},
		config: func(o *office, directory string) string {
			return strings.Replace(o.config(setting{juhe: directory, drain: time.Second}), "key_file: juhe.key,", fmt.Sprintf("key_file: juhe.key, budget: {day: %d},", clockBudget), 1)
		},
		more: "http: {listen: \"\"}\n",
	}), clock
}

// underWay places a call that is answered, and one that rings, whose INVITE it returns.
func (o *office) underWay() (talking, ringing *dialog, invite message) {
	o.t.Helper()
	talking, invite = o.ring("13900000011")
	o.pbx.send(invite.answer("200 OK"))
	o.carrier.send(talking.ack(o.carrier.want("SIP/2.0 200 ")))
	o.pbx.want("ACK ")
	ringing, invite = o.ring("13900000012")
	return talking, ringing, invite
}

// endBoth ends them.
func (o *office) endBoth(talking, ringing *dialog, invite message) {
	o.t.Helper()
	o.hangUp(talking, o.pbx)
	o.carrier.send(ringing.cancel())
	o.carrier.want("SIP/2.0 200 ")
	cancel := o.pbx.want("CANCEL ")
	o.pbx.send(cancel.answer("200 OK"), invite.answer("487 Request Terminated"))
	o.carrier.send(ringing.ack(o.carrier.want("SIP/2.0 487 ")))
	o.pbx.want("ACK ")
}

// decides checks by which rule, and what source, a call is decided.
func (o *office) decides(number, rule, source string) {
	o.t.Helper()
	id := o.tries(number)
	if e := o.recorded(id); e.Rule != rule || source != "" && e.Source != source {
		o.t.Errorf("the call of %s was decided by %s, source %s; want %s, %s", number, e.Rule, e.Source, rule, source)
	}
}

// spend places calls of numbers that never called.
func (o *office) spend(calls int) {
	o.t.Helper()
	for range calls {
		o.tries(fmt.Sprint(13600000000 + o.carrier.calls))
	}
}

// tries places a call that the PBX is busy for, if it gets there.
func (o *office) tries(number string) string {
	o.t.Helper()
	d := o.carrier.dial(number)
	o.carrier.send(d.invite())
	arrived, acked := false, false
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if m, ok := o.pbx.next(10 * time.Millisecond); ok && strings.HasPrefix(string(m), "INVITE ") {
			arrived = true
			o.pbx.send(m.answer("486 Busy Here"))
		} else {
			acked = acked || ok
		}
		final, ok := o.carrier.next(10 * time.Millisecond)
		if !ok {
			continue
		}
		o.carrier.send(d.ack(final))
		if arrived && !acked {
			o.pbx.want("ACK ")
		}
		return d.id
	}
	o.t.Fatalf("the call of %s has no answer", number)
	return ""
}

// checkTimes checks that nothing in the record took less than no time, or days.
func (o *office) checkTimes() {
	o.t.Helper()
	calls := 0
	for line := range strings.Lines(o.read("record.jsonl")) {
		var times struct{ Took, Ring, Talk, Age float64 }
		if err := json.Unmarshal([]byte(line), &times); err != nil {
			o.t.Error(err)
		}
		for _, passed := range []float64{times.Took / 1000, times.Ring, times.Talk, times.Age} {
			if passed < 0 || passed > 120 {
				o.t.Errorf("%v seconds passed in %s", passed, line)
			}
		}
		calls++
	}
	if calls < 30 {
		o.t.Errorf("%d lines in the record; want more to tell from", calls)
	}
	out, err := o.command("audit", "export")
	if err != nil {
		o.t.Error(err)
	}
	last := 0
	for line := range strings.Lines(out) {
		var call struct {
			ID   int
			Ring float64
			Talk float64
		}
		if err := json.Unmarshal([]byte(line), &call); err != nil || call.Ring < 0 || call.Talk < 0 { // what it talked goes by the clock: its end may come after a restart
			o.t.Errorf("export: %v: %s", err, line)
		}
		last = max(last, call.ID)
	}
	if last == 0 {
		o.t.Error("the database holds no call")
	}
}
