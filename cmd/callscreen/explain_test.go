package main

import (
	"strings"
	"testing"
)

const everyAction = `mode: enforce
rules:
  - {id: let, when: {number: "1380013*"}, action: allow, headers: {X-Queue: friends}}
  - {id: mark, when: {number: "1390013*"}, action: tag, label: 外呼, alert_info: "<http://127.0.0.1>;info=spam"}
  - {id: away, when: {number: "1370013*"}, action: divert, to: "sip:8000@192.0.2.10"}
  - {id: no, when: {number: "1360013*"}, action: reject, kind: unwanted}
  - {id: redress, when: {number: "1350013*"}, action: reject, kind: "603+", contact: "tel:+8657188990000"}
`

// What explain says goes on the wire does so.
func TestExplainForetells(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", everyAction)
	o.write("callscreen.yaml", o.text())
	p, _ := o.start("")
	for _, tt := range []struct {
		from    string
		at      *phone
		message string
	}{
		{"13800138000", o.pbx, "INVITE "},
		{"13900138000", o.pbx, "INVITE "},
		{"13700138000", o.pbx, "INVITE "},
		{"13600138000", o.carrier, "SIP/2.0 6"},
		{"13500138000", o.carrier, "SIP/2.0 6"},
	} {
		q := question{config: o.path("callscreen.yaml"), from: tt.from, to: "100"}
		e, err := q.answer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		o.must(o.carrier.invite(p.addr("main"), tt.from))
		got, err := tt.at.receiveAll(tt.message)
		if err != nil || len(e.wire) == 0 {
			t.Fatalf("a call from %s: %v, got %q; explained as %q", tt.from, err, got, e.wire)
		}
		for _, line := range e.wire {
			if !strings.Contains("\r\n"+got, "\r\n"+line) {
				t.Errorf("a call from %s brings\n%s\nand not %q, as explain says", tt.from, got, line)
			}
		}
	}
}
