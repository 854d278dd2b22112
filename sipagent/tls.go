package sipagent

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/rs/zerolog"
)

// TLS names the files, all PEM, of a listener's TLS addresses. They are read
// again when they change; connections that are open stay as they are.
type TLS struct {
	Cert     string // our certificate with its chain; it is shown to those we connect to as well
	Key      string // its key
	CA       string // who vouches for peers that we connect to; empty: whom the system trusts
	ClientCA string // who must vouch for peers that connect to us; empty: nobody has to
}

// certificates are the files of a [TLS] as they were when they could last be read.
type certificates struct {
	files TLS
	log   zerolog.Logger

	mu     sync.Mutex
	seen   string // the state of the files that were read, or tried, last
	server *tls.Config
	client *tls.Config
}

// readCertificates reads the files of a Listener; nil when it needs none.
func readCertificates(o Listener, log zerolog.Logger) (*certificates, error) {
	needed := false
	for _, a := range o.Addresses {
		needed = needed || strings.HasPrefix(a, overTLS.String()+":")
	}
	if !needed {
		return nil, nil
	}
	if o.TLS.Cert == "" || o.TLS.Key == "" {
		return nil, errors.New("TLS needs a certificate and its key")
	}
	c := &certificates{files: o.TLS, log: log}
	return c, c.reload()
}

// reload reads the files. On an error what was read before stays in force.
func (c *certificates) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = c.state()
	return c.read()
}

// current returns the configurations for connections that others open and for
// our own, by the files as they are now.
func (c *certificates) current() (server, client *tls.Config) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.state(); now != c.seen {
		c.seen = now
		if err := c.read(); err != nil {
			c.log.Error().Err(err).Msg("certificate not read again, the old one stays")
		} else {
			c.log.Info().Msg("certificate read again")
		}
	}
	return c.server, c.client
}

// state tells whether a file has changed.
func (c *certificates) state() string {
	var b strings.Builder
	for _, file := range [...]string{c.files.Cert, c.files.Key, c.files.CA, c.files.ClientCA} {
		if i, err := os.Stat(file); err == nil {
			fmt.Fprintf(&b, "%d %d,", i.ModTime().UnixNano(), i.Size())
		} else {
			b.WriteByte(',')
		}
	}
	return b.String()
}

func (c *certificates) read() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	roots, err := pool(c.files.CA)
	if err != nil {
		return err
	}
	clients, err := pool(c.files.ClientCA)
	if err != nil {
		return err
	}
	common := tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	c.server, c.client = common.Clone(), common.Clone()
	c.client.RootCAs = roots
	if clients != nil {
		c.server.ClientCAs, c.server.ClientAuth = clients, tls.RequireAndVerifyClientCert
	}
	return nil
}

// pool reads certificates of authorities; nil for no file.
func pool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("authorities: %w", err)
	}
	p := x509.NewCertPool()
	if !p.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("authorities: no certificate in %s", file)
	}
	return p, nil
}

// ReloadTLS reads the TLS files of all listeners. What fails is returned, and
// stays as it was.
func (a *Agent) ReloadTLS() (err error) {
	for _, s := range a.sockets {
		if s.transport == overTLS {
			if e := s.streams.certs.reload(); e != nil {
				err = errors.Join(err, fmt.Errorf("sipagent: listener %q: %w", s.name, e))
			}
		}
	}
	return err
}

// Check reads the files and says what is wrong with them.
func (t TLS) Check() error { return (&certificates{files: t}).read() }
