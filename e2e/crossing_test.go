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
	in   string // transport of the calls from the carrier, and of those to it
	on   string // transport between callscreen and the PBX, by a listener of its own; empty: the same of both
	ipv6 bool   // between the carrier and callscreen
}

func (c crossing) String() string {
	name := c.in + "-" + cmp.Or(c.on, c.in)
	if c.ipv6 {
		return "ipv6-" + name
	}
	return name
}

// crossingConfig is the callscreen.yaml of an office between two Asterisk.
var crossingConfig = template.Must(template.New("").Parse(`listen:
  - name: outside
    address: ["udp:{{.Outside}}", "tcp:{{.Outside}}", "tls:{{.OutsideTLS}}"]
    tls: {cert: "{{.Certificates}}/cert.pem", key: "{{.Certificates}}/key.pem", ca: "{{.Certificates}}/ca.pem"}
{{- if .On}}
  - name: inside
    address: ["udp:{{.Inside}}", "tcp:{{.Inside}}", "tls:{{.InsideTLS}}"]
    tls: {cert: "{{.Certificates}}/cert.pem", key: "{{.Certificates}}/key.pem", ca: "{{.Certificates}}/ca.pem"}
{{- end}}
trunks:
  - name: carrier
    networks: [{{.CarrierNetwork}}]
    listen: outside
    targets: ["sip:{{.Carrier}}"]
    trust_identity: true
    country: "86"
    budget: {{.Budget}}
pbx:
  networks: [{{.PBX}}/32, {{.Probe}}/32]
  listen: {{if .On}}inside{{else}}outside{{end}}
  targets: ["sip:{{.PBX}}{{if .On}};transport={{.On}}{{end}}"]
juhe: {url: "{{.Juhe}}", key_file: juhe.key, rate: 0}
policy: policy.yaml
state: state
record: {file: record.jsonl, numbers: full}
http: {listen: ""}
`))

// newCrossing starts a callscreen between the two Asterisk.
func (l *telecom) newCrossing(t *testing.T, c crossing, s setting) *office {
	t.Helper()
	ip := l.proxy(t)
	outside, tls, carrier := netip.AddrPortFrom(ip, 5060), netip.AddrPortFrom(ip, 5061), l.carrier.addr.String()
	network := l.carrier.addr.String() + "/32"
	if c.ipv6 {
		outside, tls = freePort(t, netip.IPv6Loopback()), freePort(t, netip.IPv6Loopback())
		carrier, network = l.carrier6.String(), "::1/128"
	}
	entry := map[string]netip.AddrPort{"udp": outside, "tcp": outside, "tls": tls}[c.in]
	o := &office{
		t: t, dir: t.TempDir(), proxy: netip.AddrPortFrom(ip, 5060), probe: l.addrs(3), juhe: juhesim.New(),
		entry: fmt.Sprintf("%s;transport=%s", entry, c.in),
	}
	if c.on != "" {
		o.proxy = netip.AddrPortFrom(ip, 5070)
		carrier += ";transport=" + c.in
	}
	var config strings.Builder
	err := crossingConfig.Execute(&config, map[string]any{
		"Outside": outside, "OutsideTLS": tls, "Inside": o.proxy, "InsideTLS": netip.AddrPortFrom(ip, 5071), "On": c.on,
		"Certificates": l.certificates, "CarrierNetwork": network, "Carrier": carrier, "PBX": l.pbx.addr, "Probe": o.probe,
		"Budget": cmp.Or(s.budget, 10*time.Second), "Juhe": o.serveJuhe(s.before),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.open(s, config.String())
	return o
}
