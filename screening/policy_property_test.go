package screening

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// randomCondition writes a condition that nests up to depth.
func randomCondition(r *rand.Rand, depth int) string {
	leaves := []string{
		"category: sales", "category: [fraud, agent]", "label: 推销", "marks: '>=50'", "marks: '<6'", "place: 杭州",
		"lookup_failed: true", "class: mobile", "class: '95'", "length: '>8'", "number: _95X!", "trunk: carrier", "withheld: true",
	}
	if depth == 0 || r.IntN(3) == 0 {
		return "{" + leaves[r.IntN(len(leaves))] + "}"
	}
	inner := make([]string, 1+r.IntN(3))
	for i := range inner {
		inner[i] = randomCondition(r, depth-1)
	}
	return "{" + []string{"any", "all", "not"}[r.IntN(3)] + ": [" + strings.Join(inner, ", ") + "]}"
}

func randomPolicy(r *rand.Rand) string {
	actions := []string{"action: allow", "action: tag", "action: tag, label: 外呼", "action: reject", "action: reject, status: 486"}
	text := "mode: enforce\nrules:\n"
	for i := range 1 + r.IntN(5) {
		text += fmt.Sprintf("- {id: r%d, when: %s, %s}\n", i, randomCondition(r, 3), actions[r.IntN(len(actions))])
	}
	return text
}

// Where no lookup is needed no answer may change the verdict.
func TestNeedsLookupIsSound(t *testing.T) {
	spared := 0
	for seed := range uint64(3000) {
		text := randomPolicy(rand.New(rand.NewPCG(seed, 0)))
		p := mustParse(t, text)
		for _, from := range []string{"13041439112", "95204657", "057156264805", "+85221234567"} {
			first := factsOf(from, Reputation{})
			if p.NeedsLookup(first) {
				continue
			}
			spared++
			want := p.Decide(first)
			for _, f := range withReputations(first) {
				if got := p.Decide(f); got != want {
					t.Fatalf("seed %d: %s needs no lookup for %s, yet %+v gives %+v and nothing %+v", seed, text, from, f.Reputation, got, want)
				}
			}
		}
	}
	if spared < 1000 {
		t.Errorf("%d of 12000 calls needed no lookup; want at least 1000, or this test shows nothing", spared)
	}
}
