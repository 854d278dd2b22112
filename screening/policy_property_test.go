package screening

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Numbers that drawn policies and calls have in common, so that they meet.
var (
	drawnCallers = []string{
		"13041439112", "13041439113", "17012345678", "057156264805", "02166668888", "95588", "95204657", "952046579", "4006668888", "10086",
		"+85221234567", "+14155550100", "1001", "110", "96110", "12345", "anonymous", "alice", "*11#",
	}
	drawnEntries = []string{
		"13041439112", "+86 130 4143 9112", "0571-5626 4805", "95588", "10086", "12345", "96110", "110", "+852 2123 4567", "1001",
		"0571*", "130*", "95*", "+852*", "1*", "_95XXXXX.", "_95XXXXX!", "_95X!", "_1[3-7]XXXXXXXX.", "_ZXXX", "_N1XXXXXX", "_X.", "130414391XX", "0571XXXXXXXX", "95XXX",
	}
	drawnDays = []string{"2026-11-24", "2026-11-25", "2026-11-26", "2026-11-28", "2026-11-29", "2026-12-31", "2027-01-01"}
)

// drawnValues are what values of the keys may be.
var drawnValues = map[string][]string{
	"class":  {"mobile", "mvno", "landline", "95", "short", "emergency", "international", "anonymous", "alphanumeric", "invalid", "extension"},
	"length": {">=5", ">8", "<6", "==11", "<=3", "==0"}, "country": {"86", "852", "1"}, "trunk": {"a", "b"},
	"number": drawnEntries, "called": drawnEntries, "diverted_by": drawnEntries, "list": {"one", "two"}, "called_list": {"one", "two"},
	"verstat": {"passed", "passed-a", "passed-b", "failed", "unchecked", "absent"}, "display_name": {"bank", "银行", "A"}, "user_agent": {"Scanner", "pbx"},
	"time": {"08:30-18:00", "18:00-08:30", "22:00-24:00", "00:00-06:00", "23:59-00:00", "12:00-12:01"}, "weekday": {"mon", "wed", "mon-fri", "sat-sun", "fri-mon", "sun"},
	"date":     {"2026-11-25", "2026-11-24..2026-11-26", "11-25", "12-24..01-02", "01-01"},
	"category": {"fraud", "sales", "agent", "other"}, "marks": {">=50", ">0", "<5", "==7", "<=49"}, "label": {"推销", "中介"},
	"place": {"苏州", "移动", "江"}, "province": {"江苏", "北京", "黑龙江", "香港"}, "city": {"苏州", "南京", "北京", "somewhere"}, "carrier": {"联通", "移动", "电信"},
	"name": {"中国移动", "mobile"}, "description": {"客服"}, "catnames": {"运营商", "热线电话"}, "itag_ids": {"贷款", "催收"},
	"age": {">24h", "<=1h", "<24h", ">=168h"}, "lookup_failed": {"timeout", "quota", "failed"},
}

var (
	drawnKeys  = sortedKeys(drawnValues)
	drawnFlags = []string{"withheld", "diverted", "identity_mismatch", "holiday", "workday", "lookup_failed"}
	drawnTimes = []time.Duration{time.Second, 10 * time.Minute, time.Hour, 24 * time.Hour, 167 * time.Hour}
)

func drawCondition(t *rapid.T, depth int) naiveCondition {
	var c naiveCondition
	for range rapid.IntRange(1, 3).Draw(t, "terms") {
		term := drawTerm(t, depth)
		if !slices.ContainsFunc(c, func(other naiveTerm) bool { return other.key == term.key }) {
			c = append(c, term)
		}
	}
	return c
}

