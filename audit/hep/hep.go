// Package hep sends SIP messages and decisions to Homer, in HEP version 3 over UDP.
//
// It knows packets and one address, and reads nothing of what it sends. What comes
// faster than it can be sent, or while the address is not to be had, is dropped and
// counted; nobody ever waits for it.
package hep

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/audit/trace"
	"callscreen/screening"
)

const (
	redialEvery = 10 * time.Second
	warnEvery   = time.Minute
	maxID       = 512 // bytes of a Call-ID that go along for correlation
)

// Options configures a [Sender]. A zero field takes the default named beside it.
type Options struct {
	Address  string         // host and port of Homer; required
	Agent    uint32         // number of this capture agent; default 2001
	Password string         // that Homer asks for; empty: none
	Numbers  string         // callers' numbers in decisions: audit.Mask (default), audit.Full or audit.Hash; messages go as they are
	Key      []byte         // of audit.Hash
	Queue    int            // packets that may wait; default 4096
	Logger   zerolog.Logger // told of failures, at most once a minute; zero: discard
}

// Sender sends. Its methods may be called from many goroutines.
type Sender struct {
	o       Options
	queue   chan item
	stop    chan struct{}
	closing sync.Once
	done    chan struct{}
	sent    atomic.Uint64
	dropped atomic.Uint64

	// The goroutine's own.
	conn   net.Conn
	dialed time.Time // when it last tried
	warned time.Time
	line   bytes.Buffer
	lines  *audit.Encoder // into line
}

// item is a packet, or else a decision to make one of.
type item struct {
	packet   []byte
	decision *screening.Decision
}

// Validate says which option is wrong.
func (o Options) Validate() error {
	if _, _, err := net.SplitHostPort(o.Address); err != nil {
		return fmt.Errorf("hep: address: %w", err)
	}
	if o.Queue < 0 {
		return fmt.Errorf("hep: queue %d is negative", o.Queue)
	}
	if len(o.Password) > maxID {
		return errors.New("hep: password is too long")
	}
	return nil
}

// Open returns a Sender, or says which option is wrong. It does not wait for Homer.
func Open(o Options) (*Sender, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.Agent = cmp.Or(o.Agent, 2001)
	s := &Sender{o: o, queue: make(chan item, cmp.Or(o.Queue, 4096)), stop: make(chan struct{}), done: make(chan struct{})}
	var err error
	if s.lines, err = audit.NewEncoder(&s.line, audit.Privacy{Level: o.Numbers, Key: o.Key}); err != nil {
		return nil, err
	}
	go s.run() // ends by Close
	return s, nil
}

// Message queues a message that came or left, and returns at once. m.Raw may be used
// again then.
func (s *Sender) Message(m trace.Message) {
	p := packet{
		protocol: tcp, from: m.From, to: m.To, at: m.At, kind: kindSIP, agent: s.o.Agent, password: s.o.Password,
		correlation: string(m.Call[:min(len(m.Call), maxID)]), payload: m.Raw,
	}
	if m.Transport == "udp" {
		p.protocol = udp
	}
	s.put(item{packet: p.encode()})
}

// Record queues a decision, which Homer shows beside the messages of its call.
func (s *Sender) Record(d screening.Decision) { s.put(item{decision: &d}) }

func (s *Sender) put(i item) {
	select {
	case s.queue <- i:
	default:
		s.dropped.Add(1)
	}
}

// Queued returns how many packets wait.
func (s *Sender) Queued() int { return len(s.queue) }

// Sent returns how many packets were sent since Open.
func (s *Sender) Sent() uint64 { return s.sent.Load() }

// Dropped returns how many packets were not sent since Open: the queue was full, or
// the address not to be had.
func (s *Sender) Dropped() uint64 { return s.dropped.Load() }

// Close ends the Sender. What waits is dropped: Homer may be away.
func (s *Sender) Close() error {
	s.closing.Do(func() { close(s.stop) })
	<-s.done
	return nil
}

func (s *Sender) run() {
	defer close(s.done)
	for {
		select {
		case <-s.stop:
			s.dropped.Add(uint64(len(s.queue)))
			s.hangUp()
			return
		case i := <-s.queue:
			s.send(&i)
		}
	}
}

func (s *Sender) send(i *item) {
	if err := s.dial(); err != nil {
		s.fail(err)
		return
	}
	b := i.packet
	if i.decision != nil {
		var err error
		if b, err = s.entry(i.decision); err != nil {
			s.fail(err)
			return
		}
	}
	// An earlier packet may have found nobody; the socket tells so when the next goes.
	if _, err := s.conn.Write(b); err != nil {
		s.fail(err)
		return
	}
	s.sent.Add(1)
}

// entry makes the packet of a decision: its line of the record. It goes from this
// process to Homer, as no message did.
func (s *Sender) entry(d *screening.Decision) ([]byte, error) {
	s.line.Reset()
	if err := s.lines.Decision(d); err != nil {
		return nil, err
	}
	p := packet{
		protocol: udp, from: addrPort(s.conn.LocalAddr()), to: addrPort(s.conn.RemoteAddr()), at: d.Call.At, kind: kindLog,
		agent: s.o.Agent, password: s.o.Password, correlation: d.Call.ID[:min(len(d.Call.ID), maxID)],
		payload: bytes.TrimSuffix(s.line.Bytes(), []byte("\n")),
	}
	return p.encode(), nil
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	return netip.AddrPort{}
}

// dial connects, if that is not done and was not tried just now.
func (s *Sender) dial() (err error) {
	if s.conn != nil {
		return nil
	}
	if !s.dialed.IsZero() && time.Since(s.dialed) < redialEvery {
		return errors.New("not connected")
	}
	s.dialed = time.Now()
	s.conn, err = net.DialTimeout("udp", s.o.Address, time.Second)
	return err
}

func (s *Sender) hangUp() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// fail counts a packet that is not sent, and logs why, unless it has done so within
// the last minute.
func (s *Sender) fail(err error) {
	total := s.dropped.Add(1)
	if !s.warned.IsZero() && time.Since(s.warned) < warnEvery {
		return
	}
	s.warned = time.Now()
	s.o.Logger.Warn().Err(fmt.Errorf("%d packets dropped so far: %w", total, err)).Msg("homer not reached")
}
