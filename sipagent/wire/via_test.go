package wire

import (
	"fmt"
	"testing"
)

func TestReadVia(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  string // transport host port branch received rport maddr
		rest  string
	}{
		{"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", `UDP 192.0.2.1 5060 "z9hG4bK1" "" "" ""`, ""},
		{"SIP/2.0/UDP pc33.example.com", `UDP pc33.example.com 0 "" "" "" ""`, ""},
		{"SIP/2.0/UDP h;rport;branch=1", `UDP h 0 "1" "" ";rport" ""`, ""},
		{"SIP/2.0/TCP h:65535;RPORT=5;Received=192.0.2.9;MADDR=x;Branch=1;ttl=1", `TCP h 65535 "1" ";Received=192.0.2.9" ";RPORT=5" "x"`, ""},
		{
			"SIP / 2.0 / UDP  first.example.com : 4000 ; ttl = 16 ; maddr=224.2.0.1 ; branch = z9hG4bKa7c6a8dlze.1",
			`UDP first.example.com 4000 "z9hG4bKa7c6a8dlze.1" "" "" "224.2.0.1"`, "",
		},
		{"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw", `UDP 192.0.2.2 0 "390skdjuw" "" "" ""`, ""},
		{
			"SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
			`TCP spindle.example.com 0 "z9hG4bK9ikj8" "" "" ""`, "SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239",
		},
		{"SIP/2.0/UDP a,SIP/2.0/UDP b", `UDP a 0 "" "" "" ""`, "SIP/2.0/UDP b"},
		{`SIP/2.0/UDP a;x="b, \"c;branch=2";branch=1, SIP/2.0/UDP d`, `UDP a 0 "1" "" "" ""`, "SIP/2.0/UDP d"},
		{"SIP/2.0/UDP a;x=<;branch=1, SIP/2.0/UDP d", `UDP a 0 "1" "" "" ""`, "SIP/2.0/UDP d"},
		{"SIP/2.0/UDP [2001:db8::9:1]:6050;branch=1", `UDP 2001:db8::9:1 6050 "1" "" "" ""`, ""},
		{"SIP/2.0/UDP [2001:db8::9:1]", `UDP 2001:db8::9:1 0 "" "" "" ""`, ""},
		{"SIP/2.0/UDP [::ffff:192.0.2.10] : 19823;branch=1", `UDP ::ffff:192.0.2.10 19823 "1" "" "" ""`, ""},
		{"SIP/2.0/UDP [::1];received=2001:db8::9:255;branch=1", `UDP ::1 0 "1" ";received=2001:db8::9:255" "" ""`, ""},
		{"SIP/2.0/UDP [::1];received=[2001:db8::9:255];branch=1", `UDP ::1 0 "1" ";received=[2001:db8::9:255]" "" ""`, ""},
		{"SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en", `UNKNOWN t4.example.com 0 "z9hG4bKasd0f3en" "" "" ""`, ""},
		{"SIP/7.0/UDP c.example.com;branch=1", `UDP c.example.com 0 "1" "" "" ""`, ""},
		{"SIP/2.0/UDP 192.0.2.15;;,;,,", `UDP 192.0.2.15 0 "" "" "" ""`, ";,,"},
		{"SIP/2.0/UDP h;branch=z9hG4bK-.!%66*_+`'~", "UDP h 0 \"z9hG4bK-.!%66*_+`'~\" \"\" \"\" \"\"", ""},
		{"SIP/2.0/UDP\th;branch=1\t", `UDP h 0 "1" "" "" ""`, ""},
	} {
		raw := []byte(tt.value)
		v, rest, ok := ReadVia(raw, all(raw))
		got := fmt.Sprintf("%s %s %d %q %q %q %q", v.Transport.Of(raw), v.Host.Of(raw), v.Port, v.Branch.Of(raw),
			v.Received.All.Of(raw), v.RPort.All.Of(raw), v.MAddr.Of(raw))
		if !ok || got != tt.want || string(rest.Of(raw)) != tt.rest {
			t.Errorf("ReadVia(%q) = %s, rest %q, %v; want %s, rest %q", tt.value, got, rest.Of(raw), ok, tt.want, tt.rest)
		}
	}
}

func TestViaValueEndsWhereParametersGo(t *testing.T) {
	raw := []byte("  SIP/2.0/UDP a;rport=5 \r\n , SIP/2.0/UDP b")
	v, _, ok := ReadVia(raw, all(raw))
	if got := string(v.Value.Of(raw)); !ok || got != "SIP/2.0/UDP a;rport=5" {
		t.Errorf("Value = %q, %v", got, ok)
	}
	if got := string(v.RPort.Value.Of(raw)); got != "5" {
		t.Errorf("RPort.Value = %q, want 5", got)
	}
}

func TestNoVia(t *testing.T) {
	for _, value := range []string{
		"",
		"SIP/2.0",
		"SIP/2.0/UDP",
		"SIP/2.0/UDP ",
		"SIP/2.0/UDP ;branch=1",
		"SIP/2.0/UDP, SIP/2.0/UDP b",
		"SIP/2.0/ h",
		"SIP//UDP h",
		"/2.0/UDP h",
		`"/2.0/UDP h`,
		"SIP 2.0 UDP h",
		"SIP/2.0/UDP[::1]",
		"SIP/2.0/U@P h",
		"SIP/2.0/UDP :5060",
		"SIP/2.0/UDP h:",
		"SIP/2.0/UDP h:0",
		"SIP/2.0/UDP h:65536",
		"SIP/2.0/UDP h:4294972356",
		"SIP/2.0/UDP h:sip",
		"SIP/2.0/UDP h i",
		"SIP/2.0/UDP h/i",
		"SIP/2.0/UDP h@i",
		"SIP/2.0/UDP h\x00",
		"SIP/2.0/UDP 2001:db8::1",
		"SIP/2.0/UDP [2001:db8::1",
		"SIP/2.0/UDP []",
		"SIP/2.0/UDP [::1]5060",
		"SIP/2.0/UDP [a b]",
		`SIP/2.0/UDP h;x="y;branch=1`,
		`SIP/2.0/UDP h;x="y\";branch=1`,
		"\xd5\xf1",
	} {
		raw := []byte(value)
		if v, _, ok := ReadVia(raw, all(raw)); ok {
			t.Errorf("ReadVia(%q) = host %q port %d, want none", value, v.Host.Of(raw), v.Port)
		}
	}
}
