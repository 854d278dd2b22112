package screening

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// explained writes the steps of an explanation one a line.
func explained(x Explanation) string {
	var b strings.Builder
	for _, s := range x.Steps {
		line := fmt.Sprintf("%s %v %s", s.Rule, s.Action, s.Result)
		if s.Term != "" {
			line += " | " + s.Term
		}
		if s.Got != "" {
			line += " | " + s.Got
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

const explainable = `
mode: enforce
time_zone: Asia/Shanghai
allow: [{number: "1380013XXXX", note: 老客户}]
block: {entries: [0571*], action: divert, to: sip:a@b}
lists: {vip: ["10086"]}
rules:
  - {id: numbers, when: {number: [10086, 10010, 10000, 95588, 95533, 95566, 95599]}, action: allow}
  - {id: night, when: {class: mobile, time: "22:00-06:00", weekday: mon-fri}, action: reject}
  - {id: over, expires: 2020-01-01, action: reject}
  - {id: trial, shadow: true, when: {marks: ">=50"}, action: reject}
  - {id: nested, when: {all: [{class: mobile}, {any: [{label: 中介}, {place: 杭州}]}]}, action: reject}
  - {id: single, when: {any: [{carrier: 移动}]}, action: reject}
  - {id: nobody, when: {not: [{trunk: backup}, {withheld: false, marks: ">=50"}]}, action: reject}
  - {id: age, when: {age: ">7d"}, action: reject}
  - {id: calls, when: {calls: {count: ">=3", within: 1h}}, action: reject}
  - {id: dialed, when: {we_called: 30d}, action: reject}
  - {id: sales, when: {category: [sales, harassment], marks: ">=5"}, action: tag}
  - {id: vip, when: {list: vip}, action: allow}
  - {id: rest, action: tag}
`

func TestExplain(t *testing.T) {
	p := mustParse(t, explainable)
	tests := []struct {
		name, call string
		known      bool
		want       string
	}{
		{"a rule decides", `from=13041439112 trunk=carrier category=sales label=推销 marks=60 place=江苏苏州联通 calls=5m age=3h`, true, `
never-reject allow failed | number: one that always rings | 13041439112
allow-list allow failed | number: on the list | 13041439112
block-list divert failed | number: on the list | 13041439112
numbers allow failed | number: 10086, 10010, 10000, 95588, 95533 and 2 more | 13041439112
night reject failed | time: 22:00-06:00 | 10:00
over reject expired
trial reject shadow
nested reject failed | all[1].any | none of 2 holds
single reject failed | any[0].carrier: 移动 | 联通
nobody reject failed | not[1].withheld: false, marks: >=50 | it holds
age reject failed | age: >7d | 3h0m0s
calls reject failed | calls: >=3, within 1h0m0s | 2
dialed reject failed | we_called: 30d
sales tag decides
vip allow failed | list: vip | 13041439112
rest tag matched
default allow matched
`},
		{"before the lookup", `from=13041439112 at="2026-11-28 23:00"`, false, `
never-reject allow failed | number: one that always rings | 13041439112
allow-list allow failed | number: on the list | 13041439112
block-list divert failed | number: on the list | 13041439112
numbers allow failed | number: 10086, 10010, 10000, 95588, 95533 and 2 more | 13041439112
night reject failed | weekday: mon-fri | sat
over reject expired
trial reject open | marks: >=50
nested reject open | all[1].any[0].label: 中介
single reject open | any[0].carrier: 移动
nobody reject decides
age reject open | age: >7d
calls reject failed | calls: >=3, within 1h0m0s | 1
dialed reject failed | we_called: 30d
sales tag open | category: sales, harassment
vip allow failed | list: vip | 13041439112
rest tag matched
default allow matched
`},
		{"a list decides", `from=13800131234 trunk=backup`, true, `
never-reject allow failed | number: one that always rings | 13800131234
allow-list allow decides | 1380013XXXX: 老客户
block-list divert failed | number: on the list | 13800131234
numbers allow failed | number: 10086, 10010, 10000, 95588, 95533 and 2 more | 13800131234
night reject failed | time: 22:00-06:00 | 10:00
over reject expired
trial reject failed | marks: >=50 | 0
nested reject failed | all[1].any | none of 2 holds
single reject failed | any[0].carrier: 移动
nobody reject failed | not[0].trunk: backup | it holds
age reject failed | age: >7d | 0s
calls reject failed | calls: >=3, within 1h0m0s | 1
dialed reject failed | we_called: 30d
sales tag failed | category: sales, harassment
vip allow failed | list: vip | 13800131234
rest tag matched
default allow matched
`},
		{"a number that always rings", `from=110 failed=timeout dialed=719h59m59s`, true, `
never-reject allow decides
allow-list allow failed | number: on the list | 110
block-list divert failed | number: on the list | 110
numbers allow failed | number: 10086, 10010, 10000, 95588, 95533 and 2 more | 110
night reject failed | class: mobile | emergency
over reject expired
trial reject failed | marks: >=50 | 0
nested reject failed | all[0].class: mobile | emergency
single reject failed | any[0].carrier: 移动
nobody reject matched
age reject failed | age: >7d
calls reject failed | calls: >=3, within 1h0m0s | 1
dialed reject matched
sales tag failed | category: sales, harassment
vip allow failed | list: vip | 110
rest tag matched
default allow matched
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := parseCall(tt.call)
			if err != nil {
				t.Fatal(err)
			}
			x := p.Explain(c.facts(), tt.known)
			if got, want := explained(x), strings.TrimPrefix(tt.want, "\n"); got != want {
				t.Errorf("Explain(%s):\n got\n%swant\n%s", tt.call, got, want)
			}
			if x.Verdict != p.Decide(c.facts()) {
				t.Errorf("verdict %+v is not the policy's", x.Verdict)
			}
		})
	}
}

func TestExplainAsJSON(t *testing.T) {
	p := mustParse(t, "mode: observe\nrules:\n- {id: a, when: {marks: '>=5'}, action: reject}")
	text, err := json.Marshal(p.Explain(factsOf("13041439112", salesRep(5)), true))
	want := `{"steps":[{"rule":"never-reject","action":"allow","result":"failed","term":"number: one that always rings","got":"13041439112"},` +
		`{"rule":"allow-list","action":"allow","result":"failed","term":"number: on the list","got":"13041439112"},` +
		`{"rule":"block-list","action":"reject","result":"failed","term":"number: on the list","got":"13041439112"},` +
		`{"rule":"a","action":"reject","result":"decides"},{"rule":"default","action":"allow","result":"matched"}],` +
		`"verdict":{"action":"reject","rule":"a","why":"a","status":603,"reason":"Decline","cause":"Q.850;cause=21;text=\"Call Rejected\""},` +
		`"shadow":{"action":"allow","rule":"","why":""},"needs_lookup":true}`
	if err != nil || string(text) != want {
		t.Errorf("Explain as JSON, %v:\n got %s\nwant %s", err, text, want)
	}
}

// What Explain says of a step agrees with the naive evaluator, and whoever fails
// says by what.
func TestExplainAgreesWithNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		naive := drawPolicy(t)
		p, err := ParsePolicy("drawn", []byte(naive.text()))
		if err != nil {
			t.Fatalf("%v\n%s", err, naive.text())
		}
		f, known := drawCall(t), rapid.Bool().Draw(t, "known")
		needs := p.NeedsLookup(f)
		if known {
			f = drawAnswer(t, f)
		}
		x := p.Explain(f, known)
		if x.NeedsLookup != needs || x.Verdict != p.Decide(f) || len(x.Steps) != len(naive.rules)+4 {
			t.Fatalf("Explain = %+v; needs a lookup: %v, verdict %+v", x, needs, p.Decide(f))
		}
		for i, r := range naive.rules {
			s := x.Steps[i+3]
			is := naive.unknown(r.when, f)
			if known {
				is = naive.condition(r.when, f)
			}
			want := map[truth]Result{no: Failed, maybe: Open, yes: Matched}[is]
			switch {
			case s.Rule == x.Verdict.Rule:
				want = Decides
			case naive.over(r.expires, f.Call.At):
				want = Expired
			case is == yes && r.shadow:
				want = Shadows
			}
			if explains := s.Term != ""; s.Result != want || explains != (want == Failed || want == Open) {
				t.Fatalf("step %+v; want %s\n%+v\n%s", s, want, f, naive.text())
			}
		}
	})
}
