package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/screening"
)

// noon is when the tests' calls begin.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 123_456_000, shanghai)

// example is the n-th call of the tests, a minute after the one before.
func example(n int) screening.Decision {
	at := noon.Add(time.Duration(n) * time.Minute)
	return screening.Decision{
		Call: screening.Call{
			ID: fmt.Sprintf("call-%d@203.0.113.10", n), At: at, Trunk: "carrier", From: "sip:13041439112@203.0.113.10",
			Name: "张三", Header: "From", To: "4001",
		},
		Number: screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile},
		Called: screening.Number{Digits: "4001", Class: screening.ClassExtension},
		Source: screening.SourceCache, Age: time.Hour, Mode: screening.Enforce, Policy: "7f3a9c1e0123", Took: 120 * time.Microsecond,
		Verdict: screening.Verdict{Rule: screening.RuleDefault, Why: "no rule matched"},
	}
}

func decided(n int) item {
	d := example(n)
	return item{decision: &d}
}

// open opens a Store that is connected, and closes it behind the test.
func open(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	await(t, s, "a connection", func(s State) bool { return s.Up })
	return s
}

// await waits until the Store is in the state wanted.
func await(t testing.TB, s *Store, what string, holds func(State) bool) {
	t.Helper()
	end := time.Now().Add(time.Minute)
	for !holds(s.State()) {
		if time.Now().After(end) {
			t.Fatalf("no %s within a minute: %+v", what, s.State())
		}
		time.Sleep(time.Millisecond)
	}
}

// record records calls and waits until the database has them.
func record(t testing.TB, s *Store, calls ...screening.Decision) {
	t.Helper()
	before := s.State().Written
	for _, d := range calls {
		s.Record(d)
	}
	written(t, s, before+uint64(len(calls)))
}

func ended(t testing.TB, s *Store, endings ...screening.Ending) {
	t.Helper()
	before := s.State().Written
	for _, e := range endings {
		s.Ended(e)
	}
	written(t, s, before+uint64(len(endings)))
}

func written(t testing.TB, s *Store, n uint64) {
	t.Helper()
	await(t, s, fmt.Sprintf("%d calls and endings written", n), func(s State) bool { return s.Written >= n })
}

// all returns the calls that f means, the oldest first.
func all(t testing.TB, r interface {
	Each(context.Context, Filter, func(*audit.Record) error) error
}, f Filter,
) []audit.Record {
	t.Helper()
	var calls []audit.Record
	err := r.Each(t.Context(), f, func(c *audit.Record) error {
		calls = append(calls, *c)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

var equalErrors = cmp.Comparer(func(a, b error) bool { return screening.FailureReason(a) == screening.FailureReason(b) })

func TestOpenRefusesWhatItCannotWorkWith(t *testing.T) {
	file := t.TempDir() + "/record.db"
	for name, o := range map[string]Options{
		"no database":          {},
		"two databases":        {File: file, URL: "postgres://host/name", Spool: file + ".spool"},
		"no spool":             {URL: "postgres://host/name"},
		"another database":     {URL: "mysql://host/name", Spool: file + ".spool"},
		"no folder":            {File: t.TempDir() + "/none/record.db"},
		"an unknown way":       {File: file, Numbers: "some"},
		"hashes without a key": {File: file, Numbers: audit.Hash},
		"a short key":          {File: file, Key: make([]byte, 15)},
		"a queue below zero":   {File: file, Queue: -1},
		"a spool below zero":   {File: file, SpoolBytes: -1},
		"a time below zero":    {File: file, Retention: -1},
	} {
		if s, err := Open(o); err == nil {
			s.Close()
			t.Errorf("Open with %s succeeded; want an error", name)
		}
	}
	if r, err := OpenReader(Options{File: file}); err == nil {
		r.Close()
		t.Error("OpenReader of a file that is not there succeeded; want an error")
	}
}

func TestCallsComeBack(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		whole := filled(func(n int) string { return fmt.Sprintf("text %d", n) })
		whole.Call.At = noon
		whole.Verdict.Action, whole.Mode = screening.Reject, screening.Enforce
		record(t, s, whole, screening.Decision{Call: screening.Call{At: noon.Add(time.Second)}})
		got := all(t, s, Filter{})
		want := []audit.Record{
			{ID: 1, Numbers: audit.Full, Decision: whole},
			{ID: 2, Numbers: audit.Full, Decision: screening.Decision{Call: screening.Call{At: noon.Add(time.Second)}}},
		}
		if diff := cmp.Diff(want, got, equalErrors); diff != "" {
			t.Errorf("came back otherwise (-want +got):\n%s", diff)
		}
		one, err := s.Get(t.Context(), 2)
		if err != nil || one.ID != 2 {
			t.Errorf("Get(2) = call %d, %v", one.ID, err)
		}
		if one, err = s.Get(t.Context(), 3); !strings.Contains(fmt.Sprint(err), "no such call: 3") {
			t.Errorf("Get(3) = %+v, %v; want no such call", one, err)
		}
	})
}

// news is what is told of a call, and what the record then holds.
var news = []struct {
	name    string
	endings []screening.Ending
	want    audit.Record
}{
	{"nothing", nil, audit.Record{}},
	{
		"answered",
		[]screening.Ending{{At: noon.Add(9 * time.Second), Status: 200, Ring: 4 * time.Second}},
		audit.Record{Final: 200, Ring: 4 * time.Second, Answered: noon.Add(9 * time.Second)},
	},
	{"answered and ended", []screening.Ending{
		{At: noon.Add(9 * time.Second), Status: 200, Ring: 4 * time.Second},
		{At: noon.Add(69 * time.Second), By: screening.PartyCallee},
	}, audit.Record{
		Final: 200, Ring: 4 * time.Second, Answered: noon.Add(9 * time.Second),
		Ended: noon.Add(69 * time.Second), EndedBy: screening.PartyCallee,
	}},
	{
		"refused",
		[]screening.Ending{{At: noon.Add(time.Second), Status: 603, By: screening.PartyProxy}},
		audit.Record{Final: 603, Ended: noon.Add(time.Second), EndedBy: screening.PartyProxy},
	},
	{"answered twice, ended twice", []screening.Ending{
		{At: noon.Add(9 * time.Second), Status: 200},
		{At: noon.Add(10 * time.Second), Status: 486, By: screening.PartyCallee},
		{At: noon.Add(11 * time.Second), By: screening.PartyCaller},
		{At: noon.Add(12 * time.Second), By: screening.PartyCallee},
	}, audit.Record{
		Final: 200, Answered: noon.Add(9 * time.Second), Ended: noon.Add(11 * time.Second), EndedBy: screening.PartyCaller,
	}},
	{
		"ended, its answer unseen",
		[]screening.Ending{{At: noon.Add(time.Minute), By: screening.PartyCaller}},
		audit.Record{Ended: noon.Add(time.Minute), EndedBy: screening.PartyCaller},
	},
}

// A process that ends at once leaves its calls in the database, not in the spool.
func TestClosedAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		if err := open(t, o).Close(); err != nil { // the tables are made
			t.Fatal(err)
		}
		s, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		s.Record(example(0))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := OpenReader(o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := all(t, r, Filter{}); len(got) != 1 {
			t.Errorf("the database holds %d calls; want the one there was", len(got))
		}
	})
}

