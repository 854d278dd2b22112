package e2e

import (
	"fmt"
	"strings"
)

func busyIsTold(c *lineCall) {
	if end := c.dial("proxy", "", "102").ended(); end["TechCause"] != "486" || end["Cause"] != "17" {
		c.Errorf("the carrier saw it end as %v, want 486 and cause 17", end)
	}
}

// What Asterisk refuses with for a cause of Q.850 reaches the carrier, but for a
// 503: that is 480 to the carrier, whose switch would take the whole trunk out of service.
func refusalsAreTold(c *lineCall) {
	for cause, want := range map[int]string{1: "404", 18: "408", 19: "480", 21: "403", 22: "410", 28: "484", 34: "480"} {
		if end := c.dial("proxy", "", fmt.Sprintf("12%02d", cause)).ended(); end["TechCause"] != want {
			c.Errorf("cause %d reached the carrier as %v, want %s", cause, end, want)
		}
	}
}

// The caller hangs up while it rings: the phone stops, and the reason arrives.
func callerGivesUp(c *lineCall) {
	leg := c.dial("proxy", "ACME", "101")
	c.eventually("180 at the carrier", func() bool { return c.atCarrier().received("SIP/2.0 180 ") != "" })
	leg.hangUp(19)
	leg.ended()
	c.pbx.told("Ended", c.pbx.incoming(c.caller)["Call-ID"])
	c.eventually("487 at the carrier", func() bool { return c.atCarrier().received("SIP/2.0 487 ") != "" })
	sent, got := c.atCarrier().sent("CANCEL "), c.atPBX().received("CANCEL ")
	if reason := got.header("Reason"); reason != "Q.850;cause=19" || reason != sent.header("Reason") {
		c.Errorf("CANCEL with Reason %q at the PBX, %q at the carrier; want Q.850;cause=19", reason, sent.header("Reason"))
	}
	for side, tr := range map[string]trace{"carrier": c.atCarrier(), "PBX": c.atPBX()} {
		for _, odd := range tr.oddAnswers() {
			c.Errorf("%s: %s", side, odd)
		}
	}
	c.recordsEnd("answer", 487, "caller")
}

// A queue answers nothing but 100 until somebody takes the call.
func callerLeavesQueue(c *lineCall) {
	leg := c.dial("proxy", "", "104")
	c.eventually("the call in the queue", func() bool { return c.atPBX().sent("SIP/2.0 100 ") != "" })
	c.pbx.incoming(c.caller)
	leg.hangUp(16)
	leg.ended()
	c.eventually("487 at the carrier", func() bool { return c.atCarrier().received("SIP/2.0 487 ") != "" })
}

func redirectIsTold(c *lineCall) {
	c.dial("proxy", "", "103")
	c.eventually("302 at the carrier", func() bool { return c.atCarrier().received("SIP/2.0 302 ") != "" })
	contact := c.atCarrier().received("SIP/2.0 302 ").header("Contact")
	if want := fmt.Sprintf("<sip:100@%s:5060>", c.tel.pbx.addr); contact != want {
		c.Errorf("Contact %s, want %s", contact, want)
	}
}

func earlyMediaComesFirst(c *lineCall) {
	leg := c.dial("proxy", "", "106")
	leg.answered()
	leg.hangUp(16)
	leg.ended()
	progress := c.atCarrier().received("SIP/2.0 183 ")
	if !strings.Contains(string(progress), "\r\nm=audio ") || c.atCarrier().received("SIP/2.0 200 ") == "" {
		c.Errorf("no 183 with media, and then 200:%s", c.atCarrier())
	}
}

// The cause of the caller's BYE arrives; the PBX knows that it was not the office
// who hung up.
func callerHangsUp(c *lineCall) {
	leg := c.dial("proxy", "ACME", "100")
	leg.answered()
	leg.hangUp(34)
	end := c.pbx.told("Ended", c.pbx.incoming(c.caller)["Call-ID"])
	if end["Cause"] != "34" || end["By"] != end["Channel"] {
		c.Errorf("the PBX saw it end as %v, want cause 34 and by the trunk", end)
	}
	if bye := c.atPBX().received("BYE "); bye.header("Reason") != "Q.850;cause=34" {
		c.Errorf("BYE with Reason %q, want Q.850;cause=34", bye.header("Reason"))
	}
	c.recordsEnd("end", 0, "caller")
	c.unlabelled(c.from())
}

