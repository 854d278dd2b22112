package e2e

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// manager is a session at the manager interface of an Asterisk: it makes calls,
// and hears of all that happens from its beginning on.
type manager struct {
	t    *testing.T
	conn net.Conn

	mu     sync.Mutex
	events []event
	news   chan struct{} // closed when an event has come, and made anew
	ended  error
}

// event is a message of the interface: an event, or the answer to an action.
type event map[string]string

// manage opens a session that ends with the test.
func (a *asterisk) manage(t *testing.T) *manager {
	t.Helper()
	m, err := dialManager(a.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.conn.Close() })
	m.t = t
	return m
}

func dialManager(addr netip.Addr) (*manager, error) {
	conn, err := net.DialTimeout("tcp", netip.AddrPortFrom(addr, 5038).String(), patience)
	if err != nil {
		return nil, err
	}
	m := &manager{conn: conn, news: make(chan struct{})}
	go m.listen() // ends with the connection
	if err := m.write("Login", "Username: e2e", "Secret: e2e"); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

func (m *manager) listen() {
	r := bufio.NewReader(m.conn)
	_, err := r.ReadString('\n') // its greeting
	for err == nil {
		var e event
		if e, err = readEvent(r); err == nil {
			m.tell(e, nil)
		}
	}
	m.tell(nil, err)
}

// readEvent reads lines up to an empty one.
func readEvent(r *bufio.Reader) (event, error) {
	e := event{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		k, v, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch {
		case !ok && k == "":
			return e, nil
		case k == "Output":
			e[k] += strings.TrimSpace(v) + "\n"
		default:
			e[k] = strings.TrimSpace(v)
		}
	}
}

func (m *manager) tell(e event, ended error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e != nil {
		m.events = append(m.events, e)
	}
	m.ended = ended
	close(m.news)
	m.news = make(chan struct{})
}

func (m *manager) write(action string, fields ...string) error {
	text := strings.Join(append([]string{"Action: " + action}, fields...), "\r\n") + "\r\n\r\n"
	_, err := io.WriteString(m.conn, text)
	return err
}

// await returns the first event, from the beginning of the session on, that is
// what is waited for.
func (m *manager) await(wait time.Duration, is func(event) bool) (event, error) {
	timeout := time.After(wait)
	for seen := 0; ; {
		m.mu.Lock()
		events, news, ended := m.events, m.news, m.ended
		m.mu.Unlock()
		for ; seen < len(events); seen++ {
			if is(events[seen]) {
				return events[seen], nil
			}
		}
		if ended != nil {
			return nil, ended
		}
		select {
		case <-news:
		case <-timeout:
			return nil, errors.New("it does not happen")
		}
	}
}

// want is await for tests: what does not come fails the test.
func (m *manager) want(what string, is func(event) bool) event {
	m.t.Helper()
	e, err := m.await(2*patience, is)
	if err != nil {
		m.t.Fatalf("%s: %v", what, err)
	}
	return e
}

// told waits for a user event of the dialplan about a call.
func (m *manager) told(name, callID string) event {
	m.t.Helper()
	return m.want(name+" of call "+callID, func(e event) bool { return e["UserEvent"] == name && e["Call-ID"] == callID })
}

// incoming waits for the call of a caller to come in.
func (m *manager) incoming(num string) event {
	m.t.Helper()
	return m.want("a call from "+num, func(e event) bool { return e["UserEvent"] == "Incoming" && e["Num"] == num })
}

// do carries out an action and returns its answer.
func (m *manager) do(action string, fields ...string) event {
	m.t.Helper()
	id := "ActionID: " + rand.Text()
	if err := m.write(action, append(fields, id)...); err != nil {
		m.t.Fatal(err)
	}
	answer := m.want("answer to "+action, func(e event) bool { return e["Response"] != "" && "ActionID: "+e["ActionID"] == id })
	if answer["Response"] == "Error" {
		m.t.Fatalf("%s %q: %s", action, fields, answer["Message"])
	}
	return answer
}

// leg is a call that an Asterisk makes: it listens until somebody hangs up.
type leg struct {
	m       *manager
	id      string
	channel string
}

// dial calls: channel is what Dial takes ("PJSIP/proxy/sip:100@127.0.0.2"), from
// the caller ("ACME" <4008001234>).
func (m *manager) dial(channel, from string) *leg {
	m.t.Helper()
	l := &leg{m: m, id: rand.Text()}
	m.do("Originate", "Channel: "+channel, "CallerID: "+from, "Application: Wait", "Data: 3600",
		"Timeout: 120000", "Async: true", "ChannelId: "+l.id)
	l.channel = m.want("a channel for "+channel, func(e event) bool { return e["Event"] == "Newchannel" && e["Uniqueid"] == l.id })["Channel"]
	return l
}

// answered waits until the other end answers.
func (l *leg) answered() {
	l.m.t.Helper()
	e := l.m.want("answer to "+l.channel, func(e event) bool {
		return e["Event"] == "OriginateResponse" && e["Uniqueid"] == l.id || e["Event"] == "Hangup" && e["Uniqueid"] == l.id
	})
	if e["Response"] != "Success" {
		l.m.t.Fatalf("call %s: %v, want it answered", l.channel, e)
	}
}

// set sets a variable or writes to a function of the channel.
func (l *leg) set(name, value string) {
	l.m.t.Helper()
	l.m.do("Setvar", "Channel: "+l.channel, "Variable: "+name, "Value: "+value)
}

// refresh sends a request within the call, "invite" or "update", that offers
// another codec.
func (l *leg) refresh(method string) {
	l.m.t.Helper()
	l.set("PJSIP_MEDIA_OFFER(audio)", "!all,ulaw")
	l.set("PJSIP_SEND_SESSION_REFRESH()", method)
}

// hangUp ends the call, with a cause of Q.850.
func (l *leg) hangUp(cause int) {
	l.m.t.Helper()
	l.m.do("Hangup", "Channel: "+l.channel, fmt.Sprint("Cause: ", cause))
}

// ended waits for the end and returns its Hangup event: Cause is that of Q.850,
// TechCause the SIP status of a refusal.
func (l *leg) ended() event {
	l.m.t.Helper()
	return l.m.want("end of "+l.channel, func(e event) bool { return e["Event"] == "Hangup" && e["Uniqueid"] == l.id })
}
