package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// softphone is a baresip that has registered at an Asterisk.
type softphone struct {
	t      *testing.T
	number string
	conn   net.Conn
	buf    []byte
}

// phoneAt starts a phone of the test's own at one of the two Asterisk.
func (l *telecom) phoneAt(t *testing.T, a *asterisk) *softphone {
	t.Helper()
	baresip := program(t, "baresip", "baresip-core")
	n := <-l.phones
	t.Cleanup(func() { l.phones <- n })
	return newSoftphone(t, baresip, l.addrs(byte(20+n)), a.addr, phoneNumber(a.name, n))
}

// phoneNumber is 7001 and on for the carrier's phones, 1001 and on for the PBX's.
func phoneNumber(at string, n int) string {
	return strconv.Itoa(map[string]int{"carrier": 7000, "pbx": 1000}[at] + n)
}

func newSoftphone(t *testing.T, baresip string, addr, registrar netip.Addr, number string) *softphone {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/baresip/config")
	if err != nil {
		t.Fatal(err)
	}
	account := fmt.Sprintf("<sip:%[1]s@%[2]s:5060;transport=udp>;auth_user=%[1]s;auth_pass=pw%[1]s;answermode=manual;regint=120\n", number, registrar)
	for name, text := range map[string]string{"config": strings.ReplaceAll(string(text), "@IP@", addr.String()), "accounts": account, "contacts": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("setpriv", "--pdeathsig", "KILL", baresip, "-f", dir)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // by that signal
		if t.Failed() {
			t.Logf("phone %s said:\n%s", number, progress.ReplaceAllString(tail(t, out.Name()), ""))
		}
	})
	p := &softphone{t: t, number: number}
	for end := time.Now().Add(patience); p.conn == nil; time.Sleep(20 * time.Millisecond) {
		if p.conn, err = net.Dial("tcp", netip.AddrPortFrom(addr, 4444).String()); err != nil && time.Now().After(end) {
			t.Fatalf("phone %s: %v", number, err)
		}
	}
	t.Cleanup(func() { p.conn.Close() })
	for end := time.Now().Add(patience); !strings.Contains(tail(t, out.Name()), "200 OK"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("phone %s does not register", number)
		}
	}
	return p
}

// progress is what baresip writes ten times a second.
var progress = regexp.MustCompile(`\S*\[?[\d:]*\] audio=\S+ \(bit/s\)\s*`)

// do gives it a command of its menu: dial, accept, hold, resume, hangup.
func (p *softphone) do(command, params string) {
	p.t.Helper()
	text, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.conn, "%d:%s,", len(text), text); err != nil {
		p.t.Fatal(err)
	}
}

// phoneEvent is what baresip tells of a call.
type phoneEvent struct {
	Type string `json:"type"` // CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED, …
	Peer string `json:"peeruri"`
	Name string `json:"peerdisplayname"`
	Why  string `json:"param"`
}

// await waits for an event of a type.
func (p *softphone) await(kind string) phoneEvent {
	p.t.Helper()
	for {
		if e := p.next(kind); e.Type == kind {
			return e
		}
	}
}

// next reads an event: "LENGTH:{JSON},".
func (p *softphone) next(waitingFor string) (e phoneEvent) {
	p.t.Helper()
	for {
		length, rest, ok := bytes.Cut(p.buf, []byte(":"))
		n, err := strconv.Atoi(string(length))
		if ok && err == nil && len(rest) > n {
			p.buf = rest[n+1:]
			if err := json.Unmarshal(rest[:n], &e); err != nil {
				p.t.Fatalf("%v: %q", err, rest[:n])
			}
			return e
		}
		more := make([]byte, 4096)
		_ = p.conn.SetReadDeadline(time.Now().Add(2 * patience)) // fails on a closed connection only, as Read then does
		got, err := p.conn.Read(more)
		if err != nil {
			p.t.Fatalf("waiting for %s: %v", waitingFor, err)
		}
		p.buf = append(p.buf, more[:got]...)
	}
}
