package screening

import (
	"errors"
	"strings"
	"testing"
)

func salesRep(marks int) Reputation {
	return Reputation{Category: CategorySales, Label: "推销", Marks: marks, Place: "江苏苏州联通"}
}

func fraudRep(marks int) Reputation {
	return Reputation{Category: CategoryFraud, Label: "疑似诈骗", Marks: marks}
}

// The Reason headers of the refusals in these tests.
const (
	refused     = `Q.850;cause=21;text="Call Rejected"`
	busy        = `Q.850;cause=17;text="User busy"`
	unavailable = `Q.850;cause=18;text="No user responding"`
	broken      = `Q.850;cause=41;text="Temporary failure"`
)

// factsOf returns the facts about a call from a caller as a carrier writes it.
func factsOf(from string, r Reputation) Facts {
	n, _ := Normalize(from, "86")
	called, _ := Normalize("057188990000", "86")
	return Facts{Call: Call{From: from, To: "057188990000", Trunk: "carrier"}, Number: n, Called: called, Reputation: r}
}

// oneRule is a policy of one rule with condition, in flow style.
func oneRule(condition, action string) string {
	return "mode: enforce\nrules:\n- {id: it, when: " + condition + ", " + action + "}\n"
}

func TestDecide(t *testing.T) {
	tests := []struct {
		name, rules string
		from        string
		rep         Reputation
		want        Verdict
	}{
		{
			"the first match wins",
			"[{id: a, when: {marks: '>=50'}, action: reject}, {id: b, when: {category: sales}, action: tag}, {id: c, action: allow}]",
			"13041439112", salesRep(50),
			Verdict{Action: Reject, Rule: "a", Why: "a", Status: 603, Reason: "Decline", Cause: refused},
		},
		{
			"a later rule has its turn",
			"[{id: a, when: {marks: '>=50'}, action: reject}, {id: b, when: {category: sales}, action: tag}, {id: c, action: allow}]",
			"13041439112", salesRep(49),
			Verdict{Action: Tag, Rule: "b", Why: "b", Label: "推销×49"},
		},
		{
			"no rule matches", "[{id: a, when: {category: sales}, action: tag}]", "13041439112", fraudRep(1),
			Verdict{Rule: RuleDefault, Why: "no rule matched"},
		},
		{"no rules", "[]", "13041439112", fraudRep(1), Verdict{Rule: RuleDefault, Why: "no rule matched"}},
		{
			"a status brings its phrase", "[{id: a, action: reject, status: 486}]", "13041439112",
			Reputation{},
			Verdict{Action: Reject, Rule: "a", Why: "a", Status: 486, Reason: "Busy Here", Cause: busy},
		},
		{
			"a status nobody registered", "[{id: a, action: reject, status: 599}]", "13041439112",
			Reputation{},
			Verdict{Action: Reject, Rule: "a", Why: "a", Status: 599, Reason: "Server Error", Cause: broken},
		},
		{
			"a phrase of one's own", "[{id: a, action: reject, reason: Network Blocked, why: 名单}]", "13041439112",
			Reputation{},
			Verdict{Action: Reject, Rule: "a", Why: "名单", Status: 603, Reason: "Network Blocked", Cause: refused},
		},
		{
			"divert", "[{id: a, action: divert, to: 'sip:8000@192.0.2.1;transport=udp'}]", "13041439112",
			Reputation{},
			Verdict{Action: Divert, Rule: "a", Why: "a", Target: "sip:8000@192.0.2.1;transport=udp"},
		},
		{
			"a label of its own", "[{id: a, action: tag, label: '{place}'}]", "13041439112", salesRep(3),
			Verdict{Action: Tag, Rule: "a", Why: "a", Label: "江苏苏州联通"},
		},
		{
			"an empty label lets the call through", "[{id: a, action: tag}]", "13041439112",
			Reputation{},
			Verdict{Rule: "a", Why: "a; the label came out empty"},
		},
		{
			"numbers that always ring", "[{id: a, action: reject}]", "051296110", fraudRep(99),
			Verdict{Rule: RuleNeverReject, Why: "this number always rings"},
		},
		{
			"what only looks like one does not", "[{id: a, action: reject}]", "+85296110", fraudRep(99),
			Verdict{Action: Reject, Rule: "a", Why: "a", Status: 603, Reason: "Decline", Cause: refused},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, "mode: enforce\nrules: "+tt.rules)
			if got := p.Decide(factsOf(tt.from, tt.rep)); got != tt.want {
				t.Errorf("Decide(%s, %v) = %+v; want %+v", tt.from, tt.rep, got, tt.want)
			}
		})
	}
}

