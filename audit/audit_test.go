package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit/queue"
	"callscreen/screening"
)

// writeFunc lets a plain function stand in for a disk.
type writeFunc func([]byte) (int, error)

func (f writeFunc) Write(p []byte) (int, error) { return f(p) }

func decision(id string) screening.Decision {
	return screening.Decision{Call: screening.Call{ID: id}}
}

func open(t *testing.T, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatalf("Open(%+v) = %v", o, err)
	}
	return l
}

func shut(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatalf("Close() = %v", err)
	}
}

func TestOpenRefusesWhatItCannotWorkWith(t *testing.T) {
	for name, o := range map[string]Options{
		"nowhere to write":     {},
		"two places to write":  {Writer: io.Discard, File: "record.jsonl"},
		"an unknown way":       {Writer: io.Discard, Numbers: "some"},
		"a queue below zero":   {Writer: io.Discard, Queue: -1},
		"a size below zero":    {File: "/dev/null", Megabytes: -1},
		"a time below zero":    {File: "/dev/null", Keep: -1},
		"hashes without a key": {Writer: io.Discard, Numbers: Hash},
		"hashes, a short key":  {Writer: io.Discard, Numbers: Hash, Key: make([]byte, 15)},
		"a folder that is not": {File: filepath.Join(t.TempDir(), "none", "record.jsonl")},
	} {
		if l, err := Open(o); err == nil {
			l.Close()
			t.Errorf("Open with %s succeeded; want an error", name)
		}
	}
}

func TestCloseWritesAllThatIsQueued(t *testing.T) {
	gate := make(chan struct{})
	var out bytes.Buffer
	l := open(t, Options{Writer: writeFunc(func(p []byte) (int, error) {
		<-gate
		return out.Write(p)
	})})
	const n = 500
	for i := range n {
		l.Record(decision(fmt.Sprint(i)))
	}
	close(gate)
	shut(t, l)
	for i, line := range written(t, out.Bytes(), n) {
		if line["call"] != fmt.Sprint(i) {
			t.Fatalf("line %d is of call %v", i, line["call"])
		}
	}
	if got := l.Dropped(); got != 0 {
		t.Errorf("Dropped() = %d; want 0", got)
	}
}

func TestRecordAfterCloseIsDropped(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Options{Writer: &out})
	shut(t, l)
	l.Record(decision("late"))
	shut(t, l)
	if got := l.Dropped(); got != 1 || out.Len() != 0 {
		t.Errorf("Dropped() = %d, written %q; want 1 and nothing", got, &out)
	}
}

// A blocked disk takes one decision out of the queue and no more; all others
// beyond the queue are dropped, and counted exactly.
func TestBlockedWriterNeverBlocksRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var out, told bytes.Buffer
		l := open(t, Options{
			Queue: 8, Logger: zerolog.New(&told),
			Writer: writeFunc(func(p []byte) (int, error) {
				<-gate
				return out.Write(p)
			}),
		})
		l.Record(decision("first"))
		time.Sleep(time.Second)
		synctest.Wait() // the writer holds it and waits for the disk
		start := time.Now()
		for range 100 {
			l.Record(decision("more"))
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("100 calls of Record took %v; want no waiting", took)
		}
		if got := l.Dropped(); got != 92 {
			t.Errorf("Dropped() = %d; want 92", got)
		}
		close(gate)
		shut(t, l)
		written(t, out.Bytes(), 9)
		if n := strings.Count(told.String(), "\n"); n != 1 {
			t.Errorf("logged %d times: %s; want once", n, &told)
		}
	})
}

func TestCloseGivesUpOnABlockedWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		l := open(t, Options{Writer: writeFunc(func(p []byte) (int, error) {
			<-gate
			return len(p), nil
		})})
		l.Record(decision("stuck"))
		start := time.Now()
		if err := l.Close(); err == nil {
			t.Error("Close() = nil; want an error")
		}
		if took := time.Since(start); took != closeWithin {
			t.Errorf("Close took %v; want %v", took, closeWithin)
		}
		close(gate)
	})
}

func TestDropsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		l := open(t, Options{
			Logger: zerolog.New(&told),
			Writer: writeFunc(func([]byte) (int, error) { return 0, syscall.ENOSPC }),
		})
		for range 3 * 60 {
			l.Record(decision("lost"))
			time.Sleep(time.Second)
		}
		shut(t, l)
		s := l.State()
		if s.Lost != 180 || s.Written != 0 || s.Why != syscall.ENOSPC.Error() || time.Since(s.LostAt) > 2*time.Second {
			t.Errorf("State() = %+v; want 180 lost just now, and why", s)
		}
		if n := strings.Count(told.String(), "decisions not recorded"); n != 3 {
			t.Errorf("logged %d times in three minutes: %s; want 3", n, &told)
		}
	})
}

// The disk is full for a while and takes half of a line with it.
func TestShortWriteLosesOnlyWhatDidNotFit(t *testing.T) {
	var out bytes.Buffer
	room := 1 << 30
	l := &Log{queue: queue.New(9), out: writeFunc(func(p []byte) (int, error) {
		if n := min(len(p), room); n < len(p) {
			out.Write(p[:n])
			return n, syscall.ENOSPC
		}
		return out.Write(p)
	})}
	l.init(Privacy{}, adder{l})
	for _, id := range []string{"kept", "half", "lost"} {
		l.Record(decision(id))
	}
	room = len(encode(t, Mask, decision("kept"))) + 20
	l.flush()
	if got := l.Dropped(); got != 2 {
		t.Errorf("Dropped() = %d; want 2", got)
	}
	room = 1 << 30
	l.Record(decision("after"))
	l.flush()
	got := strings.Split(out.String(), "\n")
	if len(got) != 4 || !strings.Contains(got[0], "kept") || !strings.Contains(got[2], "after") {
		t.Errorf("written %q; want kept, half a line, after", got)
	}
}

// written parses the n lines of p, and fails when one of them is no JSON
// object or a control character stands in it.
func written(t *testing.T, p []byte, n int) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(string(p)) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if i := strings.IndexFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || invisible(r) }); i >= 0 {
			t.Errorf("line %q: raw control character at %d", line, i)
		}
		out = append(out, m)
	}
	if len(out) != n {
		t.Fatalf("%d lines; want %d: %s", len(out), n, p)
	}
	return out
}

func read(t *testing.T, path string, n int) []map[string]any {
	t.Helper()
	p, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return written(t, p, n)
}

// waitFor returns when the file holds n lines.
func waitFor(t *testing.T, path string, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if p, _ := os.ReadFile(path); bytes.Count(p, []byte("\n")) == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s never held %d lines", path, n)
}
