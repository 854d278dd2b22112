package sipagent

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// A connection that is cut between the 200 and its ACK costs nothing: each side
// is found again.
func TestCutBeforeTheACK(t *testing.T) {
	for _, by := range []sides{{carrier: "tcp", pbx: "tcp"}, {carrier: "tls", pbx: "tls"}, {carrier: "tcp", pbx: "udp"}, {carrier: "udp", pbx: "tcp"}} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, labelled)
			c := r.carrier.newCall("cut")
			inv := r.invite(c)
			r.pbx.send(inv.answer("200 OK"))
			c.established(r.carrier.want("SIP/2.0 200"), r.pbx.uri("100"))
			r.cut()
			r.carrier.send(c.request("ACK", "ack"))
			r.pbx.want("ACK ")
			r.cut()
			back := r.pbx.callee(inv)
			r.pass(back, r.carrier, "INFO", "info")
			r.cut()
			r.pass(c, r.pbx, "BYE", "bye")
		})
	}
}

// cut ends all connections of the phones and waits until the agent knows.
func (r *rig) cut() {
	r.t.Helper()
	for _, p := range []*phone{r.carrier, r.pbx} {
		if l, ok := p.conn.(*line); ok {
			l.cut()
		}
	}
	r.eventually("connections are gone", func() bool { return r.connections() == 0 })
}

func (r *rig) connections() (n int) {
	for _, s := range r.agent.sockets {
		if s.transport.reliable() {
			s.streams.mu.Lock()
			n += len(s.streams.open)
			s.streams.mu.Unlock()
		}
	}
	return n
}

// eventually waits for what another goroutine brings about.
func (r *rig) eventually(what string, is func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("it never came to this: %s", what)
		}
	}
}

// An answer whose connection has ended goes to where the Via says that the
// sender listens (RFC 3261 section 18.2.2), kept request or not.
func TestAnswerToAClosedConnection(t *testing.T) {
	for _, by := range []sides{{carrier: "tcp", pbx: "tcp"}, {carrier: "tls", pbx: "tls"}, {carrier: "tcp", pbx: "udp"}} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, allowed)
			c := r.carrier.newCall("late")
			r.carrier.send(c.request("MESSAGE", ""))
			m := r.pbx.want("MESSAGE ")
			r.carrier.conn.(*line).cut()
			r.eventually("the connection is gone", func() bool { return socketOf(r.agent, by.carrier).streams.count() == 0 })
			r.pbx.send(m.answer("200 OK"))
			r.carrier.want("SIP/2.0 200")
		})
	}
}

// socketOf returns the first socket of a transport: the carrier's.
func socketOf(a *Agent, transport string) *socket {
	return a.sockets[slices.IndexFunc(a.sockets, func(s *socket) bool { return s.transport.String() == transport })]
}

func (t *streams) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

// Answers take the connection that the request came by, even if nobody listens
// where the Via says, and on one of two from the same address the right one.
func TestAnswersTakeTheirConnection(t *testing.T) {
	for _, by := range []sides{{carrier: "tcp", pbx: "tcp"}, {carrier: "tls", pbx: "tls"}, {carrier: "tcp", pbx: "udp"}} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, allowed)
			second := newLine(t, "127.0.0.1", r.carrier.conn.(*line).conf())
			second.proxy = r.carrier.proxy
			var asked []msg
			for i, p := range []*phone{r.carrier, second} {
				p.conn.(*line).listener.Close()
				p.send(p.newCall([]string{"one", "two"}[i]).request("MESSAGE", ""))
				asked = append(asked, r.pbx.want("MESSAGE "))
			}
			for _, m := range asked {
				r.pbx.send(m.answer("200 OK"))
			}
			for i, p := range []*phone{r.carrier, second} {
				if ok := p.want("SIP/2.0 200"); ok.header("Call-ID") != []string{"one", "two"}[i] {
					t.Errorf("received %q", ok)
				}
			}
		})
	}
}

// An INVITE that was on a connection when that was cut is sent once more.
func TestRequestOnACutConnection(t *testing.T) {
	for _, method := range []string{"INVITE", "MESSAGE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, sides{carrier: "udp", pbx: "tcp"}, allowed)
			c := r.carrier.newCall("once more")
			r.carrier.send(c.request(method, ""))
			first := r.pbx.want(method + " ")
			r.pbx.conn.(*line).cut()
			second := r.pbx.want(method + " ")
			if first != second {
				t.Errorf("first %q, then %q", first, second)
			}
			r.pbx.conn.(*line).cut()
			if method == "INVITE" {
				r.carrier.want("SIP/2.0 100")
				r.carrier.want("SIP/2.0 480")
			} else {
				r.carrier.want("SIP/2.0 500")
			}
		})
	}
}

