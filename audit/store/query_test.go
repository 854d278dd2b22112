package store

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callscreen/audit"
	"callscreen/screening"
)

// variety are calls that differ, in the order of their ids.
func variety() []screening.Decision {
	calls := make([]screening.Decision, 8)
	for i := range calls {
		calls[i] = example(i)
	}
	calls[1].Number.Digits, calls[1].Call.Name = "057188991122", "杭州 100%_推销"
	calls[1].Reputation = screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 3475, Place: "浙江杭州"}
	calls[1].Verdict = screening.Verdict{Action: screening.Tag, Rule: "sales", Why: "sales", Label: "推销×3475"}
	calls[2] = calls[1]
	calls[2].Call.ID, calls[2].Call.At = "Call-2@PBX", noon.Add(2*time.Minute)
	calls[2].Source, calls[2].Mode, calls[2].Call.Trunk = screening.SourceQuery, screening.Observe, "backup"
	calls[3].Called, calls[3].Call.To = screening.Number{}, "reception"
	calls[3].Verdict = screening.Verdict{Action: screening.Reject, Rule: "fraud", Why: "fraud", Status: 603, Reason: "Decline"}
	calls[3].Reputation, calls[3].Source = screening.Reputation{Category: screening.CategoryFraud, Label: "诈骗", Name: "ACME Ltd"}, screening.SourceStale
	calls[4].Failed, calls[4].Source = failure("timeout"), screening.SourceNone
	calls[5].Number = screening.Number{Class: screening.ClassAnonymous}
	calls[5].Verdict = screening.Verdict{Action: screening.Divert, Rule: "night", Target: "sip:voicemail@192.168.1.10"}
	calls[6].Call.At = noon.Add(-time.Hour) // the clock was set back
	return calls
}

// varied opens a store that holds variety.
func varied(t *testing.T, o Options) *Store {
	t.Helper()
	s := open(t, o)
	record(t, s, variety()...)
	ended(t, s,
		screening.Ending{Call: "call-3@203.0.113.10", At: noon, Status: 603, By: screening.PartyProxy},
		screening.Ending{Call: "call-4@203.0.113.10", At: noon, Status: 200},
	)
	return s
}

var filters = []struct {
	name string
	f    Filter
	want []int64 // ids, the oldest call first
}{
	{"everything", Filter{}, []int64{7, 1, 2, 3, 4, 5, 6, 8}},
	{"a caller", Filter{Number: "057188991122"}, []int64{2, 3}},
	{"a caller who never called", Filter{Number: "057188991123"}, nil},
	{"an extension", Filter{Called: "4001"}, []int64{7, 1, 2, 3, 5, 6, 8}},
	{"a called name", Filter{Called: "reception"}, []int64{4}},
	{"a Call-ID", Filter{Call: "Call-2@PBX"}, []int64{3}},
	{"a Call-ID in another case", Filter{Call: "call-2@pbx"}, nil},
	{"a trunk", Filter{Trunk: "backup"}, []int64{3}},
	{"a category", Filter{Category: "sales"}, []int64{2, 3}},
	{"an action", Filter{Action: "reject"}, []int64{4}},
	{"a rule", Filter{Rule: "night"}, []int64{6}},
	{"a source", Filter{Source: "stale"}, []int64{4}},
	{"a failure", Filter{Failed: "timeout"}, []int64{5}},
	{"a mode", Filter{Mode: "observe"}, []int64{3}},
	{"a final answer", Filter{Final: 603}, []int64{4}},
	{"since", Filter{Since: noon.Add(5 * time.Minute)}, []int64{6, 8}},
	{"until", Filter{Until: noon.Add(time.Minute)}, []int64{7, 1}},
	{"a day", Filter{Since: noon, Until: noon.Add(2 * time.Minute)}, []int64{1, 2}},
	{"two things at once", Filter{Category: "sales", Mode: "enforce"}, []int64{2}},
	{"two things at once, before a time", Filter{Category: "sales", Mode: "enforce", Until: noon.Add(time.Minute)}, nil},
	{"two things at once, since a time", Filter{Action: "allow", Mode: "enforce", Since: noon.Add(5 * time.Minute)}, []int64{8}},
	{"things that exclude each other", Filter{Category: "sales", Action: "reject"}, nil},
	{"a text in a label", Filter{Text: "推销"}, []int64{2, 3}},
	{"a text in a name", Filter{Text: "100%_"}, []int64{2, 3}},
	{"a text that looks like a pattern", Filter{Text: "1%2"}, nil},
	{"a text in another case", Filter{Text: "aCMe"}, []int64{4}},
	{"a text in a place", Filter{Text: "浙江"}, []int64{2, 3}},
	{"a text in a Call-ID", Filter{Text: "CALL-2@"}, []int64{3}},
	{"the end of a number", Filter{Text: "991122"}, []int64{2, 3}},
	{"a text that is a field's name", Filter{Text: "Digits"}, nil},
}