func drawTerm(t *rapid.T, depth int) naiveTerm {
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case kind < 3 && depth > 0:
		nested := naiveTerm{key: rapid.SampledFrom([]string{"any", "all", "not"}).Draw(t, "nested")}
		for range rapid.IntRange(1, 3).Draw(t, "conditions") {
			nested.inner = append(nested.inner, drawCondition(t, depth-1))
		}
		return nested
	case kind == 3:
		return naiveTerm{key: rapid.SampledFrom(drawnFlags).Draw(t, "flag"), values: []string{fmt.Sprint(rapid.Bool().Draw(t, "want"))}}
	case kind == 4:
		within := rapid.SampledFrom([]string{"10m", "1h", "24h"}).Draw(t, "within")
		if rapid.Bool().Draw(t, "dialed") {
			return naiveTerm{key: "we_called", values: []string{within}}
		}
		count := rapid.SampledFrom([]string{">=2", ">3", "==2", "<3", "<=1"}).Draw(t, "count")
		return naiveTerm{key: "calls", values: []string{count, within, rapid.SampledFrom([]string{"any", "same"}).Draw(t, "to")}}
	}
	key := rapid.SampledFrom(drawnKeys).Draw(t, "key")
	return naiveTerm{key: key, values: rapid.SliceOfNDistinct(rapid.SampledFrom(drawnValues[key]), 1, min(3, len(drawnValues[key])), rapid.ID[string]).Draw(t, "values")}
}

func drawList(t *rapid.T, most int) []naiveEntry {
	var all []naiveEntry
	for range rapid.IntRange(0, most).Draw(t, "entries") {
		e := naiveEntry{number: rapid.SampledFrom(drawnEntries).Draw(t, "number")}
		if rapid.IntRange(0, 3).Draw(t, "ends") == 0 {
			e.expires = rapid.SampledFrom(drawnDays).Draw(t, "expires")
		}
		all = append(all, e)
	}
	return all
}

func drawPolicy(t *rapid.T) *naivePolicy {
	p := &naivePolicy{
		zone: rapid.SampledFrom([]string{"Asia/Shanghai", "Europe/Berlin", "America/New_York"}).Draw(t, "zone"),
		days: map[string]bool{}, lists: map[string][]naiveEntry{"one": drawList(t, 4), "two": drawList(t, 4)},
		blockOverrides: rapid.Bool().Draw(t, "block overrides"),
	}
	if rapid.IntRange(0, 2).Draw(t, "lists decide") == 0 {
		p.allow, p.block = drawList(t, 3), drawList(t, 3)
	}
	for _, day := range drawnDays {
		if rapid.IntRange(0, 2).Draw(t, "special") == 0 {
			p.days[day] = rapid.Bool().Draw(t, "off")
		}
	}
	for range rapid.IntRange(1, 6).Draw(t, "rules") {
		r := naiveRule{
			action: rapid.SampledFrom([]string{"allow", "tag", "tag, label: 外呼", "reject", "reject, status: 486", "divert, to: 'sip:a@b'"}).Draw(t, "action"),
			shadow: rapid.IntRange(0, 4).Draw(t, "shadow") == 0,
		}
		if rapid.IntRange(0, 9).Draw(t, "conditional") > 0 {
			r.when = drawCondition(t, 2)
		}
		r.override = r.action != "allow" && rapid.IntRange(0, 2).Draw(t, "override") == 0
		if rapid.IntRange(0, 4).Draw(t, "ends") == 0 {
			r.expires = rapid.SampledFrom(drawnDays).Draw(t, "expires")
		}
		p.rules = append(p.rules, r)
	}
	return p
}

