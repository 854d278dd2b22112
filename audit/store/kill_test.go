package store

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"callscreen/audit"
)

var kills = flag.Int("kills", 3, "how often a process is killed")

// childEnv names the folder in which a child process records calls until it is killed.
const childEnv = "CALLSCREEN_STORE_CHILD"

// child records a call every half a millisecond, tells which, and does not end.
func child(dir string) {
	s, err := Open(Options{File: filepath.Join(dir, "record.db")})
	lines, err2 := audit.Open(audit.Options{File: filepath.Join(dir, "record.jsonl")})
	if err != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, err, err2)
		os.Exit(1)
	}
	first, err := strconv.Atoi(os.Getenv("CALLSCREEN_STORE_FIRST"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for i := first; ; i++ {
		d := example(0)
		d.Call.ID, d.Call.At = fmt.Sprint(i), time.Now()
		s.Record(d)
		lines.Record(d)
		fmt.Println(i, d.Call.At.UnixMicro(), s.State().Written)
		time.Sleep(500 * time.Microsecond)
	}
}

// told is a call that a child said it had recorded, and how many it had written by then.
type told struct{ call, at, written int64 }

// killed runs a child until it has written some hundred calls, and kills it in the
// middle of more. It returns what the child told, and when it was killed.
func killed(t *testing.T, dir string, first int64) (calls []told, at time.Time) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("CALLSCREEN_STORE_FIRST=%d", first))
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	enough := 200 + rand.Int64N(1000)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var n told
		if _, err := fmt.Sscan(lines.Text(), &n.call, &n.at, &n.written); err != nil {
			break // half a line
		}
		if calls = append(calls, n); n.written >= enough && at.IsZero() {
			at = time.Now()
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.Wait()
	if at.IsZero() {
		t.Fatalf("the child ended by itself after %d calls", len(calls))
	}
	return calls, at
}

// After kill -9 the record opens. It holds every call that was written, each once, and
// no call is missing before one that is there. How old the missing ones are is a
// figure: it follows the disk.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, missing, oldest := int64(0), 0, time.Duration(0)
	for range *kills {
		calls, at := killed(t, dir, first)
		recorded := survivors(t, filepath.Join(dir, "record.db"))
		there := 0
		for there < len(calls) && recorded[calls[there].call] {
			there++
		}
		lost := calls[there:]
		for _, c := range lost {
			if recorded[c.call] {
				t.Errorf("call %d is there, and call %d before it is not", c.call, lost[0].call)
			}
		}
		last := calls[len(calls)-1]
		if int64(there) < last.written {
			t.Errorf("%d calls are there; want the %d that were written", there, last.written)
		}
		if missing = max(missing, len(lost)); len(lost) > 0 {
			oldest = max(oldest, at.Sub(time.UnixMicro(lost[0].at)))
		}
		first = last.call + 2
	}
	linesSurvive(t, filepath.Join(dir, "record.jsonl"))
	t.Logf("killed %d times: at most %d calls lost, the oldest recorded %v before", *kills, missing, oldest)
}

// survivors opens a database that was killed, and returns the calls in it.
func survivors(t *testing.T, file string) map[int64]bool {
	t.Helper()
	s := open(t, Options{File: file})
	await(t, s, "empty spool", func(st State) bool { return st.Spooled == 0 })
	recorded := map[int64]bool{}
	for _, r := range all(t, s, Filter{}) {
		n, err := strconv.ParseInt(r.Decision.Call.ID, 10, 64)
		if err != nil || recorded[n] {
			t.Fatalf("call %s is recorded twice, or %v", r.Decision.Call.ID, err)
		}
		recorded[n] = true
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return recorded
}

// linesSurvive opens JSON lines that were killed, and checks every one of them.
func linesSurvive(t *testing.T, file string) {
	t.Helper()
	l, err := audit.Open(audit.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	for line := range bytes.Lines(text) {
		lineChecker{t}.Write(line)
	}
	if err != nil || len(text) == 0 {
		t.Errorf("JSON lines: %d bytes, %v", len(text), err)
	}
}
