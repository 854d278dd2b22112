package sipagent

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
)

// BenchmarkCall plays whole calls through an agent without sockets: INVITE, 180,
// 200, ACK, BYE, 200.
func BenchmarkCall(b *testing.B) {
	played := newBench(b)
	played.agent.screener, played.agent.limits.Setups = allowed, 10_000_000
	out := &lastSent{}
	for _, l := range played.agent.sockets {
		l.conn = out
	}
	carrier, pbx := played.sides[0], played.sides[1]
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		head := fmt.Sprintf("From: \"Zhang San\" <sip:13041439112@203.0.113.10>;tag=f%d\r\nCall-ID: %d@203.0.113.10\r\n", i, i)
		body := "v=0\r\no=- 1 1 IN IP4 203.0.113.10\r\ns=-\r\nc=IN IP4 203.0.113.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
		invite := fmt.Appendf(nil, "INVITE sip:4001@198.51.100.5:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK%d\r\n%s"+
			"To: <sip:4001@198.51.100.5>\r\nCSeq: 1 INVITE\r\nContact: <sip:13041439112@203.0.113.10:5060>\r\nMax-Forwards: 70\r\n"+
			"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s", i, head, len(body), body)
		carrier.work.handle(carrier.src, invite)
		answer := answerTo(out.b)
		pbx.work.handle(pbx.src, bytes.Replace(answer, []byte("SIP/2.0 200 OK"), []byte("SIP/2.0 180 Ringing"), 1))
		pbx.work.handle(pbx.src, answer)
		route := "Route: <sip:198.51.100.5:5060;lr>\r\nRoute: <sip:192.168.1.20:5060;lr>\r\n"
		carrier.work.handle(carrier.src, fmt.Appendf(nil, "ACK sip:4001@192.168.1.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bKa%d\r\n%s%s"+
			"To: <sip:4001@198.51.100.5>;tag=t\r\nCSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", i, route, head))
		carrier.work.handle(carrier.src, fmt.Appendf(nil, "BYE sip:4001@192.168.1.10:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bKb%d\r\n%s%s"+
			"To: <sip:4001@198.51.100.5>;tag=t\r\nCSeq: 2 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n", i, route, head))
		pbx.work.handle(pbx.src, answerTo(out.b))
	}
	if out.n != 7*i {
		b.Errorf("%d messages left in %d calls, want 7 a call", out.n, i)
	}
}

// answerTo makes a 200 of a request: its header without what an answer lacks.
func answerTo(request []byte) []byte {
	head, _, _ := bytes.Cut(request, []byte("\r\n\r\n"))
	lines := bytes.Split(head, []byte("\r\n"))
	answer := []byte("SIP/2.0 200 OK\r\n")
	for _, l := range lines[1:] {
		if !bytes.HasPrefix(l, []byte("Max-")) && !bytes.HasPrefix(l, []byte("Content-")) {
			answer = append(append(answer, l...), "\r\n"...)
		}
	}
	return append(answer, "Content-Length: 0\r\n\r\n"...)
}

// lastSent is a sink that keeps the last message only.
type lastSent struct {
	sink
	b []byte
	n int
}

func (s *lastSent) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) {
	s.b, s.n = b, s.n+1
	return len(b), nil
}