// drawCall returns the facts of a call before its lookup.
func drawCall(t *rapid.T) Facts {
	c := madeCall{Call: Call{
		ID: "1", From: rapid.SampledFrom(drawnCallers).Draw(t, "from"), To: rapid.SampledFrom(drawnCallers[:10]).Draw(t, "to"),
		At:    time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(-2880, 57600).Draw(t, "minute")) * time.Minute),
		Trunk: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "trunk"), Withheld: rapid.IntRange(0, 4).Draw(t, "withheld") == 0,
		Verstat:    rapid.SampledFrom([]string{"", "TN-Validation-Passed", "TN-Validation-Passed-A", "TN-Validation-Failed", "No-TN-Validation", "odd"}).Draw(t, "verstat"),
		Name:       rapid.SampledFrom([]string{"", "Bank of A", "中国银行"}).Draw(t, "name"),
		UserAgent:  rapid.SampledFrom([]string{"", "friendly-scanner", "Some PBX"}).Draw(t, "agent"),
		DivertedBy: rapid.SampledFrom([]string{"", "sip:057156264805@a", "sip:x@a"}).Draw(t, "diverter"),
		Claimed:    rapid.SampledFrom([]string{"", "sip:13041439112@a", "sip:10086@a"}).Draw(t, "claimed"),
		Asserted:   rapid.SampledFrom([]string{"", "tel:+8613041439112"}).Draw(t, "asserted"),
	}}
	for range rapid.IntRange(0, 4).Draw(t, "earlier") {
		c.past.Calls = append(c.past.Calls, PastCall{rapid.SampledFrom(drawnTimes).Draw(t, "ago"), rapid.Bool().Draw(t, "same")})
	}
	if rapid.Bool().Draw(t, "dialed") {
		c.past.Dialed = rapid.SampledFrom(drawnTimes).Draw(t, "dialed ago")
	}
	return c.facts()
}

// drawAnswer adds what a lookup may bring.
func drawAnswer(t *rapid.T, f Facts) Facts {
	if rapid.IntRange(0, 4).Draw(t, "fails") == 0 {
		f.Failed = rapid.SampledFrom([]error{reason("timeout"), reason("quota"), errors.New("odd")}).Draw(t, "failed")
		f.Source = SourceNone
		return f
	}
	f.Source = rapid.SampledFrom([]Source{SourceQuery, SourceCache, SourceStale}).Draw(t, "source")
	f.Age = time.Duration(rapid.SampledFrom([]int{0, 1, 2, 24, 25, 168, 169}).Draw(t, "age")) * time.Hour
	f.Reputation = Reputation{
		Category: Category(rapid.SampledFrom([]string{"", "fraud", "sales", "agent", "other", "odd"}).Draw(t, "category")),
		Label:    rapid.SampledFrom([]string{"", "推销", "中介", "骚扰"}).Draw(t, "label"),
		Marks:    rapid.SampledFrom([]int{0, 4, 5, 7, 49, 50, 3475}).Draw(t, "marks"),
		Place:    rapid.SampledFrom(sortedKeys(naivePlaces)).Draw(t, "place"),
		Name:     rapid.SampledFrom([]string{"", "中国移动", "China Mobile"}).Draw(t, "merchant"),
	}
	if rapid.Bool().Draw(t, "details") {
		f.Reputation.Description, f.Reputation.Kinds, f.Reputation.FinancialTags = "统一客服电话", []string{"运营商"}, []string{"贷款"}
	}
	return f
}

// The compiled policy agrees with the naive evaluator, and asks for a lookup where
// that says that one could matter, and nowhere else.
func TestPolicyAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		naive := drawPolicy(t)
		p, err := ParsePolicy("drawn", []byte(naive.text()))
		if err != nil {
			t.Fatalf("%v\n%s", err, naive.text())
		}
		for range 5 {
			f := drawCall(t)
			if got, want := p.NeedsLookup(f), naive.needsLookup(f); got != want {
				t.Fatalf("NeedsLookup = %v; want %v\n%+v\n%s", got, want, f, naive.text())
			}
			f = drawAnswer(t, f)
			got, want := p.Decide(f), naive.outcome(f, false)
			if got.Rule != want {
				t.Fatalf("Decide = %+v; want %s\n%+v\n%s", got, want, f, naive.text())
			}
			checkAction(t, naive, got)
			shadow, ok := p.Shadow(f)
			if would := naive.outcome(f, true); ok != (would != want) || ok && shadow.Rule != would {
				t.Fatalf("Shadow = %+v, %v; want %s\n%+v\n%s", shadow, ok, would, f, naive.text())
			}
		}
	})
}

