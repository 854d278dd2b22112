package e2e

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// service does for callscreen what systemd does: it keeps the socket and is told
// how things are. The zero value does nothing.
type service struct {
	socket *os.File
	notify *net.UnixConn
	states chan map[string]string // what it is told, but for
	alive  *atomic.Int64          // how often its watchdog is
}

func newService(t *testing.T, at netip.AddrPort) service {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadBuffer(8 << 20) // as ReceiveBuffer= does, as far as the kernel allows
	socket, err := conn.File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { socket.Close() })
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { notify.Close() })
	s := service{socket, notify, make(chan map[string]string, 1000), new(atomic.Int64)}
	go s.listen() // ends with notify
	return s
}

func (s service) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := s.notify.Read(buf)
		if err != nil {
			return
		}
		state := map[string]string{}
		for line := range strings.Lines(string(buf[:n])) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			state[key] = value
		}
		if state["WATCHDOG"] == "1" {
			s.alive.Add(1)
			continue
		}
		s.states <- state
	}
}

// command is one that has what the manager gives. Its process must know its own
// number beforehand, for which it begins as a shell.
func (s service) command(args []string) *exec.Cmd {
	if s.socket == nil {
		return exec.Command(args[0], args[1:]...)
	}
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`}, args...)...)
	cmd.ExtraFiles = []*os.File{s.socket}
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=main", "NOTIFY_SOCKET="+s.notify.LocalAddr().String(), "WATCHDOG_USEC=600000")
	return cmd
}

// told returns what the manager is told next.
func (s service) told() map[string]string {
	select {
	case state := <-s.states:
		return state
	case <-time.After(patience):
		return nil
	}
}

// The service manager is told what callscreen does.
func TestServiceManagerIsTold(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{kept: true, drain: time.Millisecond})
	expect := func(when string, want ...string) {
		t.Helper()
		got := o.service.told()
		for _, line := range want {
			if key, value, _ := strings.Cut(line, "="); !strings.HasPrefix(got[key], value) || value == "" && got[key] == "" {
				t.Errorf("%s: told %v, want %s", when, got, line)
			}
		}
	}
	expect("at the start", "READY=1", "STATUS=ready: listeners main at udp:"+o.proxy.String()+"; trunks carrier; policy enforce, revision ")
	o.eventually("that the watchdog is told", func() bool { return o.service.alive.Load() >= 3 })
	o.write("policy.yaml", mistaken)
	o.signal(syscall.SIGHUP)
	expect("at SIGHUP", "RELOADING=1", "MONOTONIC_USEC=", "STATUS=")
	expect("with a bad policy", "READY=1", "STATUS=policy not reloaded, the old one stays: policy.yaml:4:12: ")
	o.write("policy.yaml", letAll)
	o.signal(syscall.SIGHUP)
	expect("at SIGHUP", "RELOADING=1", "MONOTONIC_USEC=")
	expect("with a good policy", "READY=1", "STATUS=ready: ")
	o.stop()
	expect("at SIGTERM", "STOPPING=1", "STATUS=ending: ")
}

// A call that comes while no process is there waits for the next one.
func TestSocketOutlivesTheProcess(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{kept: true})
	rings, invite := o.ring(labelledNumber)
	o.signal(syscall.SIGKILL)
	o.exit()
	d := o.carrier.dial(refusedNumber)
	o.carrier.send(d.invite())
	o.pbx.send(invite.answer("200 OK"))
	o.start()
	first, second := o.carrier.want("SIP/2.0 "), o.carrier.want("SIP/2.0 ")
	if first.status() != 603 || second.status() != 200 {
		t.Errorf("received %q and %q, want the answers to what was sent meanwhile", first, second)
	}
	o.carrier.send(rings.ack(second))
	o.pbx.want("ACK ")
	o.hangUp(rings, o.pbx)
}
