package sipagent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Times of looking names up.
const (
	lookupTime   = 5 * time.Second  // for one answer
	lookupAgain  = 10 * time.Second // after one that failed
	lookupOften  = 5 * time.Second  // between two at the least, whatever DNS says
	lookupSeldom = 10 * time.Minute // and at the most
	lookupUsual  = time.Minute      // where nobody says how long an answer is good
)

// names answers for what targets are called.
type names interface {
	// addresses returns those of a host, and how long they are good; zero: not known.
	addresses(ctx context.Context, host string) ([]netip.Addr, time.Duration, error)
	// services returns the SRV records of a name such as _sip._udp.example.com.
	services(ctx context.Context, name string) ([]*net.SRV, time.Duration, error)
}

// serviceNames are what RFC 3263 section 4.1 calls SIP by a transport.
var serviceNames = [transports]string{"_sip._udp.", "_sip._tcp.", "_sips._tcp."}

// lookUp finds where a target is, without a port by its SRV records first (RFC
// 3263 section 4.2; there is no NAPTR), and when to look again. What is found is
// never empty without an error.
func (a *Agent) lookUp(ctx context.Context, p *peer, t *target) (all []found, again time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	l := lookup{Agent: a, ctx: ctx, peer: p, good: lookupSeldom}
	if t.port == 0 {
		for _, by := range p.listener.transports() {
			if t.takes(by) {
				l.services(serviceNames[by]+t.host, by)
			}
		}
	}
	if len(l.found) == 0 && (l.failed == nil || len(t.found) == 0) {
		l.host(t.host, found{})
	}
	switch {
	case len(l.found) > 0:
		return l.found, l.good, nil
	case l.failed != nil:
		return nil, lookupAgain, fmt.Errorf("looking up %s: %w", t.host, l.failed)
	}
	return nil, lookupAgain, fmt.Errorf("looking up %s: no address in the networks of %s", t.host, p.name)
}

// transports are those of the listener, each once.
func (l *listener) transports() (all []transport) {
	for _, s := range l.sockets {
		if !slices.Contains(all, s.transport) {
			all = append(all, s.transport)
		}
	}
	return all
}

// lookup is one of lookUp.
type lookup struct {
	*Agent
	ctx    context.Context
	peer   *peer
	found  []found
	good   time.Duration
	failed error // nil: there is only nothing of the name
}

// services adds what the SRV records of a name say.
func (l *lookup) services(name string, by transport) {
	records, good, err := l.names.services(l.ctx, name)
	l.until(good, err)
	for _, r := range records {
		if r.Target != "." && r.Port != 0 {
			l.host(r.Target, found{port: r.Port, by: by, priority: int(r.Priority), weight: int(r.Weight)})
		}
	}
}

// host adds the addresses of a host, those that are the peer's.
func (l *lookup) host(host string, f found) {
	ips, good, err := l.names.addresses(l.ctx, strings.TrimSuffix(host, "."))
	l.until(good, err)
	slices.SortStableFunc(ips, netip.Addr.Compare) // DNS turns them about, which is no news
	for _, f.ip = range ips {
		if f.ip = f.ip.Unmap(); l.peer.holds(f.ip) {
			l.found = append(l.found, f)
			continue
		}
		l.log.Warn().Str("trunk", l.peer.name).Str("to", host).Str("err", f.ip.String()+" is outside its networks").Msg("address left out")
	}
}

// until notes how long an answer is good.
func (l *lookup) until(good time.Duration, err error) {
	var dns *net.DNSError
	if err != nil && (!errors.As(err, &dns) || !dns.IsNotFound) {
		l.failed = err
	}
	if good == 0 {
		good = lookupUsual
	}
	l.good = max(min(l.good, good), lookupOften)
}

// firstLookup finds the targets that have names before there are any calls. One
// that is not found now is looked up again and again.
func (a *Agent) firstLookup(p *peer) {
	var looking sync.WaitGroup
	for _, t := range p.targets {
		if t.ip.IsValid() {
			continue
		}
		looking.Go(func() { // ends within lookupTime
			all, again, err := a.lookUp(context.Background(), p, t)
			if t.found, t.again = all, again; err != nil {
				a.log.Error().Str("trunk", p.name).Str("to", t.uri).Err(err).Msg("target not found")
			}
		})
	}
	looking.Wait()
}

// follow looks a target up again whenever its addresses may have changed. While
// DNS says nothing the old ones stay.
func (a *Agent) follow(ctx context.Context, p *peer, t *target) {
	wait := time.NewTimer(t.again)
	defer wait.Stop()
	failed := len(t.found) == 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-wait.C:
		}
		all, again, err := a.lookUp(ctx, p, t)
		wait.Reset(again)
		if err != nil {
			if !failed && ctx.Err() == nil {
				a.log.Warn().Str("trunk", p.name).Str("to", t.uri).Err(err).Msg("target not found, what was known of it stays")
			}
			failed = true
			continue
		}
		failed = false
		a.moved(p, t, all)
	}
}

// moved notes where a target is now.
func (a *Agent) moved(p *peer, t *target, all []found) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Equal(t.found, all) {
		return
	}
	t.found = all
	added, gone := a.enroll(p)
	a.probeAll(p, added, gone)
	a.log.Info().Str("trunk", p.name).Str("to", t.uri).Msg("target has other addresses")
}