func TestDecideDefault(t *testing.T) {
	tests := []struct {
		text string
		want Verdict
	}{
		{"default: allow", Verdict{Rule: "default", Why: "no rule matched"}},
		{"default: tag", Verdict{Action: Tag, Rule: "default", Why: "no rule matched", Label: "推销×7"}},
		{"default: tag\nlabel: '{category}'", Verdict{Action: Tag, Rule: "default", Why: "no rule matched", Label: "sales"}},
		{"default: reject", Verdict{Action: Reject, Rule: "default", Why: "no rule matched", Status: 603, Reason: "Decline", Cause: refused}},
		{
			"default: {action: reject, status: 480, why: closed}",
			Verdict{Action: Reject, Rule: "default", Why: "closed", Status: 480, Reason: "Temporarily Unavailable", Cause: unavailable},
		},
	}
	for _, tt := range tests {
		p := mustParse(t, "mode: enforce\n"+tt.text)
		if got := p.Decide(factsOf("13041439112", salesRep(7))); got != tt.want {
			t.Errorf("%s: Decide = %+v; want %+v", tt.text, got, tt.want)
		}
		if p.Mode() != Enforce {
			t.Errorf("%s: Mode() = %v; want enforce", tt.text, p.Mode())
		}
	}
}

func TestNeedsLookup(t *testing.T) {
	tests := []struct {
		name  string
		rules string // flow style, without the brackets
		from  string
		want  bool
	}{
		{"no rules", "", "13041439112", false},
		{
			"an own number decides before the reputation",
			"{id: a, when: {number: '13041439112'}, action: allow}, {id: b, when: {category: sales}, action: tag}", "13041439112", false,
		},
		{
			"somebody else's number does not",
			"{id: a, when: {number: '13041439113'}, action: allow}, {id: b, when: {category: sales}, action: tag}", "13041439112", true,
		},
		{
			"a rule behind the certain one does not count",
			"{id: a, action: allow, when: {class: mobile}}, {id: b, when: {marks: '>=5'}, action: tag}", "13041439112", false,
		},
		{
			"a rule before it does",
			"{id: b, when: {marks: '>=5'}, action: tag}, {id: a, action: allow}", "13041439112", true,
		},
		{
			"a false key beside it rules it out",
			"{id: b, when: {marks: '>=5', class: landline}, action: tag}", "13041439112", false,
		},
		{
			"a true key beside it does not",
			"{id: b, when: {marks: '>=5', class: mobile}, action: tag}", "13041439112", true,
		},
		{
			"any: a true branch decides",
			"{id: b, when: {any: [{marks: '>=5'}, {class: mobile}]}, action: reject}", "13041439112", false,
		},
		{
			"any: a false branch leaves it open",
			"{id: b, when: {any: [{marks: '>=5'}, {class: landline}]}, action: reject}", "13041439112", true,
		},
		{
			"all: a false branch decides",
			"{id: b, when: {all: [{marks: '>=5'}, {class: landline}]}, action: reject}", "13041439112", false,
		},
		{
			"all: a true branch leaves it open",
			"{id: b, when: {all: [{marks: '>=5'}, {class: mobile}]}, action: reject}", "13041439112", true,
		},
		{
			"not: what is unknown stays so",
			"{id: b, when: {not: {category: sales}}, action: reject}", "13041439112", true,
		},
		{
			"not: a true branch rules it out",
			"{id: b, when: {not: [{category: sales}, {class: mobile}]}, action: reject}", "13041439112", false,
		},
		{
			"not: a false branch makes it certain",
			"{id: b, when: {not: {category: sales, class: landline}}, action: reject}, {id: c, when: {marks: '>=5'}, action: tag}", "13041439112", false,
		},
		{"a label that a certain match shows", "{id: a, action: tag}", "13041439112", true},
		{"a label that asks for nothing", "{id: a, action: tag, label: 老客户}", "13041439112", false},
		{"label", "{id: a, when: {label: 推销}, action: allow}", "13041439112", true},
		{"place", "{id: a, when: {place: 杭州}, action: allow}", "13041439112", true},
		{"lookup_failed", "{id: a, when: {lookup_failed: true}, action: allow}", "13041439112", true},
		{
			"keys of the call alone",
			"{id: a, when: {length: '<9', trunk: x, called: '1', withheld: true}, action: reject}", "13041439112", false,
		},
		{"a number that always rings", "{id: a, when: {category: fraud}, action: reject}", "110", false},
		{"an extension", "{id: a, when: {category: fraud}, action: reject}", "8001", false},
		{"a withheld number", "{id: a, when: {category: fraud}, action: reject}", "anonymous", false},
		{"a number abroad", "{id: a, when: {category: fraud}, action: reject}", "+85221234567", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := mustParse(t, "mode: observe\nrules: ["+tt.rules+"]")
			if got := p.NeedsLookup(factsOf(tt.from, Reputation{})); got != tt.want {
				t.Errorf("NeedsLookup(%s) = %v; want %v", tt.from, got, tt.want)
			}
		})
	}
}

