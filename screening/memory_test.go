package screening

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func memoryOf(t testing.TB, o MemoryOptions) *Memory {
	t.Helper()
	m, err := NewMemory(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// began is when the tests of a Memory begin: before any clock that they run by.
var began = time.Date(1999, 11, 25, 9, 0, 0, 0, time.UTC)

var friend = Number{Country: "86", Digits: "13800138000", Class: ClassMobile}

// event is something that a Memory hears of, and what it then says of the past.
type event struct {
	after  time.Duration // since the test began
	id, to string        // a call; empty: the office calls
	refuse bool          // the call is refused at once
	want   Past
}

func TestMemory(t *testing.T) {
	day := 24 * time.Hour
	tests := []struct {
		name   string
		events []event
	}{
		{"a stranger", []event{{0, "a", "1", false, Past{}}}},
		{"calls again, and elsewhere", []event{
			{0, "a", "1", false, Past{}},
			{time.Minute, "b", "1", false, Past{Calls: []PastCall{{time.Minute, true}}}},
			{time.Hour, "c", "2", false, Past{Calls: []PastCall{{59 * time.Minute, false}, {time.Hour, false}}}},
		}},
		{"the same call in a second attempt is no second call", []event{
			{0, "a", "1", false, Past{}},
			{time.Second, "a", "1", false, Past{}},
			{4 * time.Minute, "b", "1", false, Past{Calls: []PastCall{{4*time.Minute - time.Second, true}}}},
		}},
		{"the same Call-ID much later is one", []event{
			{0, "a", "1", false, Past{}},
			{sameCallID + 1, "a", "1", false, Past{Calls: []PastCall{{sameCallID + 1, true}}}},
		}},
		{"a carrier tries a refused call again", []event{
			{0, "a", "1", true, Past{}},
			{4 * time.Second, "b", "1", true, Past{}},
			{8 * time.Second, "c", "1", true, Past{}},
			{13 * time.Second, "d", "1", true, Past{Calls: []PastCall{{5 * time.Second, true}}}},
		}},
		{"a refused caller who tries elsewhere is a repeat", []event{
			{0, "a", "1", true, Past{}},
			{time.Second, "b", "2", false, Past{Calls: []PastCall{{time.Second, false}}}},
		}},
		{"an unanswered one too", []event{
			{0, "a", "1", false, Past{}},
			{time.Second, "b", "1", false, Past{Calls: []PastCall{{time.Second, true}}}},
		}},
		{"a week is remembered", []event{
			{0, "a", "1", false, Past{}},
			{7 * day, "b", "1", false, Past{Calls: []PastCall{{7 * day, true}}}},
			{7*day + 1, "c", "1", false, Past{Calls: []PastCall{{1, true}}}},
		}},
		{"whom the office called", []event{
			{0, "", "", false, Past{}},
			{time.Hour, "a", "1", false, Past{Dialed: time.Hour}},
			{180 * day, "b", "1", false, Past{Dialed: 180 * day}},
			{180*day + 1, "c", "1", false, Past{Calls: []PastCall{{1, true}}}},
		}},
		{"the office called this moment", []event{
			{0, "", "", false, Past{}},
			{0, "a", "1", false, Past{Dialed: 1}},
		}},
		{"a clock set back", []event{
			{time.Hour, "a", "1", false, Past{}},
			{0, "b", "1", false, Past{Calls: []PastCall{{0, true}}}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := memoryOf(t, MemoryOptions{})
			for _, e := range tt.events {
				at := began.Add(e.after)
				if e.id == "" {
					m.dial(friend, at)
					continue
				}
				if diff := cmp.Diff(e.want, m.arrive(friend, e.id, e.to, at)); diff != "" {
					t.Errorf("past of call %s (-want +got):\n%s", e.id, diff)
				}
				if e.refuse {
					m.refuse(friend, e.id, at)
				}
			}
		})
	}
}

func TestMemoryKeepsTheNewestCalls(t *testing.T) {
	m := memoryOf(t, MemoryOptions{})
	var past Past
	for i := range 100 {
		past = m.arrive(friend, fmt.Sprint(i), "1", began.Add(time.Duration(i)*time.Minute))
	}
	if len(past.Calls) != maxCalls-1 || past.Calls[0].Ago != time.Minute || past.Calls[maxCalls-2].Ago != (maxCalls-1)*time.Minute {
		t.Errorf("past of call 100: %d calls, %+v; want 31, the newest first", len(past.Calls), past.Calls)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := memoryOf(t, MemoryOptions{Callers: 10, Dialed: 20})
	for i := range 1000 {
		n, err := Normalize(fmt.Sprint(13000000000+i), "86")
		if err != nil {
			t.Fatal(err)
		}
		m.arrive(n, fmt.Sprint(i), "1", began)
		m.dial(n, began)
	}
	if m.callers.Len() != 10 || m.dialed.Len() != 20 {
		t.Errorf("memory holds %d callers and %d numbers; want 10 and 20", m.callers.Len(), m.dialed.Len())
	}
}

func TestMemoryForgets(t *testing.T) {
	m := memoryOf(t, MemoryOptions{})
	m.arrive(friend, "a", "1", began)
	m.dial(friend, began)
	m.dial(salesman, began)
	if !m.Forget(friend) || m.Forget(friend) {
		t.Error("Forget = false for a known number, or true for a forgotten one")
	}
	if got := m.arrive(friend, "b", "1", began.Add(time.Minute)); got.Dialed != 0 || got.Calls != nil {
		t.Errorf("past of a forgotten number is %+v", got)
	}
	if got := m.arrive(salesman, "b", "1", began.Add(time.Minute)); got.Dialed == 0 {
		t.Error("another number is forgotten too")
	}
}

func TestMemoryIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memoryOf(t, MemoryOptions{})
		m.arrive(friend, "a", "1", began)
		m.refuse(friend, "a", began.Add(time.Second))
		m.arrive(friend, "b", "2", began.Add(time.Minute))
		m.dial(salesman, began)
		var file bytes.Buffer
		if err := m.Save(&file); err != nil {
			t.Fatal(err)
		}
		loaded := memoryOf(t, MemoryOptions{})
		if err := loaded.Load(bytes.NewReader(file.Bytes())); err != nil {
			t.Fatal(err)
		}
		for _, n := range []Number{friend, salesman} {
			for _, id := range []string{"b", "c"} {
				at := began.Add(2 * time.Minute)
				if diff := cmp.Diff(m.arrive(n, id, "2", at), loaded.arrive(n, id, "2", at)); diff != "" {
					t.Errorf("past of %v in call %s (-saved +loaded):\n%s", n, id, diff)
				}
			}
		}
	})
}

// A clock that was set while nothing ran makes calls older at most: none is yet to come,
// and none lost.
func TestMemoryUnderASetClock(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for passed, ago := range map[time.Duration]time.Duration{0: 0, time.Hour: time.Hour, -time.Hour: 0, -year: 0} {
		var file bytes.Buffer
		synctest.Test(t, func(t *testing.T) { // it begins in the year 2000, as does the next
			time.Sleep(year)
			m := memoryOf(t, MemoryOptions{})
			m.dial(friend, time.Now())
			m.arrive(friend, "a", "1", time.Now())
			time.Sleep(time.Minute)
			m.arrive(friend, "b", "2", time.Now())
			m.refuse(friend, "b", time.Now())
			if err := m.Save(&file); err != nil {
				t.Fatal(err)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(year + time.Minute + passed)
			m := memoryOf(t, MemoryOptions{})
			if err := m.Load(&file); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second) // longer than attempts at one call follow each other
			ago += 10 * time.Second
			want := Past{Calls: []PastCall{{ago, true}, {ago + time.Minute, false}}, Dialed: ago + time.Minute}
			if diff := cmp.Diff(want, m.arrive(friend, "c", "2", time.Now())); diff != "" {
				t.Errorf("set by %v: past (-want +got):\n%s", passed, diff)
			}
		})
	}
}

// What was heard of longest ago is forgotten first, after a restart too.
func TestMemoryIsSavedInOrder(t *testing.T) {
	m := memoryOf(t, MemoryOptions{Dialed: 3})
	numbers := []Number{friend, salesman, {Country: "86", Digits: "10086", Class: ClassShort}}
	for _, n := range numbers {
		m.dial(n, began)
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	small := memoryOf(t, MemoryOptions{Dialed: 2})
	if err := small.Load(&file); err != nil {
		t.Fatal(err)
	}
	for i, n := range numbers {
		if got := small.arrive(n, "a", "1", began.Add(time.Hour)).Dialed != 0; got != (i > 0) {
			t.Errorf("number %d is remembered: %v", i, got)
		}
	}
}

// brokenDisk is a disk that fails.
type brokenDisk struct{}

func (brokenDisk) Write([]byte) (int, error) { return 0, errDown }
func (brokenDisk) Read([]byte) (int, error)  { return 0, errDown }

func TestMemoryLoadsNothingOdd(t *testing.T) {
	m := memoryOf(t, MemoryOptions{})
	m.arrive(friend, "a", "1", began)
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		t.Fatal(err)
	}
	whole := file.String()
	for _, text := range []string{"", "\n", "callscreen memory 2\n", "hello\nworld\n", whole + "{", whole[:len(whole)-5], whole + "[]\n"} {
		fresh := memoryOf(t, MemoryOptions{})
		if err := fresh.Load(strings.NewReader(text)); err == nil {
			t.Errorf("Load(%q) took it", text)
		}
		if fresh.callers.Len() != 0 {
			t.Errorf("Load(%q) has left something", text)
		}
	}
	if err := m.Save(brokenDisk{}); !errors.Is(err, errDown) {
		t.Errorf("Save on a broken disk: %v", err)
	}
	if err := m.Load(brokenDisk{}); !errors.Is(err, errDown) {
		t.Errorf("Load from a broken disk: %v", err)
	}
}

func TestNewMemoryRefuses(t *testing.T) {
	for _, o := range []MemoryOptions{{Callers: -1}, {Dialed: -1}} {
		if _, err := NewMemory(o); err == nil {
			t.Errorf("NewMemory(%+v) took it", o)
		}
	}
}

func TestMemoryIsSafe(t *testing.T) {
	m := memoryOf(t, MemoryOptions{Callers: 3, Dialed: 3})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				n := Number{Country: "86", Digits: fmt.Sprint(j % 5), Class: ClassMobile}
				m.arrive(n, fmt.Sprint(i, j), "1", began)
				m.refuse(n, fmt.Sprint(i, j), began)
				m.dial(n, began)
				m.Forget(n)
				if err := m.Save(new(bytes.Buffer)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkMemory(b *testing.B) {
	m := memoryOf(b, MemoryOptions{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.arrive(friend, "id", "02166668888", began.Add(time.Duration(i)*time.Second))
	}
}