// Who takes no connections costs the caller no waiting, and a dialog not its life.
func TestNobodyListens(t *testing.T) {
	for _, by := range []sides{{carrier: "udp", pbx: "tcp"}, {carrier: "tcp", pbx: "tcp"}, {carrier: "tls", pbx: "tcp"}} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, allowed)
			c := r.carrier.newCall("up")
			r.talk(c)
			before := r.connections()
			r.pbx.conn.Close()
			r.eventually("the connection is gone", func() bool { return r.connections() < before })
			for _, method := range []string{"INVITE", "INFO", "BYE"} {
				c.cseq++
				r.carrier.send(c.request(method, method))
				if method == "INVITE" {
					r.carrier.want("SIP/2.0 100")
				}
				if no := r.carrier.want("SIP/2.0 500"); no.header("CSeq") != fmt.Sprint(c.cseq, " ", method) {
					t.Errorf("%s is answered %q", method, no)
				}
			}
			next := r.carrier.newCall("next")
			r.carrier.send(next.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			r.carrier.want("SIP/2.0 480")
			r.eventually("nothing is kept of what was answered", func() bool {
				r.agent.mu.Lock()
				defer r.agent.mu.Unlock()
				return len(r.agent.exchanges) == 0 || by.carrier == "udp"
			})
		})
	}
}

// Requests that are too long for UDP go by TCP to who takes it, and by UDP to
// who does not; that is not asked again for a while.
func TestLongRequests(t *testing.T) {
	body := strings.Repeat(sdp, 15)
	open := func(o *Options) { o.PBX.Targets[0].URI, _, _ = strings.Cut(o.PBX.Targets[0].URI, ";") }
	for _, method := range []string{"INVITE", "MESSAGE"} {
		t.Run(method+" by TCP", func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, sides{carrier: "udp", pbx: "tcp"}, allowed, open)
			c := r.carrier.newCall("long")
			r.carrier.send(withBody(c.request(method, ""), "application/sdp", body))
			got := r.pbx.want(method + " ")
			if !strings.HasPrefix(got.header("Via"), "SIP/2.0/TCP ") || !strings.HasSuffix(string(got), body) {
				t.Errorf("received %q", got)
			}
			if rr := got.header("Record-Route"); method == "INVITE" && !strings.Contains(rr, ";transport=tcp") {
				t.Errorf("Record-Route = %q", rr)
			}
		})
		t.Run(method+" by UDP", func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, sides{carrier: "udp", pbx: "udp"}, allowed, open)
			for _, id := range []string{"first", "second"} {
				c := r.carrier.newCall(id)
				r.carrier.send(withBody(c.request(method, ""), "application/sdp", body))
				got := r.pbx.want(method + " ")
				if !strings.HasPrefix(got.header("Via"), "SIP/2.0/UDP ") || !strings.HasSuffix(string(got), body) {
					t.Errorf("received %q", got)
				}
				r.pbx.send(got.answer("486 Busy Here"))
				if method == "INVITE" {
					r.carrier.want("SIP/2.0 100")
					r.pbx.want("ACK ")
				}
				r.carrier.want("SIP/2.0 486")
			}
			if r.agent.pbx().noTCP.Load() == 0 {
				t.Error("TCP will be tried again for every request")
			}
		})
	}
}

// A peer that does not read what it asked for loses its connection; calls beside
// it do not notice.
func TestPeerThatDoesNotRead(t *testing.T) {
	r := newMixedRig(t, sides{carrier: "tcp", pbx: "udp"}, allowed)
	deaf, err := (&line{}).dial(r.carrier.proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	ping := sipBytes(strings.Replace(r.carrier.newCall("deaf").request("OPTIONS", ""), "sip:100@", "sip:", 1))
	broken := make(chan error, 1)
	go func() { // ends when the agent closes the connection
		for {
			if _, err := deaf.Write(ping); err != nil {
				broken <- err
				return
			}
		}
	}()
	for i := 0; ; i++ {
		goodCall(r.carrier, r.pbx, "beside-"+string(rune('a'+i%26))+strings.Repeat("x", i/26))
		select {
		case <-broken:
			goodCall(r.carrier, r.pbx, "behind")
			return
		default:
		}
		if i > 5000 {
			t.Fatal("the connection of who does not read stays")
		}
	}
}

// Nothing is ever connected to but peers, whatever an answer or a dialog names.
func TestNoConnectionToStrangers(t *testing.T) {
	r := newMixedRig(t, sides{carrier: "tcp", pbx: "tcp"}, allowed)
	s := socketOf(r.agent, "tcp")
	if err := r.agent.send(way{socket: s, addr: netip.MustParseAddrPort("127.0.0.77:9")}, []byte("x")); err != nil {
		t.Errorf("send = %v; it is only refused when it is tried", err)
	}
	r.eventually("the attempt is over", func() bool { return s.streams.count() == 0 })
}
