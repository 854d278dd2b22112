// Package sipagent is the SIP proxy that carries out what screening decides.
//
// It stands between trunks and a PBX, relays what passes by splicing the
// received bytes, and holds state for nothing but the INVITE that sets a call
// up. It knows SIP and no policy: a [Screener] tells it what becomes of a call,
// and no SIP type leaves the package.
package sipagent

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/rs/zerolog"
)

// Agent is a screening SIP proxy. Make one with [New] and let it [Agent.Run].
type Agent struct {
	log      zerolog.Logger
	screener Screener
	recorder Recorder
	dialer   Dialer
	ends     endNews
	tapped
	stripLabel  func(name string) (rest string, found bool)
	asciiLabels bool
	manyTrunks  bool // more than one
	authIP      bool
	key         []byte
	sealer
	timers Timers
	limits Limits
	parser *sip.Parser

	listeners []*listener
	sockets   []*socket
	peers     []*peer // the PBX, then the trunks
	carriers  []*peer // the trunks that calls can go to
	turners   map[*listener]*peer
	rounds    rounds
	sources   *lru.Cache[netip.Addr, *source]
	owned     map[string][]ownAddr
	aim

	mu        sync.Mutex
	setups    map[token]*setup
	line      list.List // of those setups that linger, the first one first
	exchanges map[token]*exchange
	clock     clock

	works    sync.Pool // of *work, for what does not come from a socket
	lookups  sync.WaitGroup
	bridges  bool // there are sockets of TCP or TLS
	draining atomic.Bool
	drops    [dropReasons]atomic.Uint64
	counters
}

// ownAddr is a port of a host that is us, and the socket behind it.
type ownAddr struct {
	port   uint16
	socket *socket
}

// New opens the sockets of an Agent, or says which option is wrong.
func New(o Options) (*Agent, error) { return newAgent(o, bind) }

func newAgent(o Options, bind binder) (*Agent, error) {
	switch {
	case o.Screener == nil:
		return nil, errors.New("sipagent: no screener")
	case len(o.Key) < 16:
		return nil, errors.New("sipagent: the key must have at least 16 bytes")
	case o.addresses() == 0 || o.addresses() > len(digits):
		return nil, fmt.Errorf("sipagent: %d addresses to listen at: from 1 to %d are possible", o.addresses(), len(digits))
	}
	a := &Agent{
		log: o.Logger, screener: o.Screener, recorder: o.Recorder, dialer: o.Dialer, ends: newEnds(o.Recorder), tapped: newTapped(o.Tap), stripLabel: o.StripLabel, asciiLabels: o.PBX.ASCII, manyTrunks: len(o.Trunks) > 1, authIP: o.PBX.AuthIP, key: slices.Clone(o.Key),
		timers: o.Timers.withDefaults(), limits: o.Limits.withDefaults(), parser: newParser(),
		owned: map[string][]ownAddr{}, sources: newSources(), turners: map[*listener]*peer{}, setups: map[token]*setup{}, exchanges: map[token]*exchange{},
	}
	a.works.New = func() any { return a.newWork() }
	err := errors.Join(a.limits.check(), a.setAim(o))
	if err != nil {
		return nil, err
	}
	if a.sealer, err = newSealer(a.key); err != nil {
		return nil, err
	}
	if err = a.openSockets(o, bind); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *Agent) openSockets(o Options, bind binder) error {
	for _, l := range o.Listeners {
		if a.listenerNamed(l.Name) != nil {
			return fmt.Errorf("sipagent: two listeners %q", l.Name)
		}
		opened, err := a.listen(l, len(a.sockets), bind)
		a.sockets = append(a.sockets, opened.sockets...)
		if err != nil {
			return err
		}
		a.listeners = append(a.listeners, opened)
		for _, s := range opened.sockets {
			a.bridges = a.bridges || s.transport.reliable()
			a.own(s.advertise, s)
			for _, host := range s.hosts() {
				a.own(netip.AddrPortFrom(host, s.local.Port()).String(), s)
			}
		}
	}
	return a.newPeers(o)
}

// own notes a host:port as one of ours.
func (a *Agent) own(hostPort string, s *socket) {
	i := strings.LastIndexByte(hostPort, ':')
	if i < 0 {
		return
	}
	var port uint16
	for _, c := range hostPort[i+1:] {
		port = port*10 + uint16(c-'0')
	}
	host := strings.Trim(hostPort[:i], "[]")
	o := ownAddr{port, s}
	if !slices.Contains(a.owned[host], o) {
		a.owned[host] = append(a.owned[host], o)
	}
}

func (a *Agent) listenerNamed(name string) *listener {
	for _, l := range a.listeners {
		if l.name == name {
			return l
		}
	}
	return nil
}

