package e2e

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"callscreen/juhe/juhesim"
)

// The mixture of an office: of ten callers seven are clean, two labelled, one is
// refused; each of them calls twice, the second time out of the cache.
const (
	sippCalls   = 2000
	sippRate    = 100 // calls a second
	sippAtOnce  = 40  // what a SIPp that was kept waiting may begin at once
	sippCallers = sippCalls / 2
)

// kinds is what every tenth caller is.
var kinds = [10]string{"clean", "clean", "labelled", "clean", "clean", "refused", "clean", "labelled", "clean", "clean"}

// SIPp calls SIPp: 2,000 calls at 100 a second, and every one ends as its caller
// deserves. Exactly the refused ones get 603 and never reach the callee; every
// labelled one arrives with its label, the clean ones as they were sent.
func TestSIPp(t *testing.T) {
	sipp := program(t, "sipp", "sip-tester")
	t.Parallel()
	o := newOffice(t, setting{})
	o.write("callers.csv", o.sippCallersFile())
	ip, port := splitAddr(o.takeOver(o.pbx))
	callee := startSIPp(t, sipp, o.dir, "uas", ip, port, "-m", strconv.Itoa(sippCalls-count("refused")))
	ip, port = splitAddr(o.takeOver(o.carrier))
	caller := startSIPp(t, sipp, o.dir, "uac", ip, port, o.proxy.String(), "-inf", o.file("callers.csv"),
		"-m", strconv.Itoa(sippCalls), "-r", strconv.Itoa(sippRate), "-l", strconv.Itoa(sippAtOnce))
	caller.end()
	callee.end()
	o.stop()
	o.checkMixture(caller.log(), callee.log())
	o.checkRecord()
	if got := o.juhe.Queries(); got != sippCallers {
		t.Errorf("%d questions to Juhe, want one for each of %d callers", got, sippCallers)
	}
}

// sippCallersFile tells juhesim of the callers, and returns SIPp's list of them.
func (o *office) sippCallersFile() string {
	var b strings.Builder
	b.WriteString("SEQUENTIAL\n")
	for i := range sippCallers {
		number, kind := strconv.Itoa(13800000000+i), kinds[i%len(kinds)]
		switch kind {
		case "labelled":
			o.juhe.Set(number, juhesim.Reply{Type: "推销", Num: 3475, FID: 2})
		case "refused":
			o.juhe.Set(number, juhesim.Reply{Type: "疑似诈骗", Num: 812, FID: 5})
		}
		fmt.Fprintf(&b, "%s;%s\n", number, kind)
	}
	return b.String()
}

// count returns how many of all calls are of a kind.
func count(kind string) (n int) {
	for _, k := range kinds {
		if k == kind {
			n += sippCalls / len(kinds)
		}
	}
	return n
}

// takeOver closes a phone, so that SIPp can have its address.
func (o *office) takeOver(p *phone) netip.AddrPort {
	o.t.Helper()
	if err := p.conn.Close(); err != nil {
		o.t.Fatal(err)
	}
	return p.addr
}

func splitAddr(a netip.AddrPort) (ip, port string) {
	return a.Addr().String(), strconv.Itoa(int(a.Port()))
}

// first returns the first of a call's messages that begins so.
func first(ms []message, start string) message {
	for _, m := range ms {
		if strings.HasPrefix(string(m), start) {
			return m
		}
	}
	return ""
}

