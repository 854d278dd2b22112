package e2e

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

// rings places calls one after the other, of which every one must reach the PBX,
// and hangs them up.
func (o *office) rings(calls int) {
	o.t.Helper()
	for n := range calls {
		d := o.carrier.dial(fmt.Sprint(13700000000 + o.carrier.calls + n))
		o.carrier.send(d.invite())
		invite := o.pbx.want("INVITE ")
		o.pbx.send(invite.answer("486 Busy Here"))
		o.pbx.want("ACK ")
		o.carrier.send(d.ack(o.carrier.want("SIP/2.0 486 ")))
	}
}

// withTCP is an office that takes connections too.
func withTCP(o *office, directory string) string {
	return fmt.Sprintf(`listen: [{name: main, address: ["udp:%[1]s", "tcp:%[1]s"]}]
trunks: [{name: carrier, networks: [%[2]s/32], targets: ["sip:%[3]s"], budget: 2s}]
pbx: {networks: [%[4]s/32], targets: ["sip:%[5]s"], probe: 0s}
juhe: {url: %[6]q, key_file: juhe.key, rate: 0}
state: state
control: control.sock
http: {listen: ""}
limits: {connections: 1000}
record: {file: record.jsonl, numbers: full}
timers: {drain: 1s}
`, o.proxy, o.carrier.addr.Addr(), o.carrier.addr, o.pbx.addr.Addr(), o.pbx.addr, directory)
}

// Connections that use up all descriptors harm no call over UDP and do not keep
// the process busy; when they go, others are taken.
func TestDescriptorsAreExhausted(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{config: withTCP, under: []string{"prlimit", "--nofile=256:256"}})
	o.rings(1)
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: o.carrier.addr.Addr().AsSlice()}, Timeout: patience}
	var all []net.Conn
	for range 300 {
		conn, err := from.Dial("tcp", o.proxy.String())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, conn)
		defer conn.Close()
	}
	o.eventually("a message that no connection can be taken", func() bool {
		return strings.Contains(o.read("stderr"), "no connection can be taken")
	})
	before := o.cpu()
	time.Sleep(time.Second)
	if used := o.cpu() - before; used > 250*time.Millisecond {
		t.Errorf("%v of CPU in a second with nothing to do", used)
	}
	o.rings(20)
	for _, conn := range all {
		conn.Close()
	}
	conn, err := from.Dial("tcp", o.proxy.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("\r\n\r\n")); err != nil { // RFC 5626 section 4.4.1
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 10)); n != 2 || err != nil {
		t.Errorf("read %d bytes, %v of a connection that came later; want an answer to its keep-alive", n, err)
	}
	o.rings(5)
	o.eventually("60 open descriptors or fewer", func() bool { return o.usage().files <= 60 })
}

// cpu is the time that the process has computed.
func (o *office) cpu() time.Duration {
	o.t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(o.cmd.Process.Pid) + "/stat")
	if err != nil {
		o.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest) // from the third on
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		o.t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

// A process that may have next to no memory collects it all the time, and goes on.
func TestMemoryIsShort(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{under: []string{"env", "GOMEMLIMIT=8MiB"}})
	o.rings(200)
	o.stop()
}

// What may not grow, be it the record, its database or what is remembered, takes
// no call with it, and the log says so.
func TestFilesMayNotGrow(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{under: []string{"prlimit", "--fsize=150000"}})
	o.juhe.SetAll(juhesim.Reply{Type: strings.Repeat("推销", 4), Num: 1})
	o.eventually("a message that something cannot be written", func() bool {
		o.rings(20)
		return strings.Contains(o.read("stderr"), "file too large")
	})
	o.rings(50)
	o.signal(syscall.SIGHUP)
	o.rings(5)
	o.stop()
}
