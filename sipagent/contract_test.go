package sipagent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emiago/sipgo/sip"

	"callscreen/sipagent/wire"
)

// These tests hold what we rely on in sipgo's package sip, so that a new version
// of it that does otherwise is seen before a call is.

// headerParts lists names and values as sipgo gives them.
func headerParts(m sip.Message) (parts []string) {
	type lister interface{ Headers() []sip.Header }
	for _, h := range m.(lister).Headers() {
		parts = append(parts, h.Name()+"="+h.Value())
	}
	return parts
}

func TestContractHeadersStayAsTheyCame(t *testing.T) {
	raw := sipBytes("INVITE sip:100@192.0.2.1 SIP/2.0\n" +
		"vIa: SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b ;rport\n" +
		"f: \"\xd5\xc5\\\"\" <sip:1@a;x>  ; tag=1\n" +
		"TO: sip:2@b;x=\"y;z\"\n" +
		"i: 1\n" +
		"cseq: 4294967295   INVITE\n" +
		"M: <h323:x>, *\n" +
		"Max-Forwards: many\n" +
		"Content-Length: 17\n" +
		"X-Twice: 1\n" +
		"X-Empty:\n" +
		"x-twice :\t2\n" +
		"X-Folded: a\n" +
		"  b\n" +
		"\tc\n\n")
	want := []string{
		"vIa=SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b ;rport", "f=\"\xd5\xc5\\\"\" <sip:1@a;x>  ; tag=1", `TO=sip:2@b;x="y;z"`,
		"i=1", "cseq=4294967295   INVITE", "M=<h323:x>, *", "Max-Forwards=many", "Content-Length=17",
		"X-Twice=1", "X-Empty=", "x-twice=2", "X-Folded=a b c",
	}
	m, err := newParser().ParseSIP(raw)
	if err != nil {
		t.Fatalf("ParseSIP = %v", err)
	}
	if got := headerParts(m); !slices.Equal(got, want) {
		t.Errorf("headers are\n%q\nwant\n%q", got, want)
	}
}

