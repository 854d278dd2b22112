package wire

import (
	"fmt"
	"testing"
)

func TestReadURI(t *testing.T) {
	for _, tt := range []struct {
		uri  string
		want string // scheme user host port params
		sip  bool
		tel  bool
	}{
		{"sip:100@192.0.2.1", `sip "100" "192.0.2.1" 0 ""`, true, false},
		{"SIP:100@192.0.2.1:5080;user=phone;lr", `SIP "100" "192.0.2.1" 5080 ";user=phone;lr"`, true, false},
		{"sips:100@example.com", `sips "100" "example.com" 0 ""`, true, false},
		{"sip:example.com;lr", `sip "" "example.com" 0 ";lr"`, true, false},
		{"sip:@example.com", `sip "" "example.com" 0 ""`, true, false},
		{"sip:alice:secret@example.com:5060", `sip "alice" "example.com" 5060 ""`, true, false},
		{"sip:alice:@example.com", `sip "alice" "example.com" 0 ""`, true, false},
		{"sip:user;par=u%40example.net@example.com", `sip "user;par=u%40example.net" "example.com" 0 ""`, true, false},
		{"sip:13041439112;npdi;rn=1@192.0.2.1;user=phone", `sip "13041439112;npdi;rn=1" "192.0.2.1" 0 ";user=phone"`, true, false},
		{"sip:a@b@example.com", `sip "a@b" "example.com" 0 ""`, true, false},
		{"sip:a?b/c@example.com?Subject=x", `sip "a?b/c" "example.com" 0 ""`, true, false},
		{"sip:user@example.com?Route=%3Csip:example.com%3E", `sip "user" "example.com" 0 ""`, true, false},
		{"sip:user@example.com;maddr=192.0.2.9;transport=udp?a=b;c", `sip "user" "example.com" 0 ";maddr=192.0.2.9;transport=udp"`, true, false},
		{
			"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
			`sip "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*" "example.com" 0 ""`, true, false,
		},
		{"sip:sips%3Auser%40example.com@example.net", `sip "sips%3Auser%40example.com" "example.net" 0 ""`, true, false},
		{"sip:[2001:db8::10]", `sip "" "2001:db8::10" 0 ""`, true, false},
		{"sip:u@[2001:db8::10]:5070;lr", `sip "u" "2001:db8::10" 5070 ";lr"`, true, false},
		{"sip:u@[2001:db8::10:5070]", `sip "u" "2001:db8::10:5070" 0 ""`, true, false},
		{"sip:u@[2001:db8:::192.0.2.1]", `sip "u" "2001:db8:::192.0.2.1" 0 ""`, true, false},
		{"sip:\xd5\xc5@a", "sip \"\\xd5\\xc5\" \"a\" 0 \"\"", true, false},
		{" sip:1@a ", `sip "1" "a" 0 ""`, true, false},
		{"tel:+86-571-56264805", `tel "+86-571-56264805" "" 0 ""`, false, true},
		{"TEL:10086;phone-context=+86", `TEL "10086;phone-context=+86" "" 0 ""`, false, true},
		{"soap.beep://192.0.2.103:3002", `soap.beep "//192.0.2.103:3002" "" 0 ""`, false, false},
		{"nobodyKnowsThisScheme:totallyopaquecontent", `nobodyKnowsThisScheme "totallyopaquecontent" "" 0 ""`, false, false},
		{"sipx:1@a", `sipx "1@a" "" 0 ""`, false, false},
		{"urn:service:sos", `urn "service:sos" "" 0 ""`, false, false},
	} {
		raw := []byte(tt.uri)
		u, ok := ReadURI(raw, all(raw))
		got := fmt.Sprintf("%s %q %q %d %q", u.Scheme.Of(raw), u.User.Of(raw), u.Host.Of(raw), u.Port, u.Params.Of(raw))
		if !ok || got != tt.want || u.IsSIP(raw) != tt.sip || u.IsTel(raw) != tt.tel {
			t.Errorf("ReadURI(%q) = %s, %v, SIP %v, tel %v; want %s, SIP %v, tel %v",
				tt.uri, got, ok, u.IsSIP(raw), u.IsTel(raw), tt.want, tt.sip, tt.tel)
		}
	}
}

func TestNoURI(t *testing.T) {
	for _, uri := range []string{
		"",
		"  ",
		"100",
		":100",
		"192.0.2.1:5060",
		"+86:571",
		"%73ip:1@a",
		"s ip:1@a",
		"<sip:1@a>",
		"sip:",
		"sip:100@",
		"sip:100@:5060",
		"sip:100@a:",
		"sip:100@a:0",
		"sip:100@a:65536",
		"sip:100@a:b",
		"sip:100@a b",
		"sip:100@a/b",
		"sip:2001:db8::10",
		"sip:[2001:db8::10",
		"sip:u@[]",
		"sip:;lr",
		"sip:?a=b",
		"sip:u@\xd5\xc5",
	} {
		raw := []byte(uri)
		if u, ok := ReadURI(raw, all(raw)); ok {
			t.Errorf("ReadURI(%q) = %q at %q, want none", uri, u.User.Of(raw), u.Host.Of(raw))
		}
	}
}
