package file

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

// pad is a log that others write while it is read.
type pad struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *pad) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *pad) count(s string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Count(p.text.String(), s)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, text string) (*Directory, *pad) {
	t.Helper()
	path, log := filepath.Join(t.TempDir(), "office.csv"), new(pad)
	write(t, path, text)
	d, err := New(Options{Path: path, Name: "office", Logger: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	return d, log
}

func TestLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which begins in the year 2000
		d, _ := open(t, "13041439112,推销,,,2000-01-02\n13041439113,客户\n")
		r, err := d.Lookup(t.Context(), numberOf(t, "13041439112"))
		if left := 40 * time.Hour; err != nil || r.Category != "sales" || r.Directory != "office" || r.Keep != left {
			t.Errorf("Lookup = %+v, %v; want sales for %v", r, err, left)
		}
		r, ok := d.Find(numberOf(t, "13041439113"))
		if !ok || r.Label != "客户" || r.Keep != 0 || r.Directory != "office" {
			t.Errorf("Find = %+v, %v", r, ok)
		}
		if r, err := d.Lookup(t.Context(), numberOf(t, "13041439114")); err != nil || r.Known() || r.Keep != 0 {
			t.Errorf("Lookup of a stranger = %+v, %v", r, err)
		}
		time.Sleep(40 * time.Hour)
		if r, ok := d.Find(numberOf(t, "13041439112")); ok {
			t.Errorf("Find of an entry that has expired = %+v", r)
		}
	})
}

// TestInFrontOfACache is how the list is used: it holds at once, and costs nothing.
func TestInFrontOfACache(t *testing.T) {
	d, _ := open(t, "13041439112,客户\n")
	c, err := screening.NewCache(screening.CacheOptions{Directory: d, Own: d})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, ok := c.Find(numberOf(t, "13041439112"), time.Now())
	if !ok || a.Source != screening.SourceList || a.Label != "客户" {
		t.Errorf("Find = %+v, %v", a, ok)
	}
}

// watched is a list that follows its file.
type watched struct {
	*Directory
	log *pad
}

// label is what the list in force says of one number.
func (w watched) label() string {
	r, _ := w.Find(screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile})
	return r.Label
}

func (w watched) is(label string, infos, errors int) bool {
	return w.label() == label && w.log.count(`"info"`) == infos && w.log.count(`"error"`) == errors
}

// changesOfAFile are what an office does to its list, one after the other, and what
// is then in force.
var changesOfAFile = []struct {
	name          string
	do            func(path string) error
	label         string
	infos, errors int
	wrong         bool
}{
	{"written anew", func(p string) error { return os.WriteFile(p, []byte("13041439112,推销员\n"), 0o600) }, "推销员", 1, 0, false},
	{"wrong", func(p string) error { return os.WriteFile(p, []byte("13041439112,推销员,spam\n"), 0o600) }, "推销员", 1, 1, true},
	{"removed", os.Remove, "推销员", 1, 2, true},
	{"exchanged", func(p string) error {
		return errors.Join(os.WriteFile(p+".new", []byte("13041439112,老客户,,,\n"), 0o600), os.Rename(p+".new", p))
	}, "老客户", 2, 2, false},
	{"exchanged by a link", func(p string) error {
		return errors.Join(os.WriteFile(p+".2", []byte("13041439112,大客户,,,\n"), 0o600), os.Symlink(p+".2", p+".link"), os.Rename(p+".link", p))
	}, "大客户", 3, 2, false},
}

func TestRunFollowsTheFile(t *testing.T) {
	d, log := open(t, "13041439112,客户\n")
	w := watched{d, log}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }() // ends with cancel
	for _, c := range changesOfAFile {
		if err := c.do(d.o.Path); err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(30 * time.Second)
		for !w.is(c.label, c.infos, c.errors) && time.Now().Before(end) {
			time.Sleep(10 * time.Millisecond)
		}
		if !w.is(c.label, c.infos, c.errors) || (w.Err() != nil) != c.wrong {
			t.Errorf("%s: label %q, %v, log %s", c.name, w.label(), w.Err(), log.text.String())
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestFollowsUntold: a disk that tells of no change is looked at, and nothing is
// read before it is whole.
func TestFollowsUntold(t *testing.T) {
	dir := t.TempDir() // not the bubble's: its removal takes real time
	path := filepath.Join(dir, "office.csv")
	write(t, path, "13041439112,客户\n")
	synctest.Test(t, func(t *testing.T) {
		log := new(pad)
		d, err := New(Options{Path: path, Logger: zerolog.New(log)})
		if err != nil {
			t.Fatal(err)
		}
		w := watched{d, log}
		after := func(pause time.Duration, label string, infos, errors int) {
			t.Helper()
			time.Sleep(pause)
			synctest.Wait()
			if !w.is(label, infos, errors) {
				t.Errorf("label %q, log %s; want %q, %d infos, %d errors", w.label(), log.text.String(), label, infos, errors)
			}
		}
		write(t, path, "13041439112,新客户\n") // before anyone follows it
		ctx, cancel := context.WithCancel(t.Context())
		changes, done := make(chan struct{}), make(chan struct{})
		go func() { d.follow(ctx, changes); close(done) }() // ends with cancel
		after(settleFor-1, "客户", 0, 0)
		after(settleFor, "新客户", 1, 0)
		write(t, path, "13041439112,")
		changes <- struct{}{}
		after(settleFor-1, "新客户", 1, 0)
		write(t, path, "13041439112,老客户客户\n") // the rest comes just before it would be read
		after(settleFor, "新客户", 1, 0)
		after(settleFor, "老客户客户", 2, 0)
		before := 2
		for _, c := range changesOfAFile {
			if err := c.do(path); err != nil {
				t.Fatal(err)
			}
			after(lookEach+settleFor, c.label, before+c.infos, c.errors)
		}
		cancel()
		<-done
	})
}

func TestNewRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.csv")
	write(t, bad, "x,y\n")
	for want, o := range map[string]Options{
		"without a path": {},
		"no such file":   {Path: bad + ".none"},
		"is a directory": {Path: filepath.Dir(bad)},
		"bad.csv:1:1":    {Path: bad},
		"is no category": {Path: bad, Texts: map[string]screening.Category{"x": "spam"}},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want %q", err, want)
		}
	}
}

func TestReadersDuringReloads(t *testing.T) {
	d, _ := open(t, "13041439112,客户\n")
	n := numberOf(t, "13041439112")
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { // ends with stop
			for ctx.Err() == nil {
				if r, ok := d.Find(n); !ok || r.Label != "客户" {
					t.Errorf("Find = %+v, %v", r, ok)
					return
				}
			}
		})
	}
	for range 200 {
		if err := d.Reload(); err != nil {
			t.Error(err)
		}
	}
	stop()
	all.Wait()
}

func BenchmarkFind(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		text.WriteString("1390000" + string([]byte{byte('0' + i/1000%10), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)}) + ",x\n")
	}
	l, err := Parse("x.csv", []byte(text.String()), shanghai, nil)
	if err != nil {
		b.Fatal(err)
	}
	n := screening.Number{Country: "86", Digits: "13900005555", Class: screening.ClassMobile}
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, ok := l.Find(n, now); !ok {
			b.Fatal("not found")
		}
	}
}