func TestContractRecipient(t *testing.T) {
	for _, tt := range []struct{ uri, scheme, user, host, raw string }{
		{"sip:100@192.0.2.1:5080;user=phone", "sip", "100", "192.0.2.1", ""},
		{"SIPS:100@example.com", "sips", "100", "example.com", ""},
		{"sip:example.com;lr", "sip", "", "example.com", ""},
		{"sip:100:secret@example.com", "sip", "100", "example.com", ""},
		{"sip:%2B8613041439112;npdi;rn=1@a", "sip", "%2B8613041439112;npdi;rn=1", "a", ""},
		{"sip:user@example.com?Route=%3Csip:example.com%3E", "sip", "user", "example.com", ""},
		{"sip:100@[2001:db8::1]:5060;lr", "sip", "100", "[2001:db8::1]", ""},
		{"tel:+86-571-56264805;phone-context=x", "tel", "", "", "+86-571-56264805;phone-context=x"},
	} {
		m, err := newParser().ParseSIP([]byte("INVITE " + tt.uri + " SIP/2.0\r\n\r\n"))
		if err != nil {
			t.Errorf("ParseSIP with %s = %v", tt.uri, err)
			continue
		}
		u := m.(*sip.Request).Recipient
		if u.Scheme != tt.scheme || u.User != tt.user || u.Host != tt.host || u.Raw() != tt.raw {
			t.Errorf("Recipient of %s = %q %q %q %q, want %q", tt.uri, u.Scheme, u.User, u.Host, u.Raw(), tt)
		}
	}
	m, err := newParser().ParseSIP([]byte("INVITE sip:100@a:5080;user=phone;x SIP/2.0\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	u := m.(*sip.Request).Recipient
	if phone, _ := u.UriParams.Get("user"); u.Port != 5080 || phone != "phone" || !u.UriParams.Has("x") {
		t.Errorf("port %d, parameters %q", u.Port, u.UriParams.String())
	}
}

// Everything an answer of ours consists of leaves in this form.
func TestContractFormOfAnswers(t *testing.T) {
	r := sip.NewResponse(603, "Decline")
	for _, h := range []header{
		{"Via", "SIP/2.0/UDP a;branch=1,\r\n SIP/2.0/UDP b"},
		{"Via", "SIP/2.0/UDP c"},
		{"From", "\"\xd5\xc5\" <sip:1@a>;tag=1"},
		{"X-Own", ""},
		{"Content-Length", "0"},
	} {
		r.AppendHeader(sip.NewHeader(h.name, h.value))
	}
	want := "SIP/2.0 603 Decline\r\nVia: SIP/2.0/UDP a;branch=1,\r\n SIP/2.0/UDP b\r\nVia: SIP/2.0/UDP c\r\n" +
		"From: \"\xd5\xc5\" <sip:1@a>;tag=1\r\nX-Own: \r\nContent-Length: 0\r\n\r\n"
	if got := r.String(); got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
}

func TestContractErrors(t *testing.T) {
	const rest = "Via: SIP/2.0/UDP a\r\n\r\n"
	for _, tt := range []struct {
		raw string
		ok  bool
	}{
		{"INVITE sip:100@a SIP/2.0\r\n" + rest, true},
		{"INVITE nobodyKnows:x SIP/2.0\r\n" + rest, true},
		{"INVITE sip:100@a SIP/7.0\r\n" + rest, true},
		{"INVITE sip:100@a sip/2.0\r\n" + rest, true},
		{"INVITE sip:100@a;;x SIP/2.0\r\n" + rest, true},
		{"INVITE sip:a@b@c SIP/2.0\r\n" + rest, true},
		{"INVITE sip:a@[2001:db8::1 SIP/2.0\r\n" + rest, false},
		{"INVITE sip:a@b:port SIP/2.0\r\n" + rest, false},
		{"INVITE * SIP/2.0\r\n" + rest, false},
		{"INVITE 100 SIP/2.0\r\n" + rest, false},
		{"INVITE  SIP/2.0\r\n" + rest, false},
		{"INVITE <sip:100@a> SIP/2.0\r\n" + rest, false},
		{"INVITE sip:100@a; x SIP/2.0\r\n" + rest, false},
		{"INVITE sip:100@a\r\n" + rest, false},
		{"GET / HTTP/1.1\r\n" + rest, false},
		{"INVITE sip:100@a SIP/2.0\r\nVia\r\n\r\n", false},
		{"INVITE sip:100@a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n", false},
		{"", false},
	} {
		if m, err := newParser().ParseSIP([]byte(tt.raw)); (err == nil) != tt.ok {
			t.Errorf("ParseSIP(%q) = %v, %v; want ok %v", tt.raw, m, err, tt.ok)
		}
	}
}

// torture returns a message of RFC 4475 or RFC 5118 by its file.
func torture(t *testing.T, source, file string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../testdata/sip/torture", source, file))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Nothing of the torture set makes the parser panic, and it reads every INVITE
// that the scan lets through, with the parts that our own reader finds.
func TestContractTorture(t *testing.T) {
	files, err := filepath.Glob("../testdata/sip/torture/*/*.dat")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d messages: %v", len(files), err)
	}
	read := 0
	for _, f := range files {
		raw := torture(t, filepath.Base(filepath.Dir(f)), filepath.Base(f))
		for cut := range raw { // no end of it makes a panic either
			_, _ = newParser().ParseSIP(raw[:cut])
		}
		msg, err := newParser().ParseSIP(raw)
		var m wire.Message
		if m.Scan(raw) != nil || m.Flaw != wire.FlawNone || !m.Is("INVITE") {
			continue
		}
		if err != nil {
			t.Errorf("%s: ParseSIP = %v", f, err)
			continue
		}
		ours, _ := wire.ReadURI(m.Raw, m.URI)
		u := msg.(*sip.Request).Recipient
		if u.User != string(ours.User.Of(m.Raw)) || strings.Trim(u.Host, "[]") != string(ours.Host.Of(m.Raw)) {
			t.Errorf("%s: Recipient is %q at %q, we read %q at %q", f, u.User, u.Host, ours.User.Of(m.Raw), ours.Host.Of(m.Raw))
		}
		read++
	}
	if read < 10 {
		t.Errorf("only %d INVITEs came that far", read)
	}
}

// One parser serves all sockets.
func TestContractParserIsShared(t *testing.T) {
	p := newParser()
	var readers sync.WaitGroup
	for i := range 4 {
		readers.Go(func() { // ends with its messages
			for range 50 {
				user := fmt.Sprint(i)
				m, err := p.ParseSIP([]byte("INVITE sip:" + user + "@a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n"))
				if err != nil || m.(*sip.Request).Recipient.User != user {
					t.Errorf("ParseSIP = %v, %v", m, err)
				}
			}
		})
	}
	readers.Wait()
}

// The parser keeps nothing of the bytes it reads: they are a socket's buffer.
func TestContractParserCopies(t *testing.T) {
	raw := []byte("INVITE sip:100@a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n")
	m, err := newParser().ParseSIP(raw)
	if err != nil {
		t.Fatal(err)
	}
	copy(raw, bytes.Repeat([]byte("x"), len(raw)))
	if got := m.(*sip.Request).Recipient.User; got != "100" {
		t.Errorf("Recipient.User became %q", got)
	}
	if got := headerParts(m); !slices.Equal(got, []string{"Via=SIP/2.0/UDP a"}) {
		t.Errorf("headers became %q", got)
	}
}
