package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

type recordFunc func(screening.Decision)

func (f recordFunc) Record(d screening.Decision) { f(d) }
func (recordFunc) Ended(screening.Ending)        {}

func TestDecisionsAreLogged(t *testing.T) {
	salesman := screening.Number{Country: "86", Digits: "95204657", Class: screening.Class95}
	const who = `{"level":"info","call":"1@test","trunk":"carrier","from":{"number":"952****4657","class":"95"},`
	tests := []struct {
		verdict screening.Verdict
		mode    screening.Mode
		failed  error
		want    string
	}{
		{screening.Verdict{Rule: "default"}, screening.Enforce, nil, `"rule":"default","took":1.5,"message":"call allowed"}`},
		{screening.Verdict{Rule: "default"}, screening.Observe, nil, `"rule":"default","took":1.5,"message":"call allowed"}`},
		{screening.Verdict{Rule: "down"}, screening.Enforce, errors.New("no answer"), `"rule":"down","err":"no answer","took":1.5,"message":"call allowed"}`},
		{
			screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "推销×3475"},
			screening.Enforce, nil,
			`"rule":"sales","label":"推销×3475","took":1.5,"message":"call tagged"}`,
		},
		{
			screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "推销×3475"},
			screening.Observe, nil,
			`"rule":"sales","label":"推销×3475","took":1.5,"message":"call would be tagged"}`,
		},
		{
			screening.Verdict{Action: screening.Reject, Rule: "fraud", Status: 603, Reason: "Decline"},
			screening.Enforce, nil,
			`"rule":"fraud","status":603,"took":1.5,"message":"call refused"}`,
		},
		{
			screening.Verdict{Action: screening.Reject, Rule: "fraud", Status: 603, Reason: "Decline"},
			screening.Observe, nil,
			`"rule":"fraud","status":603,"took":1.5,"message":"call would be refused"}`,
		},
		{
			screening.Verdict{Action: screening.Divert, Rule: "mail", Target: "sip:8000@192.0.2.1"},
			screening.Enforce, nil,
			`"rule":"mail","took":1.5,"message":"call diverted"}`,
		},
		{
			screening.Verdict{Action: screening.Divert, Rule: "mail", Target: "sip:8000@192.0.2.1"},
			screening.Observe, nil,
			`"rule":"mail","took":1.5,"message":"call would be diverted"}`,
		},
	}
	for _, tt := range tests {
		d := screening.Decision{
			Call: screening.Call{ID: "1@test", Trunk: "carrier", From: "95204657", To: "100"}, Number: salesman,
			Verdict: tt.verdict, Mode: tt.mode, Failed: tt.failed, Took: 1500 * time.Microsecond,
		}
		var log bytes.Buffer
		recorded := 0
		decisions{recordFunc(func(screening.Decision) { recorded++ }), zerolog.New(&log)}.Record(d)
		if got := strings.TrimSpace(log.String()); got != who+tt.want || recorded != 1 {
			t.Errorf("Record(%+v %v) logged\n%s\nand recorded %d; want\n%s\nand 1", tt.verdict, tt.mode, got, recorded, who+tt.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	tests := []struct{ text, want string }{
		{"abc@192.0.2.1", "abc@192.0.2.1"},
		{"推销 ×3", "推销 ×3"},
		{"a\x1b[2Jb\r\nc", "a\uFFFD[2Jb\uFFFD\uFFFDc"},
		{"a\u202eb\u0085c\u2028d", "a\uFFFDb\uFFFDc\uFFFDd"},
		{"\xff\xfe", "\uFFFD\uFFFD"},
		{strings.Repeat("x", 256), strings.Repeat("x", 256)},
		{strings.Repeat("x", 257), strings.Repeat("x", 256) + "…"},
		{strings.Repeat("x", 255) + "推", strings.Repeat("x", 255) + "…"},
	}
	for _, tt := range tests {
		if got := printable(tt.text); got != tt.want {
			t.Errorf("printable(%q) = %q; want %q", tt.text, got, tt.want)
		}
	}
}
