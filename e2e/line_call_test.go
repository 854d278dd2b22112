package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"callscreen/juhe/juhesim"
)

// What the directory says of callers.
var (
	sales = juhesim.Reply{Type: "推销", Num: 3475, FID: 2}
	fraud = juhesim.Reply{Type: "疑似诈骗", Num: 812, FID: 5}
	clean = juhesim.Reply{}
)

// lineCall is a call of a test through an office between the two Asterisk, by a
// caller of its own.
type lineCall struct {
	*testing.T
	*office
	tel          *telecom
	carrier, pbx *manager
	caller       string
}

// newCall prepares a call of somebody whom the directory knows so.
func (l *telecom) newCall(t *testing.T, o *office, caller juhesim.Reply) *lineCall {
	t.Helper()
	c := &lineCall{T: t, office: o, tel: l, carrier: l.carrier.manage(t), pbx: l.pbx.manage(t), caller: l.number()}
	o.juhe.Set(c.caller, caller)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the carrier:%s\nthe PBX:%s", c.atCarrier(), c.atPBX())
		}
	})
	return c
}

// dial lets the carrier call an extension from one of its endpoints.
func (c *lineCall) dial(endpoint, name, extension string) *leg {
	c.Helper()
	return c.carrier.dial("PJSIP/"+endpoint+"/sip:"+extension+"@"+c.forCarrier, fmt.Sprintf(`"%s" <%s>`, name, c.caller))
}

// dialOut lets the PBX call a number of the carrier's.
func (c *lineCall) dialOut(name, number string) *leg {
	c.Helper()
	return c.pbx.dial("PJSIP/trunk/sip:"+number+"@"+c.forPBX, fmt.Sprintf(`"%s" <%s>`, name, c.caller))
}

// transport is the one by which the call comes in, as Via names it.
func (c *lineCall) transport() string {
	_, name, _ := strings.Cut(c.forCarrier, ";transport=")
	return strings.ToUpper(name)
}

// atCarrier is what the carrier sent and received for the call, atPBX what the PBX did.
func (c *lineCall) atCarrier() trace { return c.outside.trace(c.caller) }
func (c *lineCall) atPBX() trace     { return c.inside.trace(c.caller) }

// recordsEnd checks that the record says how the call ended, and by whom: at its
// final answer, or at its BYE.
func (c *lineCall) recordsEnd(event string, final int, by string) {
	c.Helper()
	id := c.atCarrier().sent("INVITE ").header("Call-ID")
	var got entry
	c.eventually("a line of the record about the end", func() bool {
		lines := c.recordLines("record.jsonl")
		i := slices.IndexFunc(lines, func(e entry) bool { return e.Call == id && e.Event == event })
		if i >= 0 {
			got = lines[i]
		}
		return i >= 0
	})
	if got.Final != final || got.EndedBy != by {
		c.Errorf("the record has %s with status %d, ended by %q; want %d, %q", event, got.Final, got.EndedBy, final, by)
	}
}

// eventually looks until something is so; the test of the call fails when it is not.
func (c *lineCall) eventually(what string, so func() bool) {
	c.Helper()
	eventually(c.T, what, so)
}
