package screening

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// bigLists are three lists of 100,000 entries each, one in ten of them a pattern;
// none holds a number that begins with 130.
func bigLists() map[string]string {
	files := map[string]string{}
	for n, name := range []string{"allow.csv", "block.csv", "vip.csv"} {
		var b strings.Builder
		b.WriteString("number,note,expires\n")
		for i := range 100_000 {
			switch {
			case i%20 == 0:
				fmt.Fprintf(&b, "13%d%05dXXX,range %d,\n", 1+n, i, i)
			case i%20 == 10:
				fmt.Fprintf(&b, "_15%d%05dX.,pattern %d,2030-01-01\n", n, i, i)
			default:
				fmt.Fprintf(&b, "18%d%08d,customer %d,\n", n, i, i)
			}
		}
		files[name] = b.String()
	}
	return files
}

// kindsOfRules are conditions of every sort that a call of the benchmark comes
// near to and misses, most of them by their last key.
var kindsOfRules = []string{
	"{category: [fraud, agent], marks: '>=%d'}",
	"{category: sales, marks: '>400%d'}",
	"{class: mobile, number: ['0571*', '_95XXX.', '1380013%04d', '1390013XXXX']}",
	"{class: [mobile, mvno], list: vip, trunk: t%d}",
	"{class: '95', length: '>%d', category: [sales, harassment]}",
	"{called: ['0571 8888 %04d', '80*'], time: '08:30-18:00'}",
	"{time: '18:00-08:30', weekday: mon-fri, place: 杭州%d}",
	"{workday: true, calls: {count: '>=5', within: 10m}, label: l%d}",
	"{any: [{province: 浙江, carrier: 移动}, {name: 银行%d}, {lookup_failed: [timeout, quota]}]}",
	"{withheld: false, not: [{class: mobile}, {country: 852}], label: l%d}",
}

// hundredRules is a policy of 100 rules and bigLists, and a call that none of them
// is about.
func hundredRules(t testing.TB) (*Policy, Facts) {
	t.Helper()
	text := "mode: enforce\nallow: {files: allow.csv}\nblock: {files: block.csv}\nlists: {vip: {files: vip.csv}}\ncalendar: {holidays: [2026-10-01..2026-10-07], workdays: [2026-10-10]}\nrules:\n"
	for i := range 100 {
		text += fmt.Sprintf("- {id: r%d, action: reject, when: "+kindsOfRules[i%len(kindsOfRules)]+"}\n", i, i)
	}
	files := bigLists()
	files["policy.yaml"] = text
	p, err := LoadPolicy("policy.yaml", func(name string) ([]byte, error) { return []byte(files[name]), nil })
	if err != nil {
		t.Fatal(err)
	}
	f := factsOf("13041439112", salesRep(3475))
	f.Call.At = time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	f.Source, f.Call.Trunk = SourceCache, "carrier"
	return p, f
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p, f := hundredRules(t)
	if v := p.Decide(f); v.Rule != RuleDefault {
		t.Fatalf("rule %s decides; want none", v.Rule)
	}
	unknown := f
	unknown.Reputation = Reputation{}
	if n := testing.AllocsPerRun(100, func() { p.Decide(f); p.Shadow(f); p.NeedsLookup(unknown) }); n != 0 {
		t.Errorf("Decide, Shadow and NeedsLookup allocate %v times; want 0", n)
	}
}

func BenchmarkDecide(b *testing.B) {
	p, f := hundredRules(b)
	for _, bb := range []struct{ name, from, rule string }{
		{"default", "13041439112", RuleDefault}, {"allow", "18000000011", RuleAllowList}, {"block-pattern", "13200040123", RuleBlockList},
	} {
		b.Run(bb.name, func(b *testing.B) {
			f := f
			f.Number = factsOf(bb.from, Reputation{}).Number
			if v := p.Decide(f); v.Rule != bb.rule {
				b.Fatalf("rule %s decides; want %s", v.Rule, bb.rule)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(f)
			}
		})
	}
}

// BenchmarkNeedsLookup asks about a call that no rule leaves open, and one that the
// first rule does.
func BenchmarkNeedsLookup(b *testing.B) {
	p, f := hundredRules(b)
	f.Reputation = Reputation{}
	for _, bb := range []struct {
		name, from string
		want       bool
	}{{"open", "13041439112", true}, {"listed", "18000000011", false}} {
		b.Run(bb.name, func(b *testing.B) {
			f := f
			f.Number = factsOf(bb.from, Reputation{}).Number
			if got := p.NeedsLookup(f); got != bb.want {
				b.Fatalf("NeedsLookup = %v; want %v", got, bb.want)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.NeedsLookup(f)
			}
		})
	}
}

// BenchmarkFind looks for numbers in a list of 100,000: one that is on it, one that
// a pattern holds, and one that is not.
func BenchmarkFind(b *testing.B) {
	l, err := ParseList("allow.csv", []byte(bigLists()["allow.csv"]), nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, bb := range []struct {
		name, digits string
		want         bool
	}{{"number", "18000000011", true}, {"pattern", "13100040123", true}, {"stranger", "13041439112", false}} {
		b.Run(bb.name, func(b *testing.B) {
			n := Number{Country: "86", Digits: bb.digits, Class: ClassMobile}
			if _, ok := l.Find(n, began); ok != bb.want {
				b.Fatalf("Find = %v; want %v", ok, bb.want)
			}
			b.ReportAllocs()
			for b.Loop() {
				l.Find(n, began)
			}
		})
	}
}

func BenchmarkLoadPolicy(b *testing.B) {
	for b.Loop() {
		hundredRules(b)
	}
}
