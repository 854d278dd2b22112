package sipagent

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// rig is an Agent with a carrier and a PBX that are bare sockets.
type rig struct {
	t       *testing.T
	agent   *Agent
	carrier *phone
	pbx     *phone
	stop    func() // ends the agent and waits for it
	options Options
	bind    binder
	marks   int
}

// newRig starts an agent on loopback: a trunk "carrier" and the PBX on listeners
// of their own.
func newRig(t *testing.T, s Screener, change ...func(*Options)) *rig {
	t.Helper()
	return newRigAt(t, "127.0.0.1", s, change...)
}

// newRigAt starts an agent on an address of the loopback interface.
func newRigAt(t *testing.T, ip string, s Screener, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, bind: bind, carrier: newPhoneAt(t, ip), pbx: newPhoneAt(t, ip)}
	at := "udp:" + netip.AddrPortFrom(netip.MustParseAddr(ip), 0).String()
	r.options = Options{
		Listeners: []Listener{{Name: "trunk", Addresses: []string{at}}, {Name: "office", Addresses: []string{at}}},
		Timers:    Timers{T1: time.Hour, Drain: time.Millisecond}, // nothing is retransmitted: timers are for newTimedRig
	}
	r.open(s, change)
	return r
}

// open starts the agent with what every rig has in common.
func (r *rig) open(s Screener, change []func(*Options)) {
	r.t.Helper()
	r.options.Trunks = []Trunk{{
		Name: "carrier", Networks: networks(r.t, r.carrier.addr.Addr().String()), Listen: "trunk",
		Targets: InOrder("sip:" + r.carrier.addr.String()), TrustIdentity: true,
	}}
	r.options.PBX = PBX{
		Networks: networks(r.t, r.pbx.addr.Addr().String()), Listen: "office", Targets: InOrder("sip:" + r.pbx.addr.String()),
	}
	r.options.Screener = s
	r.options.Key = bytes.Repeat([]byte("k"), 32)
	if r.options.Timers.Trying == 0 {
		r.options.Timers.Trying = -1 // so that 100 comes first; else see patient
	}
	for _, c := range change {
		c(&r.options)
	}
	r.start()
	r.t.Cleanup(func() { r.stop() })
}

// start runs the agent on the ports it had, if it had any.
func (r *rig) start() {
	r.t.Helper()
	agent, err := newAgent(r.options, r.bind)
	if err != nil {
		r.t.Fatal(err)
	}
	r.agent = agent
	for i, l := range r.options.Listeners {
		r.options.Listeners[i].Addresses = agent.Addrs(l.Name)
	}
	r.carrier.proxy, r.pbx.proxy = r.at(r.options.Trunks[0].Listen, r.carrier), r.at(r.options.PBX.Listen, r.pbx)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }() // ends when stop cancels ctx
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("Run = %v", err)
		}
		done <- nil
	}
}

// at returns where a phone reaches a listener.
func (r *rig) at(listener string, p *phone) netip.AddrPort {
	at := addrOf(r.agent, listener, p.by())
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(p.addr.Addr(), at.Port())
	}
	return at
}

// addrOf returns the address of a listener's transport.
func addrOf(a *Agent, listener, transport string) netip.AddrPort {
	for _, addr := range a.Addrs(listener) {
		if at, ok := strings.CutPrefix(addr, strings.ToLower(transport)+":"); ok {
			return netip.MustParseAddrPort(at)
		}
	}
	return netip.AddrPort{}
}

func networks(t *testing.T, list ...string) (ns []Network) {
	t.Helper()
	for _, s := range list {
		n, err := ParseNetwork(s)
		if err != nil {
			t.Fatal(err)
		}
		ns = append(ns, n)
	}
	return ns
}

// quiet checks that neither side has anything left to read, and that nothing
// comes any more of what they have sent: a marker through each of the listeners
// is handled behind all of it.
func (r *rig) quiet() {
	r.t.Helper()
	r.marker(r.carrier, r.pbx)
	r.marker(r.pbx, r.carrier)
}

