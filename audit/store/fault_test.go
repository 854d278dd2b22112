package store

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit/store/pgtest"
	"callscreen/screening"
)

var faultTime = flag.Duration("fault", time.Second, "how long a fault lasts")

// load records calls, some 2,000 a second, until it is stopped.
type load struct {
	stop    chan struct{}
	done    sync.WaitGroup
	calls   int           // recorded
	slowest time.Duration // of all calls of Record
}

func startLoad(s *Store) *load {
	l := &load{stop: make(chan struct{})}
	l.done.Go(func() {
		for tick := time.Tick(time.Millisecond); ; {
			select {
			case <-l.stop:
				return
			case <-tick:
			}
			for range 2 {
				d := example(0)
				d.Call.ID, d.Call.At = fmt.Sprint(l.calls), time.Now()
				start := time.Now()
				s.Record(d)
				l.slowest = max(l.slowest, time.Since(start))
				l.calls++
			}
		}
	})
	return l
}

// end stops the load and waits until every call is somewhere.
func (l *load) end(t *testing.T, s *Store) {
	t.Helper()
	close(l.stop)
	l.done.Wait()
	await(t, s, fmt.Sprintf("end of %d calls", l.calls), func(st State) bool { return int(st.Written+st.Lost) >= l.calls && st.Spooled == 0 })
}

// complete checks that every call is recorded once, in its order, but for those lost.
func (l *load) complete(t *testing.T, s *Store, what string) {
	t.Helper()
	state := s.State()
	got := all(t, s, Filter{})
	for i := 1; i < len(got); i++ {
		if got[i].ID <= got[i-1].ID || got[i].Decision.Call.ID == got[i-1].Decision.Call.ID {
			t.Fatalf("%s: call %s comes behind %s", what, got[i].Decision.Call.ID, got[i-1].Decision.Call.ID)
		}
	}
	if len(got)+int(state.Lost) != l.calls {
		t.Errorf("%s: %d recorded, %d lost; want %d in all", what, len(got), state.Lost, l.calls)
	}
	t.Logf("%s: %d calls, %d recorded, %d lost, slowest Record %v", what, l.calls, len(got), state.Lost, l.slowest)
}

// lasting waits for the fault to have been felt, and then for its time.
func lasting(t *testing.T, s *Store, felt func(State) bool) {
	t.Helper()
	await(t, s, "fault", felt)
	time.Sleep(*faultTime)
}

func spooling(st State) bool { return !st.Up && st.Spooled > 0 }

func TestLockedDatabase(t *testing.T) {
	t.Parallel()
	var told syncBuffer
	o := Options{File: filepath.Join(t.TempDir(), "record.db"), Logger: zerolog.New(&told)}
	s := open(t, o)
	l := startLoad(s)
	other, err := database{file: o.File}.open(mending)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil) // takes the lock at once
	if err != nil {
		t.Fatal(err)
	}
	lasting(t, s, spooling)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	l.end(t, s)
	l.complete(t, s, "database locked")
	if lost := s.State().Lost; lost != 0 {
		t.Errorf("%d lost; want none", lost)
	}
	if text := told.String(); strings.Count(text, "is gone") != 1 || strings.Count(text, "is there") != 2 {
		t.Errorf("logged %s; want there, gone, there", text)
	}
}

// syncBuffer is a log for several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestPostgresStoppedAndStarted(t *testing.T) {
	t.Parallel()
	server, err := pgtest.New()
	pgtest.Needed(t, server, err)
	t.Cleanup(server.Remove)
	o := Options{URL: server.Create(t), Spool: filepath.Join(t.TempDir(), "spool")}
	s := open(t, o)
	l := startLoad(s)
	for range 2 {
		server.Stop()
		lasting(t, s, spooling)
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, s, "database again", func(st State) bool { return st.Up })
	}
	l.end(t, s)
	l.complete(t, s, "PostgreSQL stopped and started twice")
	if lost := s.State().Lost; lost != 0 {
		t.Errorf("%d lost; want none", lost)
	}
}

// A full disk takes neither calls nor spool. What waits in the queue is not lost when
// there is room again in time, what is lost is counted, and recording resumes.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := tmpfs(t, "size=2m")
	s := open(t, Options{File: filepath.Join(dir, "record.db"), Queue: 512})
	l := startLoad(s)
	await(t, s, "loss", func(st State) bool { return !st.Up && st.Lost > 0 })
	time.Sleep(*faultTime)
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	await(t, s, "database again", func(st State) bool { return st.Up })
	l.end(t, s)
	l.complete(t, s, "disk full")
}

