package sipagent

import (
	"slices"
	"testing"

	"callscreen/screening"
)

// What is foretold of a verdict; that it comes true is a test of the program.
func TestForetell(t *testing.T) {
	sales := screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 60, Directory: "juhe"}
	caller := screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile}
	said := []string{"X-Spam-Class: sales", "X-Spam-Count: 60", "X-Spam-Source: juhe"}
	tag := screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "推销×60", ASCII: "SPAM x60", Ring: "<http://127.0.0.1>;info=spam", Headers: "X-Queue: sales\r\n"}
	for _, tt := range []struct {
		name  string
		call  screening.Call
		v     screening.Verdict
		mode  screening.Mode
		ascii bool
		want  []string
	}{
		{"observed", screening.Call{}, tag, screening.Observe, false, nil},
		{"refused in observe mode", screening.Call{}, screening.Verdict{Action: screening.Reject, Status: 603}, screening.Observe, false, nil},
		{"allowed", screening.Call{}, screening.Verdict{Rule: "default"}, screening.Enforce, false, append([]string{"X-Call-Screen: allow;rule=default"}, said...)},
		{
			"labelled",
			screening.Call{Name: `Bob "B"`},
			tag, screening.Enforce, false,
			slices.Concat([]string{"X-Call-Screen: tag;rule=sales"}, said, []string{"X-Spam-Label: SPAM x60", "X-Queue: sales", "Alert-Info: <http://127.0.0.1>;info=spam", `From: "推销×60 Bob \"B\""`}),
		},
		{
			"labelled in ASCII, without a name",
			screening.Call{},
			tag, screening.Enforce, true,
			slices.Concat([]string{"X-Call-Screen: tag;rule=sales"}, said, []string{"X-Spam-Label: SPAM x60", "X-Queue: sales", "Alert-Info: <http://127.0.0.1>;info=spam", `From: "SPAM x60 13041439112"`}),
		},
		{
			"labelled and withheld",
			screening.Call{Withheld: true},
			screening.Verdict{Action: screening.Tag, Rule: "w", Label: "匿名"},
			screening.Enforce, false,
			slices.Concat([]string{"X-Call-Screen: tag;rule=w"}, said, []string{`From: "匿名"`}),
		},
		{
			"diverted",
			screening.Call{},
			screening.Verdict{Action: screening.Divert, Rule: "night", Target: "sip:8000@192.0.2.10"},
			screening.Enforce, false,
			slices.Concat([]string{"INVITE sip:8000@192.0.2.10 SIP/2.0", "X-Call-Screen: divert;rule=night"}, said),
		},
		{
			"refused",
			screening.Call{},
			screening.Verdict{Action: screening.Reject, Status: 608, Reason: "Rejected", Cause: "Q.850;cause=21", Headers: "Call-Info: <https://example.com/card>;purpose=jwscard\r\n"},
			screening.Enforce, false,
			[]string{"SIP/2.0 608 Rejected", "Reason: Q.850;cause=21", "Call-Info: <https://example.com/card>;purpose=jwscard"},
		},
	} {
		d := screening.Decision{Call: tt.call, Number: caller, Reputation: sales, Verdict: tt.v, Mode: tt.mode}
		if got := Foretell(Options{PBX: PBX{ASCII: tt.ascii}}, d); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\n got %q\nwant %q", tt.name, got, tt.want)
		}
	}
}
