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

// TestTortureOverTCP sends the messages of RFC 4475 and RFC 5118 by TCP. What a
// message may cause is what it may cause by UDP, but that one which cannot be
// told from what follows it ends its connection, and that one alone.
func TestTortureOverTCP(t *testing.T) {
	for _, m := range manifest(t) {
		t.Run(m.file, func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, sides{carrier: "tcp", pbx: "udp"}, allowed)
			bad := newLine(t, "127.0.0.1", nil) // good calls have a connection of their own
			bad.proxy = r.carrier.proxy
			sent := viaPort(torture(t, m.source, m.file), bad)
			conn, err := (&line{}).dial(bad.proxy)
			if err != nil {
				t.Fatal(err)
			}
			l := bad.conn.(*line)
			l.mu.Lock()
			l.own = conn
			l.mu.Unlock()
			l.keep(conn)
			bad.sendRaw([]byte(sent))
			answers, closed := bad.settle()
			more, forwards := goodCall(r.carrier, r.pbx, m.file)
			if len(more) != 0 {
				t.Errorf("answered on another connection: %q", more)
			}
			answers = slices.DeleteFunc(answers, func(a msg) bool { return strings.HasPrefix(string(a), "SIP/2.0 100 ") })
			got := reaction(answers, forwards)
			if m.file == "dblreq.dat" { // two messages, where by UDP it is one
				if len(answers) != 1 || len(forwards) != 1 || !strings.HasPrefix(string(answers[0]), "SIP/2.0 403 ") {
					t.Errorf("answers %q, forwarded %q; want 403 to the first and the second forwarded", answers, forwards)
				}
				return
			}
			switch length, told := lengthOnStreams([]byte(sent)); {
			case told && length > len(sent): // takes what follows for its body
				if got != "fwd" {
					t.Errorf("%s, want fwd", got)
				}
			case !told:
				if got != "drop" || !closed {
					t.Errorf("%s, closed %v; want its connection closed and nothing else", got, closed)
				}
			case !m.expected(got, "trunk"):
				t.Errorf("%s, want one of %q or, where lenient, %q; answers %q, forwarded %q", got, m.want, m.soft, answers, forwards)
			}
			if n := r.agent.Drops()["panic"]; n != 0 {
				t.Errorf("%d panics", n)
			}
			t.Logf("%s, closed %v", got, closed)
		})
	}
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