// A record grows, whether news comes with the call, or long after it.
func TestRecordsGrow(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		for _, together := range []bool{true, false} {
			for _, tt := range news {
				d := example(0)
				d.Call.ID = fmt.Sprint(tt.name, together)
				record(t, s, d)
				endings := make([]screening.Ending, 0, len(tt.endings))
				for _, e := range tt.endings {
					e.Call = d.Call.ID
					endings = append(endings, e)
					if !together {
						ended(t, s, e)
					}
				}
				if together {
					ended(t, s, endings...)
				}
				got := all(t, s, Filter{Call: d.Call.ID})
				if len(got) != 1 {
					t.Fatalf("%s: %d records; want one", tt.name, len(got))
				}
				if diff := cmp.Diff(tt.want, got[0], cmpopts.IgnoreFields(audit.Record{}, "ID", "Numbers", "Decision")); diff != "" {
					t.Errorf("%s, together %v: (-want +got):\n%s", tt.name, together, diff)
				}
			}
		}
	})
}

// The same in one batch, which never meets the database's own rules.
func TestBatchesGrow(t *testing.T) {
	for _, tt := range news {
		b := &batch{}
		b.add(decided(0), full)
		b.add(decided(1), full)
		for _, e := range tt.endings {
			e.Call = example(0).Call.ID
			b.add(item{ending: e}, full)
		}
		r := b.Rows[0]
		got := audit.Record{
			Final: r.Final, Ring: span(r.Ring), Answered: fromMicros(r.Answered), Ended: fromMicros(r.Ended), EndedBy: screening.Party(r.EndedBy),
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || len(b.Endings) != 0 || b.Items != 2+len(tt.endings) {
			t.Errorf("%s: %d endings left, %d items (-want +got):\n%s", tt.name, len(b.Endings), b.Items, diff)
		}
	}
}

func TestNewsIsOfTheLastCallOfABatch(t *testing.T) {
	b := &batch{}
	b.add(decided(0), full)
	b.add(decided(0), full)
	b.add(item{ending: screening.Ending{Call: example(0).Call.ID, At: noon, Status: 200}}, full)
	if b.Rows[0].Final != 0 || b.Rows[1].Final != 200 {
		t.Errorf("finals are %d, %d; want 0, 200", b.Rows[0].Final, b.Rows[1].Final)
	}
}

// A Call-ID may come again; news is of the last call that has it. News of a call
// that is not recorded changes nothing.
func TestNewsIsOfTheLastCall(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		first, second := example(0), example(1)
		second.Call.ID = first.Call.ID
		record(t, s, first)
		ended(t, s, screening.Ending{Call: first.Call.ID, At: noon, Status: 503, By: screening.PartyCallee})
		record(t, s, second)
		ended(t, s, screening.Ending{Call: first.Call.ID, At: noon, Status: 200}, screening.Ending{Call: "another", At: noon, Status: 404})
		got := all(t, s, Filter{})
		if len(got) != 2 || got[0].Final != 503 || got[1].Final != 200 {
			t.Errorf("records are %+v; want finals 503, 200", got)
		}
	})
}

