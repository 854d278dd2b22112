package main

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestHomerIsTold: the packets hold the messages as the wire had them, and the
// decision.
func TestHomerIsTold(t *testing.T) {
	homer, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer homer.Close()
	o := newOffice(t)
	p, _ := o.start("hep: {address: \"" + homer.LocalAddr().String() + "\"}\n")
	if err := o.carrier.invite(p.addr("main"), "13041439112"); err != nil {
		t.Fatal(err)
	}
	passed, err := o.pbx.receiveAll("INVITE ")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{string(passed): true, "SIP/2.0 100 ": true, `"from":"130****9112"`: true}
	packet := make([]byte, 65536)
	for len(missing) > 0 {
		if err := homer.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, _, err := homer.ReadFrom(packet)
		if err != nil {
			t.Fatalf("%v; homer was not told of %v", err, missing)
		}
		for text := range missing {
			if strings.HasPrefix(string(packet[:n]), "HEP3") && strings.Contains(string(packet[:n]), text) {
				delete(missing, text)
			}
		}
	}
	if n := p.record.figures(t)["callscreen_record_written_total homer"]; n < 3 {
		t.Errorf("%v packets are counted; want 3 or more", n)
	}
}

// Nobody is shown a message where nobody keeps any.
func TestNoTapWithoutTrace(t *testing.T) {
	o := newOffice(t)
	p, _ := o.run(o.withRecord("{file: record.jsonl, trace: 0}"))
	o.call(p, "13041439112", o.pbx, "INVITE sip:")
	if p.record.tap() != nil {
		t.Error("there is a tap; want none")
	}
}