// tmpfs mounts a small disk.
func tmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, size); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("mounting needs root: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// Whatever happened to the file, there is a record of the next call.
func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	healthy := filepath.Join(t.TempDir(), "record.db")
	s := open(t, Options{File: healthy})
	var calls []screening.Decision
	for i := range 500 {
		calls = append(calls, example(i))
	}
	record(t, s, calls...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(healthy)
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string][]byte{"empty": nil, "no database": bytes.Repeat([]byte("no database\n"), 1000)}
	for i := range 16 {
		at := len(text) * i / 16
		damages[fmt.Sprintf("cut at %d/16", i)] = text[:at]
		flipped := slices.Clone(text)
		for j := at; j < min(at+5000, len(text)); j++ {
			flipped[j] ^= 0x55
		}
		damages[fmt.Sprintf("flipped at %d/16", i)] = flipped
	}
	for name, content := range damages {
		dir := t.TempDir()
		o := Options{File: filepath.Join(dir, "record.db")}
		if err := os.WriteFile(o.File, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, o)
		next := example(1000)
		s.Record(next)
		written(t, s, 1)
		found := false
		for end := time.Now().Add(10 * time.Second); !found && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			got, _, err := s.Search(t.Context(), Filter{Call: next.Call.ID}, Page{})
			found = err == nil && len(got) == 1
		}
		if !found {
			t.Errorf("%s: the next call is not found", name)
		}
	}
}

// Neither database nor spool: calls wait in the queue, and those that do not fit are
// lost and counted.
func TestNowhereToWrite(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(Options{URL: "postgres://nobody@/none?host=" + dir, Spool: filepath.Join(dir, "spool"), SpoolBytes: 1, Queue: 8})
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for end := time.Now().Add(time.Minute); s.State().Queued < 8 || s.State().Lost == 0; n++ {
		if time.Now().After(end) {
			t.Fatalf("the queue never filled: %+v", s.State())
		}
		s.Record(example(0))
		time.Sleep(time.Millisecond)
	}
	before := s.State()
	s.Record(example(0))
	if after := s.State(); after.Lost != before.Lost+1 || after.Up {
		t.Errorf("a call more than the queue holds: %+v, then %+v; want one more lost", before, after)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if got := s.State(); got.Lost != n+1 {
		t.Errorf("state %+v; want %d lost", got, n+1)
	}
}

// The database is away for so long that the spool is full, and the queue behind it.
// When it is back everything that had room is written, in its order.
func TestFullSpool(t *testing.T) {
	t.Parallel()
	o := Options{File: filepath.Join(t.TempDir(), "record.db"), SpoolBytes: 2_000_000, Queue: 64}
	s := open(t, o)
	other, err := database{file: o.File}.open(mending)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	tx, err := other.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	l := startLoad(s)
	await(t, s, "loss", func(st State) bool { return st.Spooled > 0 && st.Lost > 0 })
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	await(t, s, "database again", func(st State) bool { return st.Up && st.Spooled == 0 })
	l.end(t, s)
	l.complete(t, s, "spool full")
}

// Nobody else may read whole numbers.
func TestFilesAreNobodyElses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{File: filepath.Join(dir, "record.db")})
	record(t, s, example(0))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 4 {
		t.Fatalf("%d files, %v; want database, log, index and spool", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v; want 0600", e.Name(), info.Mode(), err)
		}
	}
}

// A batch that may or may not have been written is written again, and is there once.
func TestBatchesAreWrittenOnce(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		c, err := s.database.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		for _, seq := range []int64{1, 1, 2, 1, 2, 3} {
			b := calls(seq, fmt.Sprint("a", seq), fmt.Sprint("b", seq))
			if lost, _, err := c.apply(b); lost != 0 || err != nil {
				t.Fatalf("batch %d: %d lost, %v", seq, lost, err)
			}
		}
		var got []string
		for _, r := range all(t, s, Filter{}) {
			got = append(got, r.Decision.Call.ID)
		}
		if want := []string{"a1", "b1", "a2", "b2", "a3", "b3"}; !slices.Equal(got, want) {
			t.Errorf("recorded %v; want %v", got, want)
		}
	})
}

// What PostgreSQL refuses for what it is does not keep the rest from being written.
func TestOneBadCallIsLeftOut(t *testing.T) {
	s := open(t, engines["postgres"](t))
	c, err := s.database.connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	b := calls(1, "a", "\x00", "b")
	b.Endings = []*ending{{Call: "\x00", At: 1, Status: 200}, {Call: "none", At: 1, Status: 200}}
	lost, why, err := c.apply(b)
	if lost != 2 || why == nil || err != nil {
		t.Errorf("%d lost, %v, %v; want the call and the ending", lost, why, err)
	}
	if got := all(t, s, Filter{}); len(got) != 2 {
		t.Errorf("%d recorded; want 2", len(got))
	}
}

// No password of the database's in what is told.
func TestErrorsKeepPasswords(t *testing.T) {
	var told syncBuffer
	dir := t.TempDir()
	s, err := Open(Options{
		URL: "postgres://user:s3cr%40t@127.0.0.1:1/none?connect_timeout=1", Spool: filepath.Join(dir, "spool"), Logger: zerolog.New(&told),
	})
	if err != nil {
		t.Fatal(err)
	}
	await(t, s, "failure", func(st State) bool { return st.Why != "not connected yet" })
	_, _, err = s.Search(context.Background(), Filter{}, Page{})
	text := told.String() + s.State().Why + fmt.Sprint(err)
	if strings.Contains(text, "s3cr") {
		t.Errorf("the password is told: %s", text)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
