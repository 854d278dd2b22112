package sipagent

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// keep opens the sockets of all listeners in the agent's stead, as a service
// manager does.
func keep(t *testing.T) func(*Options) {
	return func(o *Options) {
		for i := range o.Listeners {
			l := &o.Listeners[i]
			l.Open = map[string]*os.File{}
			for j, address := range l.Addresses {
				at, file := kept(t, address)
				l.Addresses[j], l.Open[at] = at, file
			}
		}
	}
}

// kept opens a socket and returns the address that it got.
func kept(t *testing.T, address string) (at string, file *os.File) {
	t.Helper()
	name, wanted, _ := strings.Cut(address, ":")
	var socket interface {
		File() (*os.File, error)
		Close() error
	}
	var local net.Addr
	if name == "udp" {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(wanted)))
		if err != nil {
			t.Fatal(err)
		}
		socket, local = conn, conn.LocalAddr()
	} else {
		l, err := net.Listen("tcp", wanted)
		if err != nil {
			t.Fatal(err)
		}
		socket, local = l.(*net.TCPListener), l.Addr()
	}
	file, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	socket.Close()
	t.Cleanup(func() { file.Close() })
	return name + ":" + local.String(), file
}

// A call that comes between two agents waits in the socket that both of them were
// given, whatever carries it.
func TestSocketsAreHandedOver(t *testing.T) {
	for _, by := range []sides{
		{carrier: "udp", pbx: "udp"},
		{carrier: "udp", pbx: "udp", carrierIP: "::1"},
		{carrier: "tcp", pbx: "udp"},
		{carrier: "tcp", pbx: "tcp", carrierIP: "::1"},
		{carrier: "tls", pbx: "tcp"},
	} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			r := newMixedRig(t, by, labelled, keep(t))
			talks := r.carrier.newCall("talks")
			r.talk(talks)
			for range 3 {
				r.stop()
				if l, ok := r.carrier.conn.(*line); ok {
					l.cut() // it has ended, and the phone shall know
				}
				c := r.carrier.newCall("meanwhile")
				sent := make(chan struct{})
				to := r.carrier.proxy
				go func() { // ends when the next agent takes the connection
					defer close(sent)
					if _, err := r.carrier.conn.WriteToUDPAddrPort(sipBytes(c.request("INVITE", "")), to); err != nil {
						t.Error(err)
					}
				}()
				if r.carrier.transport == "" {
					<-sent
				}
				r.start()
				inv := r.pbx.want("INVITE ")
				<-sent
				r.carrier.want("SIP/2.0 100")
				r.pbx.send(inv.answer("486 Busy Here"))
				r.pbx.want("ACK ")
				c.to = r.carrier.want("SIP/2.0 486").header("To")
				r.carrier.send(c.request("ACK", ""))
				r.quiet()
			}
			talks.cseq++
			r.carrier.send(talks.request("BYE", "bye"))
			r.pbx.send(r.pbx.want("BYE ").answer("200 OK"))
			r.carrier.want("SIP/2.0 200")
		})
	}
}
