package screening

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callscreen/screening/strictyaml"
)

func mustParse(t testing.TB, text string) *Policy {
	t.Helper()
	p, err := ParsePolicy("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A bad file begins with the errors it causes: all of them, word for word.
func TestBadPolicies(t *testing.T) {
	texts := policies(t, "../testdata/policy/bad/*.yaml")
	if len(texts) < 40 {
		t.Errorf("there are %d bad policies; want at least 40", len(texts))
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			p, err := LoadPolicy(name, readBeside("../testdata/policy/bad/"+name))
			if got, want := fmt.Sprint(err), wanted(text, "# error: "); got != want {
				t.Errorf("LoadPolicy:\n got %s\nwant %s", got, want)
			}
			var all strictyaml.Errors
			if p != nil || !errors.As(err, &all) {
				t.Errorf("LoadPolicy = %v, %T; want nil, strictyaml.Errors", p, err)
			}
		})
	}
}

func policies(t testing.TB, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(files))
	}
	texts := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(f)] = string(text)
	}
	return texts
}

// What the office starts with observes, and does what its comments say.
func TestOfficePolicy(t *testing.T) {
	text, err := os.ReadFile("../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := mustParse(t, string(text))
	if p.Mode() != Observe {
		t.Errorf("mode is %v; want observe", p.Mode())
	}
	tests := []struct {
		from string
		rep  Reputation
		want Verdict // without Why
	}{
		{"10010", salesRep(9000), Verdict{Rule: "own-list"}},
		{"anonymous", Reputation{}, Verdict{Rule: "withheld"}},
		{"96110", fraudRep(99), Verdict{Rule: RuleNeverReject}},
		{"13041439112", fraudRep(50), Verdict{Rule: "fraud", Action: Reject, Status: 603, Reason: "Decline", Cause: refused}},
		{"13041439112", fraudRep(49), Verdict{Rule: "fraud-maybe", Action: Tag, Label: "疑似诈骗×49"}},
		{"95204657", salesRep(3475), Verdict{Rule: "call-centre-sales", Action: Tag, Label: "外呼 推销×3475"}},
		{"95588", salesRep(3475), Verdict{Rule: "unwanted", Action: Tag, Label: "推销×3475"}},
		{"057156264805", salesRep(4), Verdict{Rule: RuleDefault}},
		{"4006668888", Reputation{}, Verdict{Rule: "shows-400", Action: Tag, Label: "显示400"}},
		{"13041439112", Reputation{Category: CategoryDelivery, Label: "快递送餐", Marks: 45}, Verdict{Rule: "expected", Action: Tag, Label: "快递送餐"}},
		{"13041439112", Reputation{}, Verdict{Rule: RuleDefault}},
	}
	for _, tt := range tests {
		got := p.Decide(factsOf(tt.from, tt.rep))
		if got.Why == "" {
			t.Errorf("%s: the verdict has no reason", tt.from)
		}
		if got.Why = ""; got != tt.want {
			t.Errorf("%s %v: got %+v; want %+v", tt.from, tt.rep, got, tt.want)
		}
	}
	failed := factsOf("13041439112", Reputation{})
	failed.Failed = errors.New("no answer")
	if got := p.Decide(failed); got.Rule != "lookup-failed" || got.Action != Allow {
		t.Errorf("a failed lookup gives %+v; want lookup-failed, allow", got)
	}
}

func TestRevision(t *testing.T) {
	// printf 'mode: observe\n' | sha256sum
	if got := mustParse(t, "mode: observe\n").Revision(); got != "d7c5e99c8a84" {
		t.Errorf("Revision() = %s; want d7c5e99c8a84", got)
	}
}

// What exhausts a careless reader is refused in no time.
func TestHostilePolicies(t *testing.T) {
	bomb := "mode: observe\na: &a [x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'k'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	tests := []struct{ name, text, want string }{
		{"bomb", bomb, `p:2:1: unknown key "a": the keys here are mode, time_zone, label, ascii, calendar, allow, block, lists, default, rules`},
		{"10 MB", strings.Repeat("mode: observe # and\n", 1<<19), "p: the file has 10485760 bytes: keep it under 1 MB"},
		{
			"deep", "mode: observe\nrules: [{id: a, action: allow, when: " + strings.Repeat("{not: ", 300) + strings.Repeat("}", 301) + "]",
			"p:2:615: more than 100 levels: nest less",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := time.Now()
			_, err := ParsePolicy("p", []byte(tt.text))
			if first, _, _ := strings.Cut(fmt.Sprint(err), "\n"); first != tt.want {
				t.Errorf("ParsePolicy: got %s; want %s", first, tt.want)
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("ParsePolicy took %v; want no more than a busy machine makes of milliseconds", took)
			}
		})
	}
}

func TestLongListLoads(t *testing.T) {
	text := "mode: enforce\nrules:\n  - id: friends\n    action: reject\n    when:\n      number:\n"
	for i := range 20_000 {
		text += fmt.Sprintf("        - \"138%08d\"\n", i)
	}
	p := mustParse(t, text)
	if got := p.Decide(factsOf("13800019999", Reputation{})); got.Action != Reject {
		t.Errorf("the last of 20000 numbers gives %v; want reject", got.Action)
	}
	if got := p.Decide(factsOf("13800020000", Reputation{})); got.Action != Allow {
		t.Errorf("a number that is not on the list gives %v; want allow", got.Action)
	}
}
