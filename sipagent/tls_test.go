package sipagent

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// logged is a log that a test can read.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) holds(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

// A PBX whose certificate does not hold gets no call; the log says why.
func TestPeersCertificate(t *testing.T) {
	ca, other := newCA(t, "ca"), newCA(t, "other")
	for name, tt := range map[string]struct {
		ca    *authority
		odd   pair
		limit uint16
		why   string
	}{
		"good":         {ca: ca},
		"expired":      {ca: ca, odd: pair{expired: true}, why: "expired"},
		"wrong name":   {ca: ca, odd: pair{name: "other.example.com"}, why: "doesn't contain any IP SANs"},
		"unknown CA":   {ca: other, why: "unknown authority"},
		"TLS 1.1 only": {ca: ca, limit: tls.VersionTLS11, why: "protocol version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logged
			r := newMixedRig(t, sides{carrier: "udp", pbx: "tls"}, allowed, func(o *Options) {
				o.Listeners[1].TLS = ca.files(t, ca.issue(t, pair{}))
				o.Logger = zerolog.New(&log)
			})
			conf := tt.ca.config(t, tt.ca.issue(t, tt.odd))
			if conf.MinVersion, conf.MaxVersion = tls.VersionTLS10, tt.limit; tt.limit == 0 {
				conf.MaxVersion = tls.VersionTLS13
			}
			r.pbx.conn.(*line).setTLS(conf)
			c := r.carrier.newCall("secure")
			r.carrier.send(c.request("INVITE", ""))
			r.carrier.want("SIP/2.0 100")
			if tt.why == "" {
				r.pbx.want("INVITE ")
				return
			}
			r.carrier.want("SIP/2.0 480")
			r.eventually("the log says "+tt.why, func() bool { return log.holds(tt.why) })
		})
	}
}

func (l *line) setTLS(conf *tls.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tls = conf
}

// Who connects must speak TLS 1.2 or later, and show a certificate where one is
// asked for.
func TestClientsOfTLS(t *testing.T) {
	ca, other := newCA(t, "ca"), newCA(t, "other")
	for name, tt := range map[string]struct {
		ask    bool
		client *tls.Config
		good   bool
	}{
		"no certificate asked":   {client: &tls.Config{}, good: true},
		"TLS 1.2":                {client: &tls.Config{MaxVersion: tls.VersionTLS12}, good: true},
		"TLS 1.1":                {client: &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}},
		"certificate":            {ask: true, client: ca.config(t, ca.issue(t, pair{})), good: true},
		"no certificate":         {ask: true, client: &tls.Config{}},
		"certificate of another": {ask: true, client: other.config(t, other.issue(t, pair{}))},
		"expired certificate":    {ask: true, client: ca.config(t, ca.issue(t, pair{expired: true}))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logged
			r := newMixedRig(t, sides{carrier: "tls", pbx: "udp"}, allowed, func(o *Options) {
				files := ca.files(t, ca.issue(t, pair{}))
				if tt.ask {
					files.ClientCA = files.CA
				}
				o.Listeners[0].TLS = files
				o.Logger = zerolog.New(&log)
			})
			conf := tt.client.Clone()
			conf.RootCAs, conf.ServerName = ca.config(t, ca.issue(t, pair{})).RootCAs, "127.0.0.1"
			r.carrier.conn.(*line).setTLS(conf)
			c := r.carrier.newCall("secure")
			_, err := r.carrier.conn.WriteToUDPAddrPort(sipBytes(c.request("INVITE", "")), r.carrier.proxy)
			if tt.good {
				if err != nil {
					t.Fatal(err)
				}
				r.pbx.want("INVITE ")
				return
			}
			r.eventually("the log says that it was refused", func() bool { return log.holds("connection refused") })
			if n := r.agent.Open(); n != 0 {
				t.Errorf("%d calls have come through", n)
			}
		})
	}
}

