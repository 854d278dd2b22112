package e2e

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"text/template"
	"time"

	"callscreen/juhe/juhesim"
)

// crossing is how a callscreen between the two Asterisk passes calls on.
type crossing struct {
	in, on string // transports towards the carrier and towards the PBX
	ipv6   bool   // towards the carrier, by UDP
	lossy  bool   // every tenth datagram is lost
}

func (c crossing) String() string {
	name := c.in + "-" + c.on
	if c.ipv6 {
		name = "ipv6-" + name
	}
	if c.lossy {
		name += "-lossy"
	}
	return name
}

// crossingConfig is the callscreen.yaml of an office between two Asterisk.
var crossingConfig = template.Must(template.New("").Parse(`listen:
{{- range $name, $l := .Listeners}}
  - name: {{$name}}
    address: {{$l.Listen}}
    advertise: "{{$l.Advertise}}"
    {{- if $l.TLS}}
    tls: {cert: "{{$.Certificates}}/cert.pem", key: "{{$.Certificates}}/key.pem", ca: "{{$.Certificates}}/ca.pem"}
    {{- end}}
{{- end}}
trunks:
  - name: carrier
    networks: ["{{.Trunk.Network}}"]
    listen: outside
    targets: ["sip:{{.Trunk.Target}}"]
    trust_identity: true
    country: "86"
    budget: {{.Budget}}
pbx:
  networks: [{{.PBX.Network}}, {{.Probe}}/32]
  listen: inside
  targets: ["sip:{{.PBX.Target}}"]
  probe: 0s
juhe: {url: "{{.Juhe}}", key_file: juhe.key, rate: 0}
policy: policy.yaml
state: state
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`))

// side is one side of a crossing: a listener of callscreen, and the wire from
// there to an Asterisk.
type side struct {
	Listen    string // callscreen's addresses
	TLS       bool   // among them
	Advertise string
	Network   netip.Prefix // where the Asterisk's messages come from
	Target    string       // what callscreen takes for the Asterisk

	entry     string         // what the Asterisk takes for callscreen
	udp       netip.AddrPort // of callscreen
	near, far wireEnd
}

// newSide lays out the side of one of the two Asterisk.
func (l *telecom) newSide(t *testing.T, a *asterisk, transport string) side {
	t.Helper()
	at := netip.AddrPortFrom
	own, addr := l.proxies(t)
	s := side{
		Listen: fmt.Sprintf("[udp:%[1]s:5060, tcp:%[1]s:5060, tls:%[1]s:5061]", own), TLS: true, Advertise: addr.String(),
		Network: netip.PrefixFrom(addr, 32), udp: at(own, 5060),
		near: wireEnd{own: at(addr, 5060), ownTLS: at(addr, 5061), peer: at(a.addr, 5060), peerTLS: at(a.addr, 5061)},
		far:  wireEnd{own: at(addr, 5070), ownTLS: at(addr, 5071), peer: at(own, 5060), peerTLS: at(own, 5061)},
	}
	entry, target := s.near.own, s.far.own
	if transport == "tls" {
		entry, target = s.near.ownTLS, s.far.ownTLS
	}
	s.entry, s.Target = fmt.Sprintf("%s;transport=%s", entry, transport), fmt.Sprintf("%s;transport=%s", target, transport)
	return s
}

// newSide6 lays out the side of the carrier by IPv6 and UDP, where this machine
// has one address.
func (l *telecom) newSide6(t *testing.T) side {
	t.Helper()
	loopback := netip.IPv6Loopback()
	own, near, far := freePort(t, loopback), freePort(t, loopback), freePort(t, loopback)
	return side{
		Listen: fmt.Sprintf("[%q]", "udp:"+own.String()), Advertise: near.String(), Network: netip.PrefixFrom(loopback, 128),
		entry: near.String() + ";transport=udp", Target: far.String() + ";transport=udp",
		near: wireEnd{own: near, peer: l.carrier6}, far: wireEnd{own: far, peer: own},
	}
}

// newCrossing starts a callscreen between the two Asterisk.
func (l *telecom) newCrossing(t *testing.T, c crossing, s setting) *office {
	t.Helper()
	outside, inside := l.newSide(t, l.carrier, c.in), l.newSide(t, l.pbx, c.on)
	if c.ipv6 {
		outside = l.newSide6(t)
	}
	o := &office{t: t, dir: t.TempDir(), proxy: inside.udp, probe: l.addrs(3), juhe: juhesim.New()}
	o.outside = newWire(t, l.certificates, outside.near, outside.far, c.lossy)
	o.inside = newWire(t, l.certificates, inside.near, inside.far, c.lossy)
	o.forCarrier, o.forPBX = outside.entry, inside.entry
	var config strings.Builder
	err := crossingConfig.Execute(&config, map[string]any{
		"Listeners": map[string]side{"outside": outside, "inside": inside}, "Certificates": l.certificates,
		"Trunk": outside, "PBX": inside, "Probe": o.probe,
		"Budget": cmp.Or(s.budget, 10*time.Second), "Juhe": o.serveJuhe(s.before),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.open(s, config.String())
	return o
}
