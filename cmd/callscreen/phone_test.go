package main

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// phone is a bare UDP socket that can place a call.
type phone struct {
	*net.UDPConn
	calls int
}

func newPhone(ip string) (*phone, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 0)))
	return &phone{UDPConn: conn}, err
}

func (p *phone) addr() netip.AddrPort { return p.LocalAddr().(*net.UDPAddr).AddrPort() }

// invite calls 100 at the proxy.
func (p *phone) invite(proxy netip.AddrPort, from string) error {
	p.calls++
	id := fmt.Sprintf("%d-%d", p.addr().Port(), p.calls)
	text := fmt.Sprintf(`INVITE sip:100@%[1]s SIP/2.0
Via: SIP/2.0/UDP %[2]s;branch=z9hG4bK%[3]s
Max-Forwards: 70
From: <sip:%[4]s@%[2]s>;tag=%[3]s
To: <sip:100@%[1]s>
Call-ID: %[3]s
CSeq: 1 INVITE
Contact: <sip:%[2]s>
Content-Length: 0

`, proxy, p.addr(), id, from)
	_, err := p.WriteToUDPAddrPort([]byte(strings.ReplaceAll(text, "\n", "\r\n")), proxy)
	return err
}

// receive returns the first line of the first message that begins with prefix.
func (p *phone) receive(prefix string) (line string, err error) {
	text, err := p.receiveAll(prefix)
	line, _, _ = strings.Cut(text, "\r\n")
	return line, err
}

// receiveAll returns the first message that begins with prefix, or else the last
// that came.
func (p *phone) receiveAll(prefix string) (text string, err error) {
	buf := make([]byte, 65536)
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	for {
		n, err := p.Read(buf)
		if err != nil {
			return text, err
		}
		if text = string(buf[:n]); strings.HasPrefix(text, prefix) {
			return text, nil
		}
	}
}

// ringing makes the 180 of a phone that received invite.
func ringing(invite string) string {
	answer := "SIP/2.0 180 Ringing\r\n"
	for line := range strings.SplitSeq(invite, "\r\n") {
		switch name, _, _ := strings.Cut(line, ":"); name {
		case "Via", "Record-Route", "From", "Call-ID", "CSeq":
			answer += line + "\r\n"
		case "To":
			answer += line + ";tag=callee\r\n"
		}
	}
	return answer + "Content-Length: 0\r\n\r\n"
}