// A handshake that stalls ends in time.
func TestStalledHandshake(t *testing.T) {
	ca := newCA(t, "ca")
	files := ca.files(t, ca.issue(t, pair{}))
	bubble(t, func(t *testing.T, v *visitor) {
		v.streams.certs = &certificates{files: files}
		if err := v.streams.certs.reload(); err != nil {
			t.Fatal(err)
		}
		v.ends(v.connect(visitorAddr), handshakeTime)
		garbage := v.connect("203.0.113.10:40001")
		go io.WriteString(garbage, "OPTIONS sip:a SIP/2.0\r\n\r\n") //nolint:errcheck // ends when it is closed
		start := time.Now()
		if _, err := io.Copy(io.Discard, garbage); err != nil && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
		if time.Since(start) > handshakeTime {
			t.Errorf("garbage was closed after %v", time.Since(start))
		}
		synctest.Wait()
	})
}

// A new certificate is shown from the next connection on, a broken one never,
// and connections that are open stay.
func TestCertificateReload(t *testing.T) {
	ca := newCA(t, "ca")
	first, second := ca.issue(t, pair{}), ca.issue(t, pair{})
	files := ca.files(t, first)
	r := newMixedRig(t, sides{carrier: "tls", pbx: "udp"}, allowed, func(o *Options) { o.Listeners[0].TLS = files })
	conf := ca.config(t, ca.issue(t, pair{}))
	r.carrier.conn.(*line).setTLS(conf)
	c := r.carrier.newCall("through")
	r.talk(c)
	r.shows(conf, first)
	write(t, files.Cert, []byte("no certificate"))
	r.shows(conf, first)
	if err := r.agent.ReloadTLS(); err == nil || !strings.Contains(err.Error(), `listener "trunk"`) {
		t.Errorf("ReloadTLS = %v, want what is wrong with the listener", err)
	}
	r.shows(conf, first)
	write(t, files.Cert, second.cert) // its key is not there yet
	r.shows(conf, first)
	write(t, files.Key, second.key)
	r.shows(conf, second)
	if err := r.agent.ReloadTLS(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(files.Key); err != nil {
		t.Fatal(err)
	}
	r.shows(conf, second)
	r.pass(c, r.pbx, "BYE", "bye")
	if n := r.connections(); n != 1 {
		t.Errorf("%d connections, want the one of the call", n)
	}
}

// shows checks which certificate a new connection is shown.
func (r *rig) shows(conf *tls.Config, want pair) {
	r.t.Helper()
	conn, err := (&line{tls: conf}).dial(r.carrier.proxy)
	if err != nil {
		r.t.Fatal(err)
	}
	defer r.eventually("the connection is gone", func() bool { return r.connections() == 1 })
	defer conn.Close()
	got := conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Raw
	have, err := tls.X509KeyPair(want.cert, want.key)
	if err != nil {
		r.t.Fatal(err)
	}
	if !bytes.Equal(got, have.Certificate[0]) {
		r.t.Error("another certificate is shown")
	}
}

// A request for a sips URI that came by TLS does not go on without it.
func TestSIPSNeedsTLS(t *testing.T) {
	for by, want := range map[string]string{"udp": "SIP/2.0 480", "tls": "INVITE sips:"} {
		r := newMixedRig(t, sides{carrier: "tls", pbx: by}, labelled)
		c := r.carrier.newCall("sips")
		c.uri = strings.Replace(c.uri, "sip:", "sips:", 1)
		r.carrier.send(c.request("INVITE", ""))
		r.carrier.want("SIP/2.0 100")
		if by == "udp" {
			r.carrier.want(want)
			continue
		}
		inv := r.pbx.want(want)
		for i, p := range []*phone{r.pbx, r.carrier} {
			record := inv.headers("Record-Route")[i]
			if got, want := sealed.ReplaceAllString(record, ";cs=>"), "<sips:"+p.proxy.String()+";lr;cs=>"; got != want {
				t.Errorf("Record-Route = %q, want %q", record, want)
			}
		}
	}
}