// marker sends an OPTIONS through the proxy and back.
func (r *rig) marker(from, to *phone) {
	r.t.Helper()
	r.marks++
	c := from.newCall(fmt.Sprintf("marker-%d", r.marks))
	from.send(c.request("OPTIONS", ""))
	m := to.want("OPTIONS ")
	if m.header("Call-ID") != c.id {
		r.t.Fatalf("received %q, want the marker %s", m, c.id)
	}
	to.send(m.answer("200 OK"))
	if ok := from.want("SIP/2.0 200"); ok.header("Call-ID") != c.id {
		r.t.Fatalf("received %q, want the answer to the marker %s", ok, c.id)
	}
}

// drops checks how many messages the agent has dropped for a reason.
func (r *rig) drops(reason string, want uint64) {
	r.t.Helper()
	if got := r.agent.Drops()[reason]; got != want {
		r.t.Errorf("dropped as %s: %d, want %d", reason, got, want)
	}
}

// phone is a bare UDP socket that speaks SIP as told.
type phone struct {
	t         *testing.T
	conn      phoneConn
	addr      netip.AddrPort
	proxy     netip.AddrPort
	heard     netip.AddrPort  // who sent the last message
	transport string          // TCP or TLS; empty: UDP
	trace     strings.Builder // all that was received
}

// by returns the phone's transport as Via names it.
func (p *phone) by() string { return cmp.Or(p.transport, "UDP") }

// uri is the phone's own address.
func (p *phone) uri(user string) string {
	uri := "sip:" + user + "@" + p.addr.String()
	if p.transport != "" {
		uri += ";transport=" + strings.ToLower(p.transport)
	}
	return uri
}

type phoneConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, src netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	SetReadDeadline(t time.Time) error
	Close() error
}

func newPhone(t *testing.T) *phone {
	t.Helper()
	return newPhoneAt(t, "127.0.0.1")
}

// newPhoneAt opens a phone on an address of the loopback interface.
func newPhoneAt(t *testing.T, ip string) *phone {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &phone{t: t, conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
}

// send sends a message to the proxy; its line breaks may be bare.
func (p *phone) send(text string) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(sipBytes(text), p.proxy); err != nil {
		p.t.Fatal(err)
	}
}

