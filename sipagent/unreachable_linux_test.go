package sipagent

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
)

// The kernel tells that nobody listens at a port, whatever else is sent there.
func TestRefusedByTheKernel(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		dead, alive := newPhoneAt(t, ip), newPhoneAt(t, ip)
		r := newRigAt(t, ip, labelled, func(o *Options) {
			o.PBX.Targets = InOrder("sip:"+dead.addr.String(), "sip:"+alive.addr.String())
		})
		alive.proxy = r.pbx.proxy
		dead.conn.Close()
		for i := range 20 {
			c := r.carrier.newCall(fmt.Sprint("refused-", i))
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			inv := alive.want("INVITE ")
			alive.send(inv.answer("486 Busy Here"))
			alive.want("ACK ")
			c.to = r.carrier.want("SIP/2.0 486").header("To")
			r.carrier.send(c.request("ACK", ""))
			if x := r.agent.pbx().places[0]; i == 0 && x.now().why != failedRefused {
				t.Errorf("%s: the dead target is %+v", ip, x.now())
			}
			for _, x := range r.agent.pbx().places[:2] {
				x.state.Store(nil) // for the next call to find out again
			}
		}
		r.drops("send-failed", 0)
	}
}

// What is sent to who is there arrives while others send back.
func TestErrorsOfOthers(t *testing.T) {
	conn, at, err := bind(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	there := newPhone(t)
	dead := newPhone(t)
	dead.conn.Close()
	for i := range 200 {
		if _, err := conn.WriteToUDPAddrPort([]byte("x"), dead.addr); err != nil {
			t.Fatalf("sending to who is not there: %v", err)
		}
		if _, err := conn.WriteToUDPAddrPort(fmt.Append(nil, i), there.addr); err != nil {
			t.Fatalf("sending to who is there: %v", err)
		}
		if m := there.want(""); string(m) != fmt.Sprint(i) {
			t.Fatalf("received %q, want %d", m, i)
		}
	}
	there.proxy = at
	there.send("hello")
	buf := make([]byte, 100)
	back := 0
	for range 1000 {
		n, src, err := conn.ReadFromUDPAddrPort(buf)
		if err == nil && string(buf[:n]) == "hello" && src == there.addr {
			break
		}
		if err == errCameBack && src == dead.addr && string(buf[:n]) == "x" {
			back++
		}
		if err == net.ErrClosed {
			t.Fatal(err)
		}
	}
	if back == 0 {
		t.Error("nothing came back")
	}
}