var hostile = []string{
	`=cmd|' /C calc'!A0`, "\x1b[2J\x1b]0;owned\x07", "a\r\nb\nc", `","verdict":"allow","x":"`, `\`, `\u0000\`, "\x00\x7f", "\xff\xfe\xc3(",
	"\u009b31m", "\u202eevil\u2066", "\u2028\u2029", "<script>alert(1)</script>", "\U000e0041\ufeff", strings.Repeat("长", 1000),
	"'; DROP TABLE calls; --", "%", "_", "$1", "?1",
}

// Whatever strangers write there is one record a call, and it is found again.
func TestHostileTexts(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		for i, text := range hostile {
			d := filled(func(int) string { return text })
			d.Call.At = noon.Add(time.Duration(i) * time.Second)
			record(t, s, d)
			ended(t, s, screening.Ending{Call: d.Call.ID, At: noon, Status: 200})
			got := all(t, s, Filter{Call: text, Number: text, Called: text, Trunk: text, Category: text, Rule: text, Source: text, Text: text})
			if len(got) != 1 || got[0].Final != 200 {
				t.Errorf("%q: found %d records; want one that grew", text, len(got))
			}
		}
		if got := all(t, s, Filter{}); len(got) != len(hostile) {
			t.Errorf("%d records; want %d", len(got), len(hostile))
		}
		e, err := audit.NewEncoder(lineChecker{t}, full)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all(t, s, Filter{}) {
			if err := e.Encode(&r); err != nil {
				t.Error(err)
			}
		}
		if lost := s.State().Lost; lost != 0 {
			t.Errorf("%d lost; want none", lost)
		}
	})
}

// lineChecker takes whole JSON lines.
type lineChecker struct{ t *testing.T }

func (c lineChecker) Write(p []byte) (int, error) {
	if bytes.Count(p, []byte("\n")) != 1 || bytes.ContainsAny(p, "\r\x1b\x00") || !bytes.HasPrefix(p, []byte(`{"v":1,`)) {
		c.t.Errorf("%q is no line", p)
	}
	return len(p), nil
}

// Several screeners share a PostgreSQL, and begin at the same time.
func TestWritersShareADatabase(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		stores := make([]*Store, 3)
		for i := range stores {
			mine := o
			mine.Spool = fmt.Sprintf("%s/spool-%d", t.TempDir(), i)
			s, err := Open(mine)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			stores[i] = s
		}
		const each = 300
		for n := range each {
			for i, s := range stores {
				d := example(n)
				d.Call.ID = fmt.Sprintf("%d-%d", i, n)
				s.Record(d)
				s.Ended(screening.Ending{Call: d.Call.ID, At: noon, Status: 200})
			}
		}
		for _, s := range stores {
			written(t, s, 2*each)
		}
		got := all(t, stores[0], Filter{Final: 200})
		if len(got) != 3*each {
			t.Errorf("%d records that grew; want %d", len(got), 3*each)
		}
		hours, err := stores[0].Hours(t.Context(), noon.Truncate(time.Hour), noon.Add(24*time.Hour))
		counted := 0
		for _, h := range hours {
			counted += h.Calls
		}
		if err != nil || counted != 3*each {
			t.Errorf("%d calls counted, %v; want %d", counted, err, 3*each)
		}
	})
}

func TestQueueNeverBlocks(t *testing.T) {
	var told bytes.Buffer
	h := health{}
	h.init(zerolog.New(&told))
	s := &Store{queue: make(chan item, 8)}
	s.health.init(zerolog.New(&told))
	for range 100 {
		s.Record(example(0))
	}
	s.closed = true
	s.Ended(screening.Ending{Call: "x"})
	if got := s.State(); got.Lost != 93 || got.Queued != 8 {
		t.Errorf("state %+v; want 93 lost, 8 queued", got)
	}
	if n := strings.Count(told.String(), "calls not recorded"); n != 1 {
		t.Errorf("logged %d times: %s; want once a minute", n, &told)
	}
}
