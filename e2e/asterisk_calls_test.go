package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"callscreen/juhe/juhesim"
)

// lineTest is a call whose caller the directory knows so, and what is tried with it.
type lineTest struct {
	caller juhesim.Reply
	try    func(*lineCall)
}

// Calls from one Asterisk through callscreen to another one and its phones, and
// what either saw of them.
func TestAsterisk(t *testing.T) {
	l := telephony(t)
	tests := map[string]lineTest{
		"labelled":                        {sales, labelledCallRings},
		"labelled without name":           {sales, labelledNumberRings},
		"labelled by P-Asserted-Identity": {sales, labelledIdentityRings},
		"refused":                         {fraud, refusedCallDoesNotRing},
		"untouched":                       {clean, cleanCallIsUntouched},
		"busy":                            {clean, busyIsTold},
		"refusals of the PBX":             {clean, refusalsAreTold},
		"caller gives up":                 {sales, callerGivesUp},
		"caller leaves queue":             {clean, callerLeavesQueue},
		"redirected":                      {clean, redirectIsTold},
		"early media":                     {clean, earlyMediaComesFirst},
		"caller hangs up":                 {sales, callerHangsUp},
		"callee hangs up":                 {sales, calleeHangsUp},
		"keys as INFO":                    {clean, keysAsInfo},
		"re-INVITE by caller":             {sales, callerChangesCodec("invite", "INVITE ")},
		"UPDATE by caller":                {sales, callerChangesCodec("update", "UPDATE ")},
		"re-INVITE by callee":             {sales, calleeChangesCodec},
		"hold by callee":                  {sales, calleeHolds},
		"PBX calls out":                   {sales, officeCallsOut},
		"PBX calls out, busy":             {sales, officeCallsOutBusy},
	}
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			// Labelled INVITEs of Asterisk are longer than udp_bytes, and would go by TCP.
			o := l.newCrossing(t, crossing{in: transport, on: transport}, setting{more: "limits: {udp_bytes: 8000}\n"})
			t.Run("calls", func(t *testing.T) {
				for name, tt := range tests {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						tt.try(l.newCall(t, o, tt.caller))
					})
				}
			})
		})
	}
}

// The phone shows the label in front of the caller's name; the number is the
// caller's; nobody but the office sees the label.
func labelledCallRings(c *lineCall) {
	desk := c.tel.phoneAt(c.T, c.tel.pbx)
	leg := c.dial("proxy", "ACME", desk.number)
	rings := desk.await("CALL_INCOMING")
	if rings.Name != label+" ACME" || !strings.HasPrefix(rings.Peer, "sip:"+c.caller+"@") {
		c.Errorf("the phone shows %q %s, want %q and the number %s", rings.Name, rings.Peer, label+" ACME", c.caller)
	}
	desk.do("accept", "")
	leg.answered()
	desk.await("CALL_ESTABLISHED")
	leg.hangUp(16)
	desk.await("CALL_CLOSED")
	c.understood(label + " ACME")
	invite := c.atPBX().received("INVITE ")
	for header, want := range map[string]string{
		"X-Call-Screen": "tag;rule=sales", "X-Spam-Class": "sales", "X-Spam-Count": "3475", "X-Spam-Source": "juhe",
	} {
		if got := invite.header(header); got != want {
			c.Errorf("%s: %s; want %s", header, got, want)
		}
	}
	if via := invite.headers("Via"); len(via) != 2 || !strings.HasPrefix(via[0], "SIP/2.0/"+c.transport()+" ") {
		c.Errorf("Via %q, want two and the first by %s", via, c.transport())
	}
	c.unlabelled(fmt.Sprintf(`"ACME" <sip:%s@carrier.example>`, c.caller))
}

// A caller without a name gets the number as one, or phones would show nothing
// but the label.
func labelledNumberRings(c *lineCall) {
	desk := c.tel.phoneAt(c.T, c.tel.pbx)
	leg := c.dial("proxy", "", desk.number)
	if rings := desk.await("CALL_INCOMING"); rings.Name != label+" "+c.caller {
		c.Errorf("the phone shows %q, want %q", rings.Name, label+" "+c.caller)
	}
	desk.do("accept", "")
	leg.answered()
	desk.do("hangup", "")
	leg.ended()
	c.understood(label + " " + c.caller)
	c.unlabelled(fmt.Sprintf(`<sip:%s@carrier.example>`, c.caller))
}

// Asterisk takes the name from P-Asserted-Identity before From.
func labelledIdentityRings(c *lineCall) {
	leg := c.dial("proxy-pai", "ACME", "100")
	leg.answered()
	leg.hangUp(16)
	c.understood(label + " ACME")
	invite := c.atPBX().received("INVITE ")
	for _, header := range []string{"From", "P-Asserted-Identity"} {
		if !strings.HasPrefix(invite.header(header), fmt.Sprintf(`"%s ACME" <sip:%s@`, label, c.caller)) {
			c.Errorf("%s: %s", header, invite.header(header))
		}
	}
	c.unlabelled(fmt.Sprintf(`"ACME" <sip:%s@carrier.example>`, c.caller))
}

// A refused caller gets 603, and the office hears nothing.
func refusedCallDoesNotRing(c *lineCall) {
	leg := c.dial("proxy", "Bank", "101")
	if end := leg.ended(); end["TechCause"] != "603" || end["Cause"] != "21" {
		c.Errorf("the carrier saw it end as %v, want 603 and cause 21", end)
	}
	refusal := c.atCarrier().received("SIP/2.0 603 ")
	if reason := `Q.850;cause=21;text="Call Rejected"`; !strings.HasPrefix(string(refusal), "SIP/2.0 603 Decline\r\n") || refusal.header("Reason") != reason {
		c.Errorf("the carrier received %q, want 603 Decline and Reason: %s", refusal, reason)
	}
	c.recordsEnd("answer", 603, "callscreen")
	if seen := c.atPBX(); len(seen) != 0 {
		c.Errorf("the PBX saw%s", seen)
	}
}

