package sipagent

import (
	"net/netip"
	"testing"
)

type deaf struct{}

func (deaf) Message(Message) {}

// BenchmarkTap shows the messages of a call, seven that come and eight that leave,
// through a socket of one address and of all.
func BenchmarkTap(b *testing.B) {
	for _, local := range []string{"198.51.100.5:5060", "0.0.0.0:5060"} {
		b.Run(local, func(b *testing.B) {
			played := newBench(b)
			a, w := played.agent, played.sides[0].work
			a.tapped, w.src = newTapped(deaf{}), netip.MustParseAddrPort("127.0.0.1:5060")
			w.in.local = netip.MustParseAddrPort(local)
			raw := []byte("INVITE sip:4001@198.51.100.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK1\r\n" +
				"Via: SIP/2.0/UDP 203.0.113.11:5060;branch=z9hG4bK2\r\nRecord-Route: <sip:203.0.113.10:5060;lr>\r\nMax-Forwards: 70\r\n" +
				"Contact: <sip:13041439112@203.0.113.10:5060>\r\nFrom: \"Zhang San\" <sip:13041439112@203.0.113.10>;tag=f1\r\n" +
				"To: <sip:4001@198.51.100.5>\r\nCall-ID: 1@203.0.113.10\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n")
			if err := w.msg.Scan(raw); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				for range 7 {
					w.tapIn()
				}
				for range 8 {
					a.tapOut(way{socket: w.in, addr: w.src}, raw)
				}
			}
		})
	}
}