func ids(calls []audit.Record) []int64 {
	var all []int64
	for _, c := range calls {
		all = append(all, c.ID)
	}
	return all
}

func TestFilters(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := varied(t, o)
		for _, tt := range filters {
			if got := ids(all(t, s, tt.f)); !slices.Equal(got, tt.want) {
				t.Errorf("%s: found %v; want %v", tt.name, got, tt.want)
			}
			newest, _, err := s.Search(t.Context(), tt.f, Page{})
			slices.Reverse(newest)
			if got := ids(newest); err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("%s, newest first: found, turned round, %v, %v; want %v", tt.name, got, err, tt.want)
			}
		}
	})
}

// Whatever the size of a page, every call is on one of them and only once, also
// when calls are of the same time, and others come meanwhile.
func TestPages(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := open(t, o)
		const n = 20
		for i := range n {
			d := example(i / 7)
			d.Call.ID = fmt.Sprint(i)
			record(t, s, d)
		}
		for limit := 1; limit <= n+1; limit += 4 {
			for _, oldest := range []bool{true, false} {
				var got []int64
				page := Page{Limit: limit, Oldest: oldest}
				for {
					calls, next, err := s.Search(t.Context(), Filter{Until: noon.Add(time.Hour)}, page)
					if err != nil || len(calls) > limit {
						t.Fatalf("a page of %d has %d, %v", limit, len(calls), err)
					}
					got = append(got, ids(calls)...)
					if next == (Cursor{}) {
						break
					}
					if page.After, err = ParseCursor(next.String()); err != nil || page.After != next {
						t.Fatalf("cursor %v came back as %v, %v", next, page.After, err)
					}
				}
				if !oldest {
					slices.Reverse(got)
				}
				if len(got) != n || !slices.IsSorted(got) || len(slices.Compact(got)) != n {
					t.Errorf("pages of %d, oldest first %v: %v; want 1 to %d", limit, oldest, got, n)
				}
			}
			d := example(60 + limit) // beyond the filter
			record(t, s, d)
		}
	})
}

func TestCursors(t *testing.T) {
	for _, bad := range []string{"-", "x", "1", "1-", "-1-1", "1-0", "1-1-1", "1 -1", "zzzzzzzzzzzzzzzz-1"} {
		if c, err := ParseCursor(bad); !errors.Is(err, errCursor) {
			t.Errorf("ParseCursor(%q) = %v, %v; want errCursor", bad, c, err)
		}
	}
	if c, err := ParseCursor(""); c != (Cursor{}) || err != nil || c.String() != "" {
		t.Errorf("no cursor is %v, %v", c, err)
	}
}