// checkAction holds that the verdict does what its rule says.
func checkAction(t *rapid.T, p *naivePolicy, v Verdict) {
	want := "allow"
	switch {
	case v.Rule == RuleBlockList:
		want = "reject"
	case strings.HasPrefix(v.Rule, "r") && v.Rule != RuleNeverReject:
		var i int
		if _, err := fmt.Sscanf(v.Rule, "r%d", &i); err != nil {
			t.Fatal(err)
		}
		want, _, _ = strings.Cut(p.rules[i].action, ",")
	}
	bare := want == "tag" && v.Action == Allow && strings.HasSuffix(v.Why, "the label came out empty")
	if got := v.Action.String(); got != want && !bare {
		t.Fatalf("%+v does %s; want %s", v, got, want)
	}
}

// Whatever the rules say: numbers that always ring are refused by nothing that does
// not say so, who is on the allow list is let through, and else who is on the
// block list is refused.
func TestPrecedence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		naive := drawPolicy(t)
		naive.allow, naive.block = drawList(t, 8), drawList(t, 8)
		p, err := ParsePolicy("drawn", []byte(naive.text()))
		if err != nil {
			t.Fatalf("%v\n%s", err, naive.text())
		}
		more := naive.added(t, drawList(t, 4), drawList(t, 4))
		p = p.With(more[0], more[1])
		for range 10 {
			f := drawAnswer(t, drawCall(t))
			v := p.Decide(f)
			allowed := naive.onList(naive.allow, f.Number.Digits, f.Call.At)
			blocked := naive.onList(naive.block, f.Number.Digits, f.Call.At)
			explicit := naive.blockOverrides && blocked || slices.ContainsFunc(naive.rules, func(r naiveRule) bool { return r.override })
			switch {
			case f.Number.NeverReject() && (allowed || !explicit):
				if v != neverReject {
					t.Fatalf("a number that always rings gets %+v\n%+v\n%s", v, f, naive.text())
				}
			case f.Number.NeverReject():
			case allowed:
				if v.Action != Allow || v.Rule != RuleAllowList {
					t.Fatalf("a number on the allow list gets %+v\n%+v\n%s", v, f, naive.text())
				}
			case blocked:
				if v.Action != Reject || v.Rule != RuleBlockList {
					t.Fatalf("a number on the block list gets %+v\n%+v\n%s", v, f, naive.text())
				}
			case v.Rule == RuleAllowList || v.Rule == RuleBlockList:
				t.Fatalf("a number on no list gets %+v\n%+v\n%s", v, f, naive.text())
			}
		}
	})
}

// added returns lists that a command writes, and takes them for the policy's own.
func (p *naivePolicy) added(t *rapid.T, allow, block []naiveEntry) (lists [2]*List) {
	zone, err := time.LoadLocation(p.zone)
	if err != nil {
		t.Fatal(err)
	}
	for i, list := range [][]naiveEntry{allow, block} {
		var entries []Entry
		for _, e := range list {
			entry := Entry{Number: e.number}
			if e.expires != "" {
				if entry.Expires, err = readExpiry(e.expires, zone); err != nil {
					t.Fatal(err)
				}
			}
			entries = append(entries, entry)
		}
		if lists[i], err = NewList(entries); err != nil {
			t.Fatal(err)
		}
	}
	p.allow, p.block = append(p.allow, allow...), append(p.block, block...)
	return lists
}

// Where no lookup is needed no answer may change what becomes of the call.
func TestNeedsLookupIsSound(t *testing.T) {
	spared := 0
	rapid.Check(t, func(t *rapid.T) {
		naive := drawPolicy(t)
		p, err := ParsePolicy("drawn", []byte(naive.text()))
		if err != nil {
			t.Fatalf("%v\n%s", err, naive.text())
		}
		for range 5 {
			first := drawCall(t)
			if !first.Number.Screenable() || p.NeedsLookup(first) {
				continue
			}
			spared++
			want := judged(p, first)
			for range 3 {
				f := drawAnswer(t, first)
				if got := judged(p, f); got != want {
					t.Fatalf("no lookup is needed, yet %+v gives %s and nothing %s\n%s", f, got, want, naive.text())
				}
			}
		}
	})
	if spared < 30 {
		t.Errorf("%d calls needed no lookup; want at least 30, or this test shows nothing", spared)
	}
}
