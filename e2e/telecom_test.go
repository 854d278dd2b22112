package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// telecom is a telephone company and an office, two Asterisk 22 that all tests
// share, and the addresses of what stands between them and behind them.
type telecom struct {
	once sync.Once
	err  error // why they did not start

	carrier, pbx *asterisk
	carrier6     netip.AddrPort             // the carrier's by IPv6 and UDP
	certificates string                     // folder of cert.pem, key.pem and ca.pem
	addrs        func(host byte) netip.Addr // from 129 on: where callscreens are seen
	hidden       func(host byte) netip.Addr // where they are
	places       atomic.Int32               // of callscreens, taken
	phones       chan int                   // numbers of phones that are free
	numbers      atomic.Int64
}

// shared starts when the first test asks for it, and is stopped by TestMain.
var shared telecom

// phones is how many there may be at the same time.
const phones = 30

// telephony returns the shared lines.
func telephony(t *testing.T) *telecom {
	t.Helper()
	tree := asteriskTree(t)
	shared.once.Do(func() { shared.err = shared.start(tree) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return &shared
}

func (l *telecom) start(tree string) (err error) {
	l.addrs, l.hidden = loopbackBlock(), loopbackBlock()
	if l.certificates, err = os.MkdirTemp("", "callscreen-e2e-tls-"); err != nil {
		return err
	}
	if err := writeCertificates(l.certificates, l.addrs, l.hidden); err != nil {
		return err
	}
	l.phones = make(chan int, phones)
	for i := range phones {
		l.phones <- 1 + i
	}
	if l.carrier6, err = unused(netip.IPv6Loopback()); err != nil {
		return err
	}
	values := map[string]string{"PROXIES": l.addrs(128).String() + "/25", "IPV6": l.carrier6.String()}
	if l.carrier, err = l.startOne(tree, "carrier", l.addrs(1), values); err != nil {
		return err
	}
	l.pbx, err = l.startOne(tree, "pbx", l.addrs(2), values)
	return err
}

// startOne starts an Asterisk with phones.
func (l *telecom) startOne(tree, name string, addr netip.Addr, values map[string]string) (*asterisk, error) {
	own, err := os.MkdirTemp(l.certificates, name)
	if err != nil {
		return nil, err
	}
	var conf strings.Builder
	for i := range phones {
		n := phoneNumber(name, 1+i)
		fmt.Fprintf(&conf, "[%[1]s](phone)\naors=%[1]s\nauth=%[1]s\ncallerid=\"Desk %[1]s\" <%[1]s>\n"+
			"[%[1]s](phone-auth)\nusername=%[1]s\npassword=pw%[1]s\n[%[1]s](phone-aor)\n", n)
	}
	if err := os.WriteFile(filepath.Join(own, "phones.conf"), []byte(conf.String()), 0o600); err != nil {
		return nil, err
	}
	return startAsterisk(tree, name, addr, values, l.certificates, "testdata/asterisk/"+name, own)
}

// stop ends what has started.
func (l *telecom) stop() error {
	for _, a := range []*asterisk{l.carrier, l.pbx} {
		if a != nil {
			a.stop()
		}
	}
	if l.certificates == "" {
		return nil
	}
	return os.RemoveAll(l.certificates)
}

// proxies returns an address for a callscreen, and one behind which both
// Asterisk see it.
func (l *telecom) proxies(t *testing.T) (own, seen netip.Addr) {
	t.Helper()
	n := l.places.Add(1)
	if n > 126 {
		t.Fatal("no address is left: let tests share a callscreen")
	}
	return l.hidden(byte(n)), l.addrs(128 + byte(n))
}

// number returns a caller that no other test has.
func (l *telecom) number() string { return fmt.Sprint(13900100000 + l.numbers.Add(1)) }
