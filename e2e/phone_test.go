package e2e

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// phone is a bare UDP socket that speaks SIP as told: no stack stands between a
// test and what callscreen sends.
type phone struct {
	t     *testing.T
	conn  *net.UDPConn
	addr  netip.AddrPort
	proxy netip.AddrPort
	calls int
	seen  map[message]bool
	heard netip.AddrPort // who sent the last message
	way   *badWay        // of what a load sends and receives; nil: a good one
}

func newPhone(t *testing.T, a netip.Addr) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &phone{t: t, conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort(), seen: map[message]bool{}}
}

// send sends messages to the proxy, one right behind the other.
func (p *phone) send(ms ...message) {
	p.t.Helper()
	for _, m := range ms {
		if err := p.write(m); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *phone) write(m message) error {
	if p.way != nil {
		p.way.pass(func() { _, _ = p.conn.WriteToUDPAddrPort([]byte(m), p.proxy) }) // a closed socket is that of a test that has ended
		return nil
	}
	_, err := p.conn.WriteToUDPAddrPort([]byte(m), p.proxy)
	return err
}

// want returns the next message, whose start line must begin so.
func (p *phone) want(start string) message {
	p.t.Helper()
	m, ok := p.next(patience)
	if !ok || !strings.HasPrefix(string(m), start) {
		p.t.Fatalf("received %q, want %q", m, start)
	}
	return m
}

// next returns the next message that is news: no 100, and not what came before,
// which a slow machine makes callscreen send again.
func (p *phone) next(wait time.Duration) (message, bool) {
	buf := make([]byte, 65536)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait)) // fails on a closed socket only, as Read then does
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		m := message(buf[:n])
		switch {
		case err != nil:
			return "", false
		case !p.seen[m] && m.status() != 100:
			p.seen[m], p.heard = true, from
			return m, true
		}
	}
}

// serve answers what comes in the background, until stop closes the phone.
func (p *phone) serve(answers func(message) []message) (stop func()) {
	done := make(chan struct{})
	go func() { // ends with the socket, which the test's clean-up closes at the latest
		defer close(done)
		for {
			m, ok := p.next(time.Hour)
			if !ok {
				return
			}
			for _, a := range answers(m) {
				if err := p.write(a); err != nil {
					p.t.Error(err)
				}
			}
		}
	}()
	return func() { p.conn.Close(); <-done }
}

// message is a SIP message as it is on the wire.
type message string

// lines makes a message of its lines, without a body.
func lines(all ...string) message {
	return message(strings.Join(all, "\r\n") + "\r\nContent-Length: 0\r\n\r\n")
}

// compact are the short forms of header names.
var compact = map[string]string{"v": "Via", "f": "From", "t": "To", "i": "Call-ID", "m": "Contact"}

