package sipagent

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestTortureOverTCP sends the messages of RFC 4475 and RFC 5118 by TCP, from
// either side to one that has UDP. What a message may cause is what it may cause
// by UDP, but that one which cannot be told from what follows it ends its
// connection, and that one alone.
func TestTortureOverTCP(t *testing.T) {
	for _, m := range manifest(t) {
		t.Run(m.file, func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, sides{carrier: "tcp", pbx: "udp"}, allowed)
			m.runOverTCP(t, r, r.carrier, r.pbx, "trunk")
			r = newMixedRig(t, sides{carrier: "udp", pbx: "tcp"}, allowed)
			m.runOverTCP(t, r, r.pbx, r.carrier, "PBX")
		})
	}
}

// runOverTCP sends the message on a connection of its own, beside that of the
// good call.
func (m tortured) runOverTCP(t *testing.T, r *rig, from, to *phone, name string) {
	t.Helper()
	bad := newLine(t, "127.0.0.1", nil)
	bad.proxy = from.proxy
	sent := viaPort(torture(t, m.source, m.file), bad)
	bad.connect()
	bad.sendRaw([]byte(sent))
	answers, closed := bad.settle()
	more, forwards := goodCall(from, to, m.file+"-"+name)
	if len(more) != 0 {
		t.Errorf("from the %s: answered on another connection: %q", name, more)
	}
	answers = slices.DeleteFunc(answers, func(a msg) bool { return strings.HasPrefix(string(a), "SIP/2.0 100 ") })
	got := reaction(answers, forwards)
	length, told := lengthOnStreams([]byte(sent))
	switch {
	case m.file == "dblreq.dat": // two messages, where by UDP it is one
		if len(answers) != 1 || len(forwards) != 1 || !strings.HasPrefix(string(answers[0]), "SIP/2.0 403 ") {
			t.Errorf("from the %s: answers %q, forwarded %q; want 403 to the first and the second forwarded", name, answers, forwards)
		}
	case told && length > len(sent): // takes what follows for its body
		if got != "fwd" {
			t.Errorf("from the %s: %s, want fwd", name, got)
		}
	case !told:
		if got != "drop" || !closed {
			t.Errorf("from the %s: %s, closed %v; want its connection closed and nothing else", name, got, closed)
		}
	case !m.expected(got, name):
		t.Errorf("from the %s: %s, want one of %q or, where lenient, %q; answers %q, forwarded %q", name, got, m.want, m.soft, answers, forwards)
	case got == "fwd" && !m.answer:
		m.checkForwarded(t, sent, forwards[0], bad, to)
	}
	if n := r.agent.Drops()["panic"]; n != 0 {
		t.Errorf("%d panics", n)
	}
	t.Logf("from the %s: %s, closed %v", name, got, closed)
}

// connect opens a connection for what a phone has to say, and for the answers.
func (p *phone) connect() {
	p.t.Helper()
	l := p.conn.(*line)
	conn, err := (&line{}).dial(p.proxy)
	if err != nil {
		p.t.Fatal(err)
	}
	l.mu.Lock()
	l.own = conn
	l.mu.Unlock()
	l.keep(conn)
}

// settle sends requests that are answered at once until one is, or the
// connection is closed: then whatever came before has been handled. It returns
// the other answers.
func (p *phone) settle() (answers []msg, closed bool) {
	p.t.Helper()
	l := p.conn.(*line)
	for i := range 400 {
		l.mu.Lock()
		conn := l.own
		l.mu.Unlock()
		if conn == nil {
			for m, ok := p.next(50 * time.Millisecond); ok; m, ok = p.next(50 * time.Millisecond) {
				answers = append(answers, m) // what came before the end
			}
			return answers, true
		}
		id := fmt.Sprint("settle-", i)
		ping := strings.Replace(p.newCall(id).request("OPTIONS", ""), "sip:100@", "sip:", 1)
		_, _ = conn.Write(sipBytes(ping)) // fails when it is closed, which is seen above
		for m, ok := p.next(50 * time.Millisecond); ok; m, ok = p.next(50 * time.Millisecond) {
			if strings.HasPrefix(m.header("Call-ID"), "settle-") {
				return answers, false
			}
			answers = append(answers, m)
		}
	}
	p.t.Fatal("neither an answer nor the end of the connection")
	return nil, false
}

var lengths = regexp.MustCompile(`(?im)^(?:content-length|l)[ \t]*:[ \t]*(\S*)[ \t]*\r$`)

// lengthOnStreams returns how many bytes the body of a message has, if it says so.
func lengthOnStreams(raw []byte) (length int, told bool) {
	head, _, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	found := lengths.FindAllSubmatch(append(head, '\r'), -1)
	if !ok || len(found) != 1 {
		return 0, false
	}
	n, err := strconv.Atoi(string(found[0][1]))
	return n, err == nil && n >= 0
}
