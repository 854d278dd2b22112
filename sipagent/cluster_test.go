package sipagent

import (
	"net/netip"
	"testing"
	"time"
)

// cluster is a rig with three PBXs, which are tried in order.
type cluster struct {
	*rig
	pbxs [3]*phone
	net  *office
}

func newCluster(t *testing.T, s Screener, change ...func(*Options)) *cluster {
	t.Helper()
	n := &office{sockets: map[netip.AddrPort]*plug{}}
	c := &cluster{net: n, rig: &rig{t: t, bind: n.bind, carrier: n.phone(t, "203.0.113.10:5060")}}
	uris := []string{}
	for i, addr := range []string{"192.168.1.10:5060", "192.168.1.11:5060", "192.168.1.12:5060"} {
		c.pbxs[i] = n.phone(t, addr)
		uris = append(uris, "sip:"+addr)
	}
	c.pbx = c.pbxs[0]
	c.options = Options{
		Listeners: []Listener{{Name: "trunk", Addresses: []string{"udp:198.51.100.5:5060"}}, {Name: "office", Addresses: []string{"udp:192.168.1.20:5060"}}},
	}
	c.open(s, append([]func(*Options){func(o *Options) {
		o.PBX.Networks = networks(t, "192.168.1.0/28")
		o.PBX.Targets = InOrder(uris...)
	}}, change...))
	for _, p := range c.pbxs {
		p.proxy = c.pbx.proxy
	}
	return c
}

// two leaves the cluster two PBXs.
func two(o *Options) { o.PBX.Targets = o.PBX.Targets[:2] }

// call sends an INVITE of the carrier's.
func (c *cluster) call(id string) *call {
	c.t.Helper()
	k := c.carrier.newCall(id)
	c.carrier.send(k.request("INVITE", ""))
	c.carrier.want("SIP/2.0 100")
	return k
}

// at checks how long ago something was.
func at(t *testing.T, start time.Time, want float64) {
	t.Helper()
	if got := time.Since(start); got != seconds(want) {
		t.Errorf("after %v, want %vs", got, want)
	}
}

// ends answers a call with 200 at a PBX, and checks that the caller gets it.
func (c *cluster) ends(k *call, p *phone, inv msg) {
	c.t.Helper()
	p.send(inv.answer("200 OK"))
	ok := c.carrier.want("SIP/2.0 200")
	if ok.header("From") != k.from || len(ok.headers("Via")) != 1 {
		c.t.Errorf("200 arrives as %q", ok)
	}
	k.established(ok, p.uri("100"))
	c.carrier.send(k.request("ACK", "ack"))
	p.want("ACK ")
}

// silence checks that nobody says anything any more.
func (c *cluster) silence() {
	c.t.Helper()
	for _, p := range append(c.pbxs[:], c.carrier) {
		p.silent(0)
	}
}

// refuses answers an INVITE with 503, and returns it.
func (p *phone) refuses() msg {
	p.t.Helper()
	inv := p.want("INVITE ")
	p.send(inv.answer("503 Service Unavailable"))
	p.want("ACK ")
	return inv
}

// heardAll reads what has come, and returns all of it.
func (p *phone) heardAll() string {
	for ok := true; ok; {
		_, ok = p.next(time.Millisecond)
	}
	return p.trace.String()
}