func TestNeedsLookupForTheDefault(t *testing.T) {
	for text, want := range map[string]bool{"allow": false, "tag": true, "reject": false, "{action: tag, label: x}": false} {
		p := mustParse(t, "mode: observe\ndefault: "+text)
		if got := p.NeedsLookup(factsOf("13041439112", Reputation{})); got != want {
			t.Errorf("default: %s: NeedsLookup = %v; want %v", text, got, want)
		}
	}
}

// reputations are what a lookup may bring, a failure among it.
func withReputations(f Facts) []Facts {
	var all []Facts
	for _, r := range []Reputation{{}, salesRep(0), salesRep(5), salesRep(3475), fraudRep(49), fraudRep(50), {Place: "浙江杭州"}, {Label: "中介", Marks: 1}} {
		f.Reputation = r
		all = append(all, f)
	}
	f.Reputation, f.Failed = Reputation{}, errors.New("no answer")
	return append(all, f)
}

func FuzzParsePolicy(f *testing.F) {
	for _, pattern := range []string{"../testdata/policy/*/*.yaml", "../policy.yaml"} {
		for _, text := range policies(f, pattern) {
			f.Add(text, "+86 130 4143 9112")
		}
	}
	f.Add(oneRule("{any: [{not: {marks: '<5'}}, {class: '95', length: '==8'}]}", "action: tag"), "95204657")
	f.Fuzz(func(t *testing.T, text, from string) {
		p, err := ParsePolicy("p", []byte(text))
		if (p == nil) == (err == nil) {
			t.Fatalf("ParsePolicy(%q) = %v, %v", text, p, err)
		}
		if p == nil {
			if !strings.HasPrefix(err.Error(), "p:") {
				t.Errorf("error of %q has no place: %v", text, err)
			}
			return
		}
		first := factsOf(from, Reputation{})
		asks := p.NeedsLookup(first)
		want := p.Decide(first)
		for _, facts := range withReputations(first) {
			if got := p.Decide(facts); !asks && facts.Number.Screenable() && got != want {
				t.Errorf("policy %q needs no lookup for %q, yet %v gives %+v and nothing %+v", text, from, facts.Reputation, got, want)
			}
		}
	})
}
