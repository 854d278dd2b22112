package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 24, 9, 30, 5, 123_456_000, time.UTC)

var (
	carrier = netip.MustParseAddrPort("203.0.113.10:5060")
	us      = netip.MustParseAddrPort("192.0.2.1:5060")
	pbx     = netip.MustParseAddrPort("192.168.1.10:5060")
)

func message(call, raw string, from, to netip.AddrPort, after time.Duration) Message {
	return Message{Call: []byte(call), At: at.Add(after), Transport: "udp", From: from, To: to, Raw: []byte(raw)}
}

// call is a call that is answered and ended.
func aCall() []Message {
	const rest = "Call-ID: a\r\n\r\n"
	return []Message{
		message("a", "INVITE sip:4001@192.0.2.1 SIP/2.0\r\n"+rest, carrier, us, 0),
		message("a", "SIP/2.0 100 Trying\r\n"+rest, us, carrier, 200*time.Microsecond),
		message("a", "INVITE sip:4001@192.168.1.10 SIP/2.0\r\n"+rest, us, pbx, 2*time.Millisecond),
		message("a", "SIP/2.0 180 Ringing\r\n"+rest, pbx, us, 40*time.Millisecond),
		message("a", "SIP/2.0 180 Ringing\r\n"+rest, us, carrier, 41*time.Millisecond),
		message("a", "\x1b[2J\u202eOWNED\x00 sip:x SIP/2.0\r\n"+rest, pbx, carrier, time.Second),
		message("a", "SIP/2.0 486 "+strings.Repeat("Busy", 20)+"\r\n"+rest, us, us, 61*time.Second),
	}
}

func open(t *testing.T, calls int) *Trace {
	t.Helper()
	tr, err := New(Options{Calls: calls})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestMessagesAreKept(t *testing.T) {
	tr := open(t, 2)
	for _, m := range aCall() {
		kept := bytes.Clone(m.Raw)
		tr.Add(m)
		clear(m.Raw) // the socket reads the next message into it
		got, left := tr.Call("a")
		if last := got[len(got)-1]; !bytes.Equal(last.Raw, kept) || last.From != m.From || !last.At.Equal(m.At) || left != 0 {
			t.Errorf("kept %+v, %d left; want %q", last, left, kept)
		}
	}
	if got, _ := tr.Call("a"); len(got) != len(aCall()) {
		t.Errorf("%d messages; want %d", len(got), len(aCall()))
	}
	if got, _ := tr.Call("b"); got != nil {
		t.Errorf("messages %v of a call that was not", got)
	}
}

// The call that began first goes, and comes as a new one; looking at one does not count.
func TestOldCallsGo(t *testing.T) {
	tr := open(t, 2)
	add := func(call string) { tr.Add(message(call, "INVITE sip:x", carrier, us, 0)) }
	known := func(call string) bool {
		m, _ := tr.Call(call)
		return m != nil
	}
	add("a")
	add("b")
	add("a")
	known("a")
	add("c")
	if known("a") || !known("b") || !known("c") {
		t.Errorf("a %v, b %v, c %v; want a gone", known("a"), known("b"), known("c"))
	}
	add("a")
	if m, _ := tr.Call("a"); len(m) != 1 || known("b") || !known("c") {
		t.Errorf("a %d messages, b %v, c %v; want 1, b gone", len(m), known("b"), known("c"))
	}
	add("")
	if known("") {
		t.Error("a message without a call was kept")
	}
}

// What is no call, and ends of calls that are gone, push out no call.
func TestOnlyCallsPushOutCalls(t *testing.T) {
	tr := open(t, 10)
	for i := range 10 {
		tr.Add(message(fmt.Sprint("call", i), "INVITE sip:x", carrier, us, 0))
	}
	for i, raw := range []string{"OPTIONS sip:x", "REGISTER sip:x", "BYE sip:x", "SIP/2.0 200 OK"} {
		tr.Add(message(fmt.Sprint("rest", i), raw, carrier, us, 0))
	}
	for call, want := range map[string]int{"call0": 1, "call9": 1, "rest1": 0, "rest2": 1, "rest3": 1} {
		if m, _ := tr.Call(call); len(m) != want {
			t.Errorf("%s has %d messages; want %d", call, len(m), want)
		}
	}
}

// One call takes only so much, whatever is sent.
func TestCallsAreBounded(t *testing.T) {
	tr := open(t, 1)
	for range maxMessages + 5 {
		tr.Add(message("many", "x", carrier, us, 0))
	}
	if m, left := tr.Call("many"); len(m) != maxMessages || left != 5 {
		t.Errorf("%d kept, %d left; want %d, 5", len(m), left, maxMessages)
	}
	for range 3 {
		tr.Add(message("large", strings.Repeat("x", maxBytes-1), carrier, us, 0))
	}
	if m, left := tr.Call("large"); len(m) != 1 || left != 2 {
		t.Errorf("%d kept, %d left; want 1, 2", len(m), left)
	}
}

func TestForget(t *testing.T) {
	tr := open(t, 10)
	for i := range 5 {
		tr.Add(message(fmt.Sprint(i), fmt.Sprintf("INVITE sip:1304143911%d@x", i%2), carrier, us, 0))
	}
	if n := tr.Forget("13041439111"); n != 2 {
		t.Errorf("%d calls forgotten; want 2", n)
	}
	for i := range 5 {
		if m, _ := tr.Call(fmt.Sprint(i)); (m == nil) != (i%2 == 1) {
			t.Errorf("call %d: %v", i, m)
		}
	}
	if n := tr.Forget(""); n != 0 {
		t.Errorf("%d calls forgotten for nothing", n)
	}
}

func TestOffKeepsNothing(t *testing.T) {
	tr := open(t, 0)
	tr.Add(aCall()[0])
	if m, left := tr.Call("a"); m != nil || left != 0 || tr.Forget("4001") != 0 {
		t.Errorf("kept %v", m)
	}
	if _, err := New(Options{Calls: -1}); err == nil {
		t.Error("New with calls below zero succeeded; want an error")
	}
}

func TestManyAtOnce(t *testing.T) {
	tr := open(t, 3)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 200 {
				tr.Add(message(fmt.Sprint(i%4), "x", carrier, us, 0))
				tr.Call(fmt.Sprint(i % 4))
				tr.Forget("y")
			}
		})
	}
	all.Wait()
}