func calleeHangsUp(c *lineCall) {
	leg := c.dial("proxy", "ACME", "105")
	leg.answered()
	if end := leg.ended(); end["Cause"] != "16" {
		c.Errorf("the carrier saw it end as %v, want cause 16", end)
	}
	if c.atCarrier().received("BYE ") == "" || c.atCarrier().sent("BYE ") != "" {
		c.Errorf("no BYE, or not one of the PBX:%s", c.atCarrier())
	}
	c.recordsEnd("end", 0, "callee")
	c.unlabelled(c.from())
}

// Keys that are pressed come as INFO, each once and in order.
func keysAsInfo(c *lineCall) {
	leg := c.dial("proxy-info", "", "107")
	leg.answered()
	for i, key := range "1234" {
		c.carrier.do("PlayDTMF", "Channel: "+leg.channel, "Digit: "+string(key), "Duration: 100")
		c.eventually("answer to the INFO", func() bool {
			infos := c.atCarrier().all(true, "INFO ")
			return len(infos) == i+1 && answerTo(c.atCarrier().all(false, "SIP/2.0 "), infos[i].header("CSeq")) == 200
		})
	}
	if told := c.pbx.told("Keys", c.pbx.incoming(c.caller)["Call-ID"]); told["Keys"] != "1234" {
		c.Errorf("the PBX heard %q, want 1234", told["Keys"])
	}
	if infos := c.atPBX().all(false, "INFO "); len(infos) != 4 {
		c.Errorf("%d INFO at the PBX, want 4", len(infos))
	}
	leg.hangUp(16)
	leg.ended()
}

// The caller's side offers another codec within the call.
func callerChangesCodec(method, start string) func(*lineCall) {
	return func(c *lineCall) {
		leg := c.dial("proxy", "ACME", "100")
		leg.answered()
		leg.refresh(method)
		cseq := ""
		c.eventually("answer to "+start, func() bool {
			requests := c.atCarrier().all(true, start)
			if len(requests) == 0 {
				return false
			}
			cseq = requests[len(requests)-1].header("CSeq")
			ok := answerTo(c.atCarrier().all(false, "SIP/2.0 "), cseq) == 200
			return ok && (start != "INVITE " || len(requests) == 2)
		})
		leg.hangUp(16)
		c.pbx.told("Ended", c.pbx.incoming(c.caller)["Call-ID"])
		c.unlabelled(c.from())
	}
}

// The PBX does: its re-INVITE comes to the carrier without the label.
func calleeChangesCodec(c *lineCall) {
	leg := c.dial("proxy", "ACME", "108")
	leg.answered()
	c.eventually("the PBX has its answer", func() bool {
		invite := c.atPBX().sent("INVITE ")
		return invite != "" && answerTo(c.atPBX().all(false, "SIP/2.0 "), invite.header("CSeq")) == 200 && len(c.atCarrier().all(false, "ACK ")) == 1
	})
	leg.hangUp(16)
	leg.ended()
	c.unlabelled(c.from())
}

// A phone of the office holds the call, takes it back and hangs up.
func calleeHolds(c *lineCall) {
	desk := c.tel.phoneAt(c.T, c.tel.pbx)
	leg := c.dial("proxy", "ACME", desk.number)
	desk.await("CALL_INCOMING")
	desk.do("accept", "")
	desk.await("CALL_ESTABLISHED")
	leg.answered()
	for i, step := range []struct{ command, direction string }{{"hold", "sendonly"}, {"resume", "sendrecv"}} {
		desk.do(step.command, "")
		c.eventually(step.direction+" at the carrier", func() bool {
			invites := c.atCarrier().all(false, "INVITE ")
			return len(invites) == i+1 && strings.Contains(string(invites[i]), "\r\na="+step.direction+"\r\n") &&
				len(c.atCarrier().all(false, "ACK ")) == i+1
		})
	}
	desk.do("hangup", "")
	if end := leg.ended(); end["Cause"] != "16" {
		c.Errorf("the carrier saw it end as %v, want cause 16", end)
	}
	c.unlabelled(c.from())
}

// from is how the carrier names ACME.
func (c *lineCall) from() string { return fmt.Sprintf(`"ACME" <sip:%s@carrier.example>`, c.caller) }