// headers returns the values of the headers of a name.
func (m message) headers(name string) (values []string) {
	head, _, _ := strings.Cut(string(m), "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		k, v, _ := strings.Cut(line, ":")
		k = strings.TrimSpace(k)
		if strings.EqualFold(cmp.Or(compact[strings.ToLower(k)], k), name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

// header returns the value of the first header of a name.
func (m message) header(name string) string {
	if v := m.headers(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// status is that of an answer; 0 for a request.
func (m message) status() int {
	rest, ok := strings.CutPrefix(string(m), "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return 0
	}
	n, _ := strconv.Atoi(rest[:3]) // 0 is no status either
	return n
}

// uri is the Request-URI of a request.
func (m message) uri() string {
	_, rest, _ := strings.Cut(string(m), " ")
	uri, _, _ := strings.Cut(rest, " ")
	return uri
}

// answer is what the receiver of a request answers.
func (m message) answer(status string) message {
	all := []string{"SIP/2.0 " + status}
	for _, name := range []string{"Via", "Record-Route"} {
		for _, v := range m.headers(name) {
			all = append(all, name+": "+v)
		}
	}
	to := m.header("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=callee"
	}
	return lines(append(all, "From: "+m.header("From"), "To: "+to, "Call-ID: "+m.header("Call-ID"),
		"CSeq: "+m.header("CSeq"), "Contact: <"+m.uri()+">")...)
}

// dialog is a call as one of its ends sees it.
type dialog struct {
	phone  *phone
	id     string
	cseq   int
	local  string // From of what this end asks
	remote string // To of it
	target string // Request-URI of it
	routes []string
	branch string // of the last INVITE
}

// dial begins a call from a number to extension 100.
func (p *phone) dial(number string) *dialog {
	p.calls++
	id := fmt.Sprintf("%d.%s", p.calls, p.addr)
	to := "sip:100@" + p.proxy.String()
	return &dialog{
		phone: p, id: id, cseq: 1, target: to, remote: "<" + to + ">", branch: "z9hG4bK" + strings.ReplaceAll(id, ":", "-"),
		local: fmt.Sprintf(`"Zhang San" <sip:%s@%s>;tag=caller`, number, p.addr),
	}
}

// request makes a request. The end of its branch is empty for what belongs to
// the transaction of the INVITE: its CANCEL, and the ACK of a refusal.
func (d *dialog) request(method, branch string) message {
	all := []string{
		method + " " + d.target + " SIP/2.0",
		"Via: SIP/2.0/UDP " + d.phone.addr.String() + ";branch=" + d.branch + branch,
	}
	for _, r := range d.routes {
		all = append(all, "Route: "+r)
	}
	return lines(append(all, "Max-Forwards: 70", "From: "+d.local, "To: "+d.remote, "Call-ID: "+d.id,
		fmt.Sprintf("CSeq: %d %s", d.cseq, method), "Contact: <sip:phone@"+d.phone.addr.String()+">")...)
}

func (d *dialog) invite() message { return d.request("INVITE", "") }
func (d *dialog) cancel() message { return d.request("CANCEL", "") }

// ack acknowledges an answer to the INVITE; a 2xx makes the dialog.
func (d *dialog) ack(final message) message {
	d.remote = final.header("To")
	if final.status() >= 300 {
		return d.request("ACK", "")
	}
	d.target = strings.Trim(final.header("Contact"), "<>")
	d.routes = nil
	for _, r := range final.headers("Record-Route") {
		d.routes = append([]string{r}, d.routes...)
	}
	return d.request("ACK", "-ack")
}

func (d *dialog) bye() message {
	d.cseq++
	return d.request("BYE", "-bye")
}

// called is the dialog as the callee sees it, who has answered an INVITE so.
func (p *phone) called(invite, answer message) *dialog {
	return &dialog{
		phone: p, id: invite.header("Call-ID"), cseq: 1, local: answer.header("To"), remote: invite.header("From"),
		target: strings.Trim(invite.header("Contact"), "<>"), routes: invite.headers("Record-Route"), branch: "z9hG4bKcallee",
	}
}

// ring lets a caller call, and the phone that is called ring. It returns the
// caller's end, and the INVITE as the callee has it.
func (o *office) ring(number string) (*dialog, message) {
	o.t.Helper()
	d := o.carrier.dial(number)
	o.carrier.send(d.invite())
	invite := o.pbx.want("INVITE ")
	if got := invite.header("Call-ID"); got != d.id {
		o.t.Fatalf("the PBX got call %s, want %s", got, d.id)
	}
	o.pbx.send(invite.answer("180 Ringing"))
	o.carrier.want("SIP/2.0 180 ")
	return d, invite
}

// hangUp lets one end of a call hang up, and the other one agree.
func (o *office) hangUp(d *dialog, other *phone) {
	o.t.Helper()
	d.phone.send(d.bye())
	bye := other.want("BYE ")
	if got := bye.header("Call-ID"); got != d.id {
		o.t.Errorf("BYE of call %s, want %s", got, d.id)
	}
	other.send(bye.answer("200 OK"))
	if ok := d.phone.want("SIP/2.0 200 "); ok.header("CSeq") != fmt.Sprintf("%d BYE", d.cseq) {
		o.t.Errorf("CSeq %q, want that of the BYE", ok.header("CSeq"))
	}
}
