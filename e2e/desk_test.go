package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// desked is an office with an Asterisk and one desk. The carrier's and the desk's
// end are bare sockets.
type desked struct {
	*office
	asterisk *asterisk
	desk     *phone
}

// talks places a call that the desk answers, and which the caller ends. The desk
// must see the name.
func (o *desked) talks(number, name string) {
	o.t.Helper()
	if got := o.nameOf(number); got != name {
		o.t.Errorf("a call from %s rang as %q, want %q", number, got, name)
	}
}

// nameOf places a call that the desk answers, and which the caller ends. It returns
// the name that the desk saw.
func (o *desked) nameOf(number string) string {
	o.t.Helper()
	return o.rings(o.carrier.dial(number), number)
}

// rings is nameOf for a call that is dialled already.
func (o *desked) rings(d *dialog, number string) string {
	o.t.Helper()
	name := o.answers(d, number)
	o.ends(d)
	return name
}

// answers places a call that the desk answers, and returns the name that the desk saw.
func (o *desked) answers(d *dialog, number string) string {
	o.t.Helper()
	o.carrier.send(withSDP(d.invite(), o.carrier))
	invite := o.desk.wantNext("INVITE ")
	name, _, _ := strings.Cut(invite.header("From"), "<")
	if !strings.Contains(invite.header("From"), "<sip:"+number+"@") {
		o.t.Errorf("the desk saw %s, want the number %s", invite.header("From"), number)
	}
	ok, own := string(invite.answer("200 OK")), "Contact: <sip:desk@"+o.desk.addr.String()+">"
	o.desk.send(withSDP(message(strings.Replace(ok, "Contact: <"+invite.uri()+">", own, 1)), o.desk))
	o.carrier.send(d.ack(o.carrier.wantNext("SIP/2.0 200 ")))
	o.desk.wantNext("ACK ")
	return strings.Trim(name, `" `)
}

// ends lets the caller hang up.
func (o *desked) ends(d *dialog) {
	o.t.Helper()
	o.carrier.send(d.bye())
	o.carrier.wantNext("SIP/2.0 200 ")
	o.desk.send(o.desk.wantNext("BYE ").answer("200 OK"))
}

// refused places a call that callscreen refuses with a status: the desk hears nothing.
func (o *desked) refused(number string, status int) {
	o.t.Helper()
	d := o.carrier.dial(number)
	o.carrier.send(withSDP(d.invite(), o.carrier))
	o.carrier.send(d.ack(o.carrier.wantNext(fmt.Sprintf("SIP/2.0 %d ", status))))
	if m, came := o.desk.next(200 * time.Millisecond); came {
		o.t.Errorf("the desk heard of a refused call: %q", m)
	}
}

// wantNext returns the next message that begins so; others are passed over, as
// Asterisk may ring twice or update what an end shows.
func (p *phone) wantNext(start string) message {
	p.t.Helper()
	for {
		m, ok := p.next(2 * patience)
		switch {
		case !ok:
			p.t.Fatalf("nothing came that begins with %q", start)
		case strings.HasPrefix(string(m), start):
			return m
		case strings.HasPrefix(string(m), "OPTIONS "): // how are you?
			p.send(m.answer("200 OK"))
		}
	}
}

// withSDP gives a message a body that offers or answers speech with a phone.
func withSDP(m message, p *phone) message {
	body := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n", p.addr.Addr())
	head := fmt.Sprintf("\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n", len(body))
	return message(strings.Replace(string(m), "\r\nContent-Length: 0\r\n\r\n", head, 1) + body)
}

// writeTo writes a file into a folder, which it returns.
func writeTo(t *testing.T, dir, name, text string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