func TestGroups(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := varied(t, o)
		at := func(n int) time.Time { return variety()[n].Call.At }
		for _, tt := range []struct {
			column string
			f      Filter
			want   []Group
		}{
			{"number", Filter{}, []Group{{"13041439112", 5, at(7)}, {"057188991122", 2, at(2)}, {"", 1, at(5)}}},
			{"called", Filter{}, []Group{{"4001", 7, at(7)}, {"reception", 1, at(3)}}},
			{"trunk", Filter{Category: "sales"}, []Group{{"backup", 1, at(2)}, {"carrier", 1, at(1)}}},
			{"category", Filter{}, []Group{{"", 5, at(7)}, {"sales", 2, at(2)}, {"fraud", 1, at(3)}}},
			{"action", Filter{}, []Group{{"allow", 4, at(7)}, {"tag", 2, at(2)}, {"divert", 1, at(5)}, {"reject", 1, at(3)}}},
			{"rule", Filter{Number: "13041439112"}, []Group{{"default", 4, at(7)}, {"fraud", 1, at(3)}}},
			{"source", Filter{Since: noon.Add(4 * time.Minute)}, []Group{{"cache", 2, at(7)}, {"none", 1, at(4)}}},
			{"failed", Filter{}, []Group{{"", 7, at(7)}, {"timeout", 1, at(4)}}},
			{"mode", Filter{}, []Group{{"enforce", 7, at(7)}, {"observe", 1, at(2)}}},
			{"final", Filter{}, []Group{{"0", 6, at(7)}, {"200", 1, at(4)}, {"603", 1, at(3)}}},
			{"final", Filter{Category: "delivery"}, nil},
		} {
			got, err := s.Group(t.Context(), tt.f, tt.column, 100)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("by %s (-want +got):\n%s", tt.column, diff)
			}
			few, err := s.Group(t.Context(), tt.f, tt.column, 1)
			if err != nil || len(few) > 1 {
				t.Errorf("by %s, at most one: %v, %v", tt.column, few, err)
			}
		}
		for _, bad := range []string{"", "decision", "number; DROP TABLE calls"} {
			if got, err := s.Group(t.Context(), Filter{}, bad, 1); !errors.Is(err, ErrColumn) {
				t.Errorf("by %q: %v, %v; want ErrColumn", bad, got, err)
			}
		}
	})
}

func TestStats(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		s := varied(t, o)
		got, err := s.Stats(t.Context(), noon.Add(-time.Hour).Truncate(time.Hour), noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		at := func(n int) time.Time { return variety()[n].Call.At }
		want := &Stats{
			Calls: 8, Acted: 3,
			Actions:    map[string]int{"allow": 4, "tag": 2, "divert": 1, "reject": 1},
			Categories: map[string]int{"sales": 2, "fraud": 1},
			Trunks:     map[string]int{"carrier": 7, "backup": 1},
			Failed:     map[string]int{"timeout": 1},
			Paid:       1, Saved: 6,
			Rules:   []Group{{"default", 4, at(7)}, {"sales", 2, at(2)}, {"fraud", 1, at(3)}, {"night", 1, at(5)}},
			Callers: []Group{{"13041439112", 5, at(7)}, {"057188991122", 2, at(2)}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		none, err := s.Stats(t.Context(), noon.Add(24*time.Hour), noon.Add(48*time.Hour))
		if err != nil || none.Calls != 0 || len(none.Rules) != 0 || len(none.Callers) != 0 {
			t.Errorf("stats of another day: %+v, %v; want nothing", none, err)
		}
		earlier, err := s.Stats(t.Context(), noon.Add(-2*time.Hour), noon.Truncate(time.Hour))
		if err != nil || earlier.Calls != 1 {
			t.Errorf("stats of the hour before: %+v, %v; want the call of a clock set back", earlier, err)
		}
	})
}

// A caller is found however the record writes the number, also when it once wrote it
// otherwise.
func TestLevels(t *testing.T) {
	onEach(t, func(t *testing.T, o Options) {
		o.Key = key
		n := example(0).Number
		for i, level := range []string{audit.Full, audit.Mask, audit.Hash} {
			o.Numbers = level
			func() {
				s, err := Open(o)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				await(t, s, "a connection", func(s State) bool { return s.Up })
				record(t, s, example(i))
				got := all(t, s, Filter{Number: n.Digits})
				if len(got) != i+1 {
					t.Fatalf("%s: found %d; want %d", level, len(got), i+1)
				}
				last := got[i]
				if want := (audit.Privacy{Level: level, Key: key}).Number(n.Digits); last.Numbers != level || last.Decision.Number.Digits != want {
					t.Errorf("%s: number %s, level %s; want %s", level, last.Decision.Number.Digits, last.Numbers, want)
				}
			}()
		}
		o.Numbers = ""
		r, err := OpenReader(o)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if got := all(t, r, Filter{Number: n.Digits}); len(got) != 3 {
			t.Errorf("a reader found %d; want 3", len(got))
		}
	})
}
