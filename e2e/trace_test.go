package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// traced is a SIP message as an Asterisk sent or received it.
type traced struct {
	message
	sent bool
	peer string // "UDP:127.0.0.2:5060"
}

// trace is what an Asterisk sent and received, in order.
type trace []traced

// Asterisk writes "<--- Received SIP request (918 bytes) from UDP:127.0.0.2:5060 --->".
var tracedMessage = regexp.MustCompile(`(?m)^\[[^\]]*\] VERBOSE\[\d+\][^\n]*<--- (Transmitting|Received) SIP \w+ \((\d+) bytes\) (?:to|from) (\S+) --->\n`)

// trace returns all messages of the calls, and requests outside of calls, that
// name a caller in their From or To: "sip:NUMBER@".
func (a *asterisk) trace(t *testing.T, number string) (found trace) {
	t.Helper()
	all := a.fullTrace(t)
	calls := map[string]bool{}
	for _, m := range all {
		if strings.Contains(m.header("From")+m.header("To"), "sip:"+number+"@") {
			calls[m.header("Call-ID")] = true
		}
	}
	for _, m := range all {
		if calls[m.header("Call-ID")] {
			found = append(found, m)
		}
	}
	return found
}

func (a *asterisk) fullTrace(t *testing.T) (all trace) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(a.dir, "log/full"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range tracedMessage.FindAllSubmatchIndex(text, -1) {
		size, err := strconv.Atoi(string(text[m[4]:m[5]]))
		if err != nil || m[1]+size > len(text) {
			continue // still being written
		}
		all = append(all, traced{
			message: message(text[m[1] : m[1]+size]), sent: text[m[2]] == 'T', peer: string(text[m[6]:m[7]]),
		})
	}
	return all
}

// String is a line for each message: "> INVITE sip:…".
func (tr trace) String() string {
	var b strings.Builder
	for _, m := range tr {
		line, _, _ := strings.Cut(string(m.message), "\r\n")
		b.WriteString(map[bool]string{true: "\n> ", false: "\n< "}[m.sent] + line + "  " + m.header("CSeq") + "  " + m.peer)
	}
	return b.String()
}

// all returns the messages, sent or received, that begin so.
func (tr trace) all(sent bool, start string) (found []message) {
	for _, m := range tr {
		if m.sent == sent && strings.HasPrefix(string(m.message), start) {
			found = append(found, m.message)
		}
	}
	return found
}

// received returns the first message received that begins so; nothing if there is none.
func (tr trace) received(start string) message { return first(tr.all(false, start), start) }

// sent returns the first message sent that begins so; nothing if there is none.
func (tr trace) sent(start string) message { return first(tr.all(true, start), start) }