func TestLadder(t *testing.T) {
	var got strings.Builder
	if err := Ladder(&got, aCall()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../testdata/audit/ladder.txt")
	if err != nil || got.String() != string(want) {
		t.Errorf("ladder is\n%s\nwant, as in testdata/audit/ladder.txt, %v,\n%s", &got, err, want)
	}
	got.Reset()
	if err := Ladder(&got, nil); err != nil || got.String() != "\n" {
		t.Errorf("ladder of nothing is %q, %v", &got, err)
	}
}

// read reads a capture file as its manual has it, and IP and UDP as their RFCs have
// them. It returns the messages.
func read(t *testing.T, b []byte) (messages []Message) {
	t.Helper()
	if len(b) < 24 || binary.LittleEndian.Uint32(b) != 0xa1b2c3d4 || binary.LittleEndian.Uint16(b[4:]) != 2 || binary.LittleEndian.Uint16(b[6:]) != 4 ||
		binary.LittleEndian.Uint32(b[20:]) != 101 {
		t.Fatalf("head is %x", b[:min(24, len(b))])
	}
	for b = b[24:]; len(b) > 0; {
		sec, usec, size := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint32(b[8:])
		if size != binary.LittleEndian.Uint32(b[12:]) {
			t.Fatal("a packet was cut")
		}
		m := Message{At: time.Unix(int64(sec), int64(usec)*1000)}
		p := b[16 : 16+size]
		b = b[16+size:]
		var pseudo, udp []byte
		var from, to netip.Addr
		switch p[0] >> 4 {
		case 4:
			if int(binary.BigEndian.Uint16(p[2:])) != len(p) || p[9] != 17 || sum(p[:20]) != 0xffff {
				t.Errorf("IPv4 header %x of %d bytes", p[:20], len(p))
			}
			from, to = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20]))
			pseudo, udp = bytes.Clone(p[12:20]), p[20:]
		case 6:
			if int(binary.BigEndian.Uint16(p[4:])) != len(p)-40 || p[6] != 17 {
				t.Errorf("IPv6 header %x of %d bytes", p[:40], len(p))
			}
			from, to = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40]))
			pseudo, udp = bytes.Clone(p[8:40]), p[40:]
		default:
			t.Fatalf("packet begins with %x", p[0])
		}
		pseudo = append(append(pseudo, 0, 17), udp[4:6]...)
		if int(binary.BigEndian.Uint16(udp[4:])) != len(udp) || sum(append(pseudo, udp...)) != 0xffff {
			t.Errorf("UDP header %x of %d bytes", udp[:8], len(udp))
		}
		m.From, m.To = netip.AddrPortFrom(from, binary.BigEndian.Uint16(udp)), netip.AddrPortFrom(to, binary.BigEndian.Uint16(udp[2:]))
		m.Raw = udp[8:]
		messages = append(messages, m)
	}
	return messages
}