func sipBytes(text string) []byte {
	return []byte(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"))
}

// patience is how long a test waits for what must come. In a bubble that costs
// nothing, and the longest gap of timer A is 16 s.
const patience = 20 * time.Second

// want returns the next message, which must begin with prefix.
func (p *phone) want(prefix string) msg {
	p.t.Helper()
	m, ok := p.next(patience)
	if !ok || !strings.HasPrefix(string(m), prefix) {
		p.t.Fatalf("received %q, want a message that begins with %q", m, prefix)
	}
	return m
}

// silent checks that nothing is there and nothing comes for a while.
func (p *phone) silent(d time.Duration) {
	p.t.Helper()
	if m, ok := p.next(max(d, time.Millisecond)); ok {
		p.t.Fatalf("received %q, want nothing", m)
	}
}

func (p *phone) next(wait time.Duration) (msg, bool) {
	buf := make([]byte, 65536)
	_ = p.conn.SetReadDeadline(time.Now().Add(wait))
	n, from, err := p.conn.ReadFromUDPAddrPort(buf)
	p.heard = from
	p.trace.Write(buf[:n])
	return msg(buf[:n]), err == nil
}

// msg is a received message.
type msg string

// headers returns the values of all headers of a name.
func (m msg) headers(name string) (values []string) {
	head, _, _ := strings.Cut(string(m), "\r\n\r\n")
	for _, line := range strings.Split(head, "\r\n")[1:] {
		if k, v, _ := strings.Cut(line, ":"); strings.EqualFold(strings.TrimSpace(k), name) {
			values = append(values, strings.TrimSpace(v))
		}
	}
	return values
}

func (m msg) header(name string) string {
	if v := m.headers(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// answer makes the callee's answer to a request it received.
func (m msg) answer(status string, extra ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\n", status)
	for _, v := range m.headers("Via") {
		fmt.Fprintf(&b, "Via: %s\n", v)
	}
	for _, v := range m.headers("Record-Route") {
		fmt.Fprintf(&b, "Record-Route: %s\n", v)
	}
	to := m.header("To")
	if !strings.Contains(to, ";tag=") && !strings.HasPrefix(status, "100") {
		to += ";tag=callee"
	}
	fmt.Fprintf(&b, "From: %s\nTo: %s\nCall-ID: %s\nCSeq: %s\n", m.header("From"), to, m.header("Call-ID"), m.header("CSeq"))
	for _, e := range extra {
		b.WriteString(e + "\n")
	}
	b.WriteString("Content-Length: 0\n\n")
	return b.String()
}

// call is one side of a dialog.
type call struct {
	id      string
	cseq    int
	from    string
	to      string
	uri     string
	routes  []string
	extra   []string
	maxFwd  string // "70"; empty: none
	via     string // of the INVITE
	p       *phone
	contact string
}

func (p *phone) newCall(id string) *call {
	return &call{
		id: id, cseq: 1, p: p, from: fmt.Sprintf(`"Zhang San" <sip:13041439112@%s>;tag=caller-%s`, p.addr, id),
		to: "<sip:100@" + p.proxy.String() + ">", uri: "sip:100@" + p.proxy.String(), maxFwd: "70",
		via: fmt.Sprintf("SIP/2.0/%s %s;branch=z9hG4bK%s", p.by(), p.addr, id), contact: p.uri("caller"),
	}
}

// request makes a request of the call; via is the branch's end.
func (c *call) request(method, via string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\nVia: %s%s\n", method, c.uri, c.via, via)
	for _, r := range c.routes {
		fmt.Fprintf(&b, "Route: %s\n", r)
	}
	if c.maxFwd != "" {
		fmt.Fprintf(&b, "Max-Forwards: %s\n", c.maxFwd)
	}
	fmt.Fprintf(&b, "From: %s\nTo: %s\nCall-ID: %s\nCSeq: %d %s\n", c.from, c.to, c.id, c.cseq, method)
	if method == "INVITE" {
		fmt.Fprintf(&b, "Contact: <%s>\n", c.contact)
	}
	for _, e := range c.extra {
		b.WriteString(e + "\n")
	}
	b.WriteString("Content-Length: 0\n\n")
	return b.String()
}

// established takes the dialog over from a 2xx.
func (c *call) established(ok msg, contact string) {
	c.to, c.uri = ok.header("To"), contact
	for _, r := range ok.headers("Record-Route") {
		c.routes = append([]string{r}, c.routes...)
	}
}

// callee is the other side of a dialog: that of the phone which received inv.
func (p *phone) callee(inv msg) *call {
	c := p.newCall(inv.header("Call-ID") + "-callee")
	c.id, c.from, c.to, c.routes = inv.header("Call-ID"), inv.header("To")+";tag=callee", inv.header("From"), inv.headers("Record-Route")
	c.uri = strings.Trim(inv.header("Contact"), "<>")
	return c
}

// invite sends an INVITE through the proxy and returns it as the PBX got it.
func (r *rig) invite(c *call) msg {
	r.t.Helper()
	r.carrier.send(c.request("INVITE", ""))
	r.carrier.want("SIP/2.0 100 Trying")
	return r.pbx.want("INVITE ")
}

// talk sets a call up to its ACK; the caller's side of the dialog is in c.
func (r *rig) talk(c *call) (inv msg) {
	r.t.Helper()
	inv = r.invite(c)
	r.pbx.send(inv.answer("200 OK"))
	c.established(r.carrier.want("SIP/2.0 200"), r.pbx.uri("100"))
	r.carrier.send(c.request("ACK", "ack"))
	r.pbx.want("ACK ")
	return inv
}

// talkOver takes the answer to a call, and ends what they talk.
func (r *rig) talkOver(c *call, ok msg) {
	r.t.Helper()
	c.established(ok, r.pbx.uri("100"))
	r.carrier.send(c.request("ACK", "ack"))
	r.pbx.want("ACK ")
	c.cseq++
	r.carrier.send(c.request("BYE", "bye"))
	r.pbx.send(r.pbx.want("BYE ").answer("200 OK"))
	r.carrier.want("SIP/2.0 200 OK")
	r.quiet()
}
