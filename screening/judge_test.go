package screening

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hide does to facts what a record does that masks or hashes numbers.
func hide(f Facts, hash bool) Facts {
	for _, n := range []*Number{&f.Number, &f.Diverter} {
		switch {
		case hash && len(n.Digits) > 5:
			n.Digits = "#0123456789abcdef"
		default:
			n.Digits = n.Masked()
		}
	}
	return f
}

// A verdict without a doubt is the one that whole facts would have led to.
func TestJudgeIsSureOrSaysSo(t *testing.T) {
	sure, unsure := map[string]int{}, map[Doubt]int{}
	rapid.Check(t, func(t *rapid.T) {
		naive := drawPolicy(t)
		p, err := ParsePolicy("drawn", []byte(naive.text()))
		if err != nil {
			t.Fatalf("%v\n%s", err, naive.text())
		}
		for range 5 {
			asked := drawAnswer(t, drawCall(t))
			if !asked.Number.Screenable() || asked.Call.Withheld { // nobody can be asked
				asked.Reputation, asked.Source, asked.Age, asked.Failed = Reputation{}, SourceNone, 0, nil
			}
			unasked := asked
			unasked.Reputation, unasked.Age, unasked.Failed = Reputation{}, 0, nil
			unasked.Source = rapid.SampledFrom([]Source{SourceNone, SourceList}).Draw(t, "unasked")
			hidden := hide(asked, rapid.Bool().Draw(t, "hash"))
			for name, f := range map[string]Facts{"whole": asked, "unasked": unasked, "hidden": hidden} {
				got, doubt := p.Judge(f, name == "hidden")
				if doubt != NoDoubt {
					unsure[doubt]++
					continue
				}
				if sure[name]++; got != p.Decide(asked) {
					t.Fatalf("%s: Judge = %+v without a doubt; want %+v\n%+v\n%s", name, got, p.Decide(asked), f, naive.text())
				}
			}
		}
	})
	for _, name := range []string{"whole", "unasked", "hidden"} {
		if sure[name] < 30 {
			t.Errorf("%d verdicts on %s facts were sure; want at least 30, or this test shows nothing", sure[name], name)
		}
	}
	if unsure[NoLookup] < 30 || unsure[HiddenNumbers] < 30 {
		t.Errorf("doubts: %v; want at least 30 of each", unsure)
	}
}

// Nothing is doubted that whole facts answer.
func TestJudgeDoubtsNoWholeFacts(t *testing.T) {
	p := mustParse(t, "mode: enforce\nallow: ['10086']\nrules:\n- {id: own, when: {number: '1304143*'}, action: reject}\n- {id: sales, when: {category: sales}, action: reject}\n")
	retried := factsOf("13800138000", Reputation{})
	retried.Source = SourceRetry
	remembered := retried
	remembered.Age = time.Hour
	for _, tt := range []struct {
		name   string
		f      Facts
		hidden bool
		rule   string
		doubt  Doubt
	}{
		{"a number in full", factsOf("13041439112", Reputation{}), false, "own", NoDoubt},
		{"masked", hide(factsOf("13041439112", Reputation{}), false), true, RuleDefault, HiddenNumbers},
		{"a short one, which is never masked", hide(factsOf("10086", Reputation{}), false), true, RuleAllowList, NoDoubt},
		{"not looked up", factsOf("13800138000", Reputation{}), false, RuleDefault, NoLookup},
		{"tried again, and not looked up", retried, false, RuleDefault, NoLookup},
		{"tried again, and unknown", remembered, false, RuleDefault, NoDoubt},
		{"looked up", factsOf("13800138000", salesRep(3)), false, "sales", NoDoubt},
	} {
		if v, doubt := p.Judge(tt.f, tt.hidden); v.Rule != tt.rule || doubt != tt.doubt {
			t.Errorf("%s: %s, doubt %q; want %s, %q", tt.name, v.Rule, doubt, tt.rule, tt.doubt)
		}
	}
	if got := p.Rules(); !slices.Equal(got, []string{"own", "sales"}) {
		t.Errorf("Rules = %v", got)
	}
}