// Addrs returns the addresses that a listener is bound to, as in
// "udp:192.0.2.1:5060"; none when there is no such listener.
func (a *Agent) Addrs(listener string) (addrs []string) {
	if l := a.listenerNamed(listener); l != nil {
		for _, s := range l.sockets {
			addrs = append(addrs, s.transport.String()+":"+s.local.String())
		}
	}
	return addrs
}

// Run serves until ctx ends. Then new calls are still relayed, unscreened,
// while those being set up finish, for Timers.Drain at the most.
func (a *Agent) Run(ctx context.Context) error {
	var readers sync.WaitGroup
	failed := make(chan error, len(a.sockets))
	for _, s := range a.sockets {
		readers.Go(func() { // ends when the socket is closed
			if s.transport.reliable() {
				failed <- s.streams.accept()
				return
			}
			w := a.newWork()
			w.in = s
			failed <- s.read(a.limits.MessageBytes, w.handle, a.cameBack)
		})
	}
	aiming := a.keepAim(ctx)
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		a.drain()
	}
	a.stopReading()
	readers.Wait()
	a.stopQueries() // whoever waits for one may have heard 100 Trying and then does not call again: the call goes on now
	a.lookups.Wait()
	aiming()
	a.endSetups()
	a.close()
	return err
}

// drain waits until no call is being set up, or long enough.
func (a *Agent) drain() {
	a.draining.Store(true)
	check := time.NewTicker(10 * time.Millisecond)
	defer check.Stop()
	give := time.After(a.timers.Drain)
	for a.Open() > 0 {
		select {
		case <-give:
			return
		case <-check.C:
		}
	}
}

func (a *Agent) stopReading() { a.eachSocket((*socket).stopReading) }
func (a *Agent) close()       { a.eachSocket((*socket).close) }

// eachSocket does something that takes time to all sockets at once.
func (a *Agent) eachSocket(do func(*socket)) {
	var all sync.WaitGroup
	for _, s := range a.sockets {
		all.Go(func() { do(s) })
	}
	all.Wait()
}

func (a *Agent) newWork() *work {
	return &work{Agent: a, prover: newProver(a.key)}
}

// handle takes one datagram, or one message of a stream. It is the entry of the reading goroutines: no
// panic leaves it.
func (w *work) handle(src netip.AddrPort, b []byte) {
	defer w.recovered()
	if w.peer = w.peerOf(w.in, src); w.peer == nil {
		w.drop(dropStranger)
		return
	}
	w.src, w.at = src, time.Now()
	if !w.sourceOf(src.Addr()).messages.AllowN(w.at, 1) {
		w.drop(dropTooMany)
		return
	}
	if len(b) > w.limits.MessageBytes {
		w.drop(dropTooLong)
		return
	}
	if isKeepAlive(b) {
		return
	}
	if err := w.msg.Scan(b); err != nil {
		w.drop(dropNotSIP)
		return
	}
	w.came(b)
	w.tapIn()
	w.forgetEdits()
	if w.msg.IsRequest() {
		w.request()
	} else {
		w.answered()
	}
}

// isKeepAlive reports a datagram of nothing but line breaks (RFC 5626) or NULs.
func isKeepAlive(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// recovered ends a panic: a message that breaks us costs that message.
func (a *Agent) recovered() {
	if v := recover(); v != nil {
		a.reportPanic(v)
	}
}

func (a *Agent) reportPanic(v any) {
	a.drop(dropPanic)
	a.log.Error().Str("err", fmt.Sprint(v)).Bytes("stack", debug.Stack()).Msg("message dropped: panic")
}

// dropReason says why a message went nowhere.
type dropReason uint8

const (
	dropStranger   dropReason = iota // from an address that is nobody's
	dropTooMany                      // past Limits.MessagesPerSecond
	dropTooLong                      // longer than Limits.MessageBytes, or an answer or ACK that is too big
	dropNotSIP                       // cannot be read
	dropFlawed                       // an answer or ACK that must not be forwarded
	dropUnproven                     // an answer that answers nothing of ours
	dropNowhere                      // no next hop
	dropSendFailed                   // the socket or connection would not take it
	dropConnection                   // a connection too many of one source
	dropUnframed                     // the rest of a connection that cannot be divided into messages
	dropPanic

	dropReasons
)

var dropNames = [dropReasons]string{"stranger", "too-many", "too-long", "not-sip", "flawed", "unproven", "nowhere", "send-failed", "too-many-connections", "unframed", "panic"}

func (a *Agent) drop(r dropReason) { a.drops[r].Add(1) }

// Drops returns how many messages went nowhere since the start, by reason.
func (a *Agent) Drops() map[string]uint64 {
	m := make(map[string]uint64, len(dropNames))
	for i, name := range dropNames {
		m[name] = a.drops[i].Load()
	}
	return m
}