// What is allowed arrives as it was sent, but for what a proxy must write, and
// for the verdict.
func cleanCallIsUntouched(c *lineCall) {
	const name = "杭州分公司 王×3"
	leg := c.dial("proxy", name, "100")
	leg.answered()
	leg.hangUp(16)
	c.understood(name)
	sent, arrived := c.atCarrier().sent("INVITE "), c.atPBX().received("INVITE ")
	got := string(arrived)
	via, routes := arrived.headers("Via"), arrived.headers("Record-Route")
	for _, line := range []string{"Via: " + via[0], "Record-Route: " + strings.Join(routes, "\r\nRecord-Route: "), "X-Call-Screen: allow;rule=default"} {
		got = strings.Replace(got, line+"\r\n", "", 1)
	}
	got = strings.Replace(got, "Max-Forwards: 69\r\n", "Max-Forwards: 70\r\n", 1)
	if got, want := viaParams.ReplaceAllString(via[1], ""), viaParams.ReplaceAllString(sent.header("Via"), ""); len(via) != 2 || got != want {
		c.Errorf("Via %q, want that of the carrier, %q, below ours", via, sent.header("Via"))
	}
	got = strings.Replace(got, "Via: "+via[1], "Via: "+sent.header("Via"), 1)
	if got != string(sent) {
		c.Errorf("the carrier sent\n%s\nand the PBX received\n%s", sent, arrived)
	}
}

// viaParams are what a proxy writes into the Via of who sent it a request (RFC 3581).
var viaParams = regexp.MustCompile(`;rport(=\d+)?|;received=[\d.]+`)

// The PBX calls a number outside: nothing is looked up, nothing changed but what
// a proxy must write.
func officeCallsOut(c *lineCall) {
	asked := c.juhe.QueriesFor(c.caller)
	leg := c.dialOut("Shop", "13800138000")
	leg.answered()
	incoming := c.carrier.incoming(c.caller)
	if incoming["Name"] != "Shop" || incoming["Dialed"] != "13800138000" {
		c.Errorf("the carrier understood %v, want Shop to have dialled 13800138000", incoming)
	}
	leg.hangUp(16)
	if end := c.carrier.told("Ended", incoming["Call-ID"]); end["Cause"] != "16" {
		c.Errorf("the carrier saw it end as %v, want cause 16", end)
	}
	invite := c.atCarrier().received("INVITE ")
	want := fmt.Sprintf(`"Shop" <sip:%s@%s>`, c.caller, c.tel.pbx.addr)
	if invite.header("P-Asserted-Identity") != want || !strings.HasPrefix(invite.header("From"), want+";tag=") {
		c.Errorf("P-Asserted-Identity: %s, From: %s; want %s", invite.header("P-Asserted-Identity"), invite.header("From"), want)
	}
	if invite.header("X-Call-Screen") != "" || c.juhe.QueriesFor(c.caller) != asked {
		c.Errorf("a call from the office was screened: %s", invite)
	}
}

func officeCallsOutBusy(c *lineCall) {
	if end := c.dialOut("Shop", "8802").ended(); end["TechCause"] != "486" {
		c.Errorf("the PBX saw it end as %v, want 486", end)
	}
}

// understood checks whom the PBX took the caller for.
func (c *lineCall) understood(name string) {
	c.Helper()
	if incoming := c.pbx.incoming(c.caller); incoming["Name"] != name || incoming["Num"] != c.caller {
		c.Errorf("the PBX understood %q <%s>, want %q <%s>", incoming["Name"], incoming["Num"], name, c.caller)
	}
}

// unlabelled checks that the carrier has never seen the label, that its own From
// came back, and that on either side every answer has the From and To of its request.
func (c *lineCall) unlabelled(from string) {
	c.Helper()
	for _, m := range c.outside.trace("") { // of all calls: no label is the carrier's business
		if strings.Contains(string(m.message), "推销") {
			c.Errorf("the carrier has seen the label: %s", m.message)
		}
	}
	carrier := c.atCarrier()
	if ok := carrier.received("SIP/2.0 200 "); !strings.HasPrefix(ok.header("From"), from+";tag=") {
		c.Errorf("the carrier's 200 has From: %s; want %s", ok.header("From"), from)
	}
	for side, tr := range map[string]trace{"carrier": carrier, "PBX": c.atPBX()} {
		for _, odd := range tr.oddAnswers() {
			c.Errorf("%s: %s", side, odd)
		}
	}
}

// oddAnswers describes the answers whose From or To are not those of their request.
func (tr trace) oddAnswers() (odd []string) {
	for i, answer := range tr {
		if answer.status() == 0 {
			continue
		}
		is := slices.IndexFunc(tr[:i], func(m traced) bool {
			return m.sent != answer.sent && m.status() == 0 && m.branch() == answer.branch() && m.header("CSeq") == answer.header("CSeq")
		})
		if is < 0 {
			odd = append(odd, fmt.Sprintf("an answer to nothing: %s", answer.message))
			continue
		}
		to, tag, _ := strings.Cut(answer.header("To"), ";tag=")
		if strings.Contains(tr[is].header("To"), ";tag=") {
			to += ";tag=" + tag
		}
		if answer.header("From") != tr[is].header("From") || to != tr[is].header("To") {
			odd = append(odd, fmt.Sprintf("answer\n%s\nto\n%s", answer.message, tr[is].message))
		}
	}
	return odd
}