// sum is the one's complement sum of 16-bit words: all ones over what has its checksum in it.
func sum(p []byte) (s uint32) {
	for i := range p {
		s += uint32(p[i]) << (8 * uint(1-i%2))
	}
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return s
}

func TestPcap(t *testing.T) {
	all := aCall()
	six := message("a", "SIP/2.0 200 OK\r\n", netip.MustParseAddrPort("[2001:db8::1]:5060"), netip.MustParseAddrPort("[2001:db8::2]:5061"), 0)
	mapped := message("a", "odd", netip.MustParseAddrPort("[::ffff:203.0.113.10]:1"), us, 0)
	all = append(all, six, mapped)
	var file bytes.Buffer
	if err := WritePcap(&file, all); err != nil {
		t.Fatal(err)
	}
	got := read(t, file.Bytes())
	if len(got) != len(all) {
		t.Fatalf("%d messages; want %d", len(got), len(all))
	}
	for i, m := range got {
		from := netip.AddrPortFrom(all[i].From.Addr().Unmap(), all[i].From.Port())
		if !bytes.Equal(m.Raw, all[i].Raw) || !m.At.Equal(all[i].At) || m.From != from || m.To != all[i].To {
			t.Errorf("message %d is %+v; want %+v", i, m, all[i])
		}
	}
	file.Reset()
	mixed := message("a", strings.Repeat("x", 1<<17), netip.AddrPort{}, six.To, 0)
	large := message("a", strings.Repeat("x", 1<<17), carrier, us, 0)
	if err := WritePcap(&file, []Message{mixed, large}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file.Bytes()); len(got) != 2 || len(got[0].Raw) != 65487 || len(got[1].Raw) != 65507 {
		t.Errorf("large messages have %d, %d bytes; want what fits", len(got[0].Raw), len(got[1].Raw))
	}
}

// A checksum of 0 says that there is none, so it is written as its other form.
func TestChecksumIsNeverNone(t *testing.T) {
	m := message("a", "xx", carrier, us, 0)
	for n := range 1 << 16 {
		binary.BigEndian.PutUint16(m.Raw, uint16(n))
		if p := packetOf(&m); p[26] == 0 && p[27] == 0 {
			t.Fatalf("payload %x has no checksum", m.Raw)
		}
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("disk full")
	}
	return len(p), nil
}

func TestWritersThatFail(t *testing.T) {
	for n := range 2 {
		if err := WritePcap(&failing{n}, aCall()); err == nil {
			t.Errorf("WritePcap with a writer that fails after %d writes succeeded", n)
		}
	}
	if err := Ladder(&failing{}, aCall()); err == nil {
		t.Error("Ladder with a writer that fails succeeded")
	}
}

// Debian's sngrep reads the file, and finds the call in it.
func TestSngrepOpensIt(t *testing.T) {
	path, err := exec.LookPath("sngrep")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	invite := "INVITE sip:4001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.10;branch=z9hG4bK1\r\nFrom: <sip:1@x>;tag=1\r\nTo: <sip:4001@x>\r\n" +
		"Call-ID: found-by-sngrep\r\nCSeq: 1 INVITE\r\nContact: <sip:1@203.0.113.10>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pcap"), filepath.Join(dir, "out.pcap")
	var file bytes.Buffer
	if err := WritePcap(&file, []Message{message("a", invite, carrier, us, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(in, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(path, "-F", "-N", "-q", "-I", in, "-O", out)
	c.Env = append(os.Environ(), "TERM=dumb")
	said, err := c.CombinedOutput()
	got, readErr := os.ReadFile(out)
	if err != nil || readErr != nil || !bytes.Contains(got, []byte(invite)) {
		t.Errorf("sngrep: %v, wrote %d bytes, %v: %s", err, len(got), readErr, said)
	}
}