// checkMixture compares every call as the caller placed it with what became of it.
func (o *office) checkMixture(caller, callee traffic) {
	o.t.Helper()
	want := map[string]int{
		"clean is untouched": count("clean"), "labelled is labelled": count("labelled"), "refused is refused": count("refused"),
	}
	fates := map[string]int{}
	odd, unacknowledged := 0, 0
	for id, sent := range caller.sent {
		invite := first(sent, "INVITE ")
		kind := invite.header("X-Kind")
		f := kind + " is " + o.fate(invite, caller.received[id], callee.received[id])
		if fates[f]++; fates[f] == 1 && want[f] == 0 {
			o.t.Logf("%s; sent\n%s\narrived\n%s", f, invite, first(callee.received[id], "INVITE "))
		}
		odd += oddAnswers(invite, caller.received[id])
		if kind != "refused" && first(callee.received[id], "ACK ") == "" {
			unacknowledged++
		}
	}
	failed := len(caller.sent)
	for f := range want {
		failed -= fates[f]
	}
	o.t.Logf("calls %d, failed %d, 603 %d, labelled %d, untouched %d, questions to Juhe %d", len(caller.sent), failed,
		fates["refused is refused"], fates["labelled is labelled"], fates["clean is untouched"], o.juhe.Queries())
	if !maps.Equal(fates, want) {
		o.t.Errorf("of the callers %v, want %v", fates, want)
	}
	if odd > 0 {
		o.t.Errorf("%d answers name another caller, or ring after the call was answered", odd)
	}
	if unacknowledged > sippCalls/100 { // a lost ACK is not sent again once the BYE is there
		o.t.Errorf("%d calls without an ACK at the callee, more than a loaded machine explains", unacknowledged)
	}
}

// fate says what became of a call, by what either end received.
func (o *office) fate(invite message, caller, callee []message) string {
	arrived := first(callee, "INVITE ")
	switch answered, ended := answerTo(caller, "1 INVITE"), answerTo(caller, "2 BYE"); {
	case answered == 603 && len(callee) == 0:
		return "refused"
	case answered != 200 || ended != 200:
		return fmt.Sprintf("failed (%d, %d)", answered, ended)
	case o.arrivedWithLabel(invite, arrived):
		return "labelled"
	case o.arrivedClean(invite, arrived):
		return "untouched"
	}
	return "changed"
}

// answerTo returns the status of the final answer to a request; 0 without one.
func answerTo(received []message, cseq string) int {
	for _, m := range received {
		if m.status() >= 200 && m.header("CSeq") == cseq {
			return m.status()
		}
	}
	return 0
}

// oddAnswers counts the answers to a call that do not name the caller as it
// named itself, or that ring after the call was answered.
func oddAnswers(invite message, received []message) (n int) {
	answered := false
	for _, m := range received {
		answered = answered || m.status() == 200
		if m.header("From") != invite.header("From") || m.status() == 180 && answered {
			n++
		}
	}
	return n
}

// arrivedWithLabel reports whether a call reached the callee with the label in
// the display name, and with nothing else changed.
func (o *office) arrivedWithLabel(sent, got message) bool {
	added := "X-Call-Screen: tag;rule=sales\r\nX-Spam-Class: sales\r\nX-Spam-Count: 3475\r\nX-Spam-Source: juhe\r\n"
	bare := strings.Replace(string(got), `From: "`+label+` Zhang San" <`, `From: "Zhang San" <`, 1)
	return bare != string(got) && o.asSent(message(bare).unsealed(), added) == sent
}

// unsealed is a message without what seals the label of its call.
func (m message) unsealed() message {
	return message(sealedVia.ReplaceAllString(sealedRoute.ReplaceAllString(string(m), ";cs=s>"), ""))
}

// What a labelled call carries in Via, and in Record-Route in the place of the
// "s" of screened calls, to undo its label.
var (
	sealedRoute = regexp.MustCompile(`;cs=[\w-]{20,}>`)
	sealedVia   = regexp.MustCompile(`;cs=[\w-]{20,}`)
)

// arrivedClean reports whether a call reached the callee as it was sent.
func (o *office) arrivedClean(sent, got message) bool {
	return o.asSent(got, "X-Call-Screen: allow;rule=default\r\n") == sent
}

// checkRecord counts the verdicts in the record.
func (o *office) checkRecord() {
	o.t.Helper()
	got := map[string]int{}
	for _, e := range o.record("record.jsonl") {
		got[e.Verdict+e.Failed]++
	}
	want := map[string]int{"allow": count("clean"), "tag": count("labelled"), "reject": count("refused")}
	if !maps.Equal(got, want) {
		o.t.Errorf("record has %v, want %v", got, want)
	}
}
