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
		fmt.Println(i, d.Call.At.UnixMicro())
		time.Sleep(500 * time.Microsecond)
	}
}

// told is a call that a child said it had recorded.
type told struct{ call, at int64 }

// killed runs a child for a random time and returns what it told, and when it was killed.
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
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var n told
		if _, err := fmt.Sscan(lines.Text(), &n.call, &n.at); err != nil {
			break // half a line
		}
		if calls = append(calls, n); len(calls) == 1 {
			alive := 1200*time.Millisecond + time.Duration(rand.IntN(1000))*time.Millisecond
			time.AfterFunc(alive, func() {
				at = time.Now()
				c.Process.Kill()
			})
		}
	}
	c.Wait()
	if len(calls) < 100 {
		t.Fatalf("the child told of %d calls", len(calls))
	}
	return calls, at
}

// After kill -9 the record opens and holds every call but those of the last second,
// in the database as in the JSON lines.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, lostMost := int64(0), 0
	for range *kills {
		calls, at := killed(t, dir, first)
		recorded := map[int64]bool{}
		s := open(t, Options{File: filepath.Join(dir, "record.db")})
		await(t, s, "empty spool", func(st State) bool { return st.Spooled == 0 })
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
		lost := 0
		for _, c := range calls {
			if recorded[c.call] {
				continue
			}
			lost++
			if before := at.Sub(time.UnixMicro(c.at)); before > time.Second {
				t.Errorf("call %d is missing, %v before the end", c.call, before)
			}
		}
		lostMost = max(lostMost, lost)
		first = calls[len(calls)-1].call + 2
	}
	l, err := audit.Open(audit.Options{File: filepath.Join(dir, "record.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "record.jsonl"))
	for line := range bytes.Lines(text) {
		lineChecker{t}.Write(line)
	}
	if err != nil || len(text) == 0 {
		t.Errorf("JSON lines: %d bytes, %v", len(text), err)
	}
	t.Logf("killed %d times: at most %d calls of the last second lost", *kills, lostMost)
}
