package e2e

import (
	"fmt"
	"strings"
	"testing"

	"callscreen/juhe/juhesim"
)

// What callers are to the directory: callers of an office's tests have numbers of
// their own, so that they find themselves in the traces.
var (
	sales = juhesim.Reply{Type: "推销", Num: 3475, FID: 2}
	fraud = juhesim.Reply{Type: "疑似诈骗", Num: 812, FID: 5}
	clean = juhesim.Reply{}
)

// lineCall is a call of a test through an office between the two Asterisk.
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
			t.Logf("the carrier:%s\nthe PBX:%s", l.carrier.trace(t, c.caller), l.pbx.trace(t, c.caller))
		}
	})
	return c
}

// dial lets the carrier call an extension from one of its endpoints.
func (c *lineCall) dial(endpoint, name, extension string) *leg {
	c.Helper()
	return c.carrier.dial("PJSIP/"+endpoint+"/sip:"+extension+"@"+c.entry, fmt.Sprintf("%q <%s>", name, c.caller))
}

// atCarrier is what the carrier sent and received for the call, atPBX what the PBX did.
func (c *lineCall) atCarrier() trace { c.Helper(); return c.tel.carrier.trace(c.T, c.caller) }
func (c *lineCall) atPBX() trace     { c.Helper(); return c.tel.pbx.trace(c.T, c.caller) }

// unlabelled checks that the carrier has never seen the label.
func (c *lineCall) unlabelled() {
	c.Helper()
	for _, m := range c.atCarrier() {
		if strings.Contains(string(m.message), "推销") {
			c.Errorf("the carrier has seen the label: %s", m.message)
		}
	}
}
