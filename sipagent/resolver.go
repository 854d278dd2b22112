package sipagent

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// resolver is the names that the system knows: of its DNS servers and its table
// of hosts. Go's resolver does not tell how long an answer is good, so that is
// read from the answers on their way to it.
type resolver struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error) // nil: as the system is configured
}

func (r resolver) addresses(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	age := &lifetime{}
	ips, err := r.watched(age).LookupNetIP(ctx, "ip", host)
	return ips, age.shortest(), err
}

func (r resolver) services(ctx context.Context, name string) ([]*net.SRV, time.Duration, error) {
	age := &lifetime{}
	_, records, err := r.watched(age).LookupSRV(ctx, "", "", name+".")
	return records, age.shortest(), err
}

// watched is a resolver that tells age of all that it is answered.
func (r resolver) watched(age *lifetime) *net.Resolver {
	dial := r.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if u, ok := conn.(*net.UDPConn); ok {
			return datagrams{u, age}, err
		}
		if err != nil {
			return nil, err
		}
		return &answers{Conn: conn, age: age}, nil
	}}
}

// lifetime is how long all that was answered is good.
type lifetime struct {
	mu   sync.Mutex
	ttl  time.Duration
	some bool
}

func (l *lifetime) shortest() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ttl
}

// note takes the times from an answer of DNS (RFC 1035 section 4.1).
func (l *lifetime) note(answer []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ttl := range timesOf(answer) {
		if d := max(time.Duration(ttl)*time.Second, time.Second); !l.some || d < l.ttl {
			l.ttl, l.some = d, true
		}
	}
}

// datagrams reads answers by UDP. Go's resolver knows it by its being a
// net.PacketConn.
type datagrams struct {
	*net.UDPConn
	age *lifetime
}

func (d datagrams) Read(b []byte) (int, error) {
	n, err := d.UDPConn.Read(b)
	d.age.note(b[:n])
	return n, err
}

// answers reads answers by TCP, each behind its length.
type answers struct {
	net.Conn
	age  *lifetime
	read []byte
}

func (s *answers) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	s.read = append(s.read, b[:n]...)
	for len(s.read) > 1 {
		size := int(binary.BigEndian.Uint16(s.read)) + 2
		if len(s.read) < size {
			break
		}
		s.age.note(s.read[2:size])
		s.read = s.read[size:]
	}
	return n, err
}

// timesOf returns the TTLs of the records in the answer section. What cannot be
// read has none.
func timesOf(b []byte) (ttls []uint32) {
	const header, question, record = 12, 4, 10
	if len(b) < header {
		return nil
	}
	questions, records := int(binary.BigEndian.Uint16(b[4:])), int(binary.BigEndian.Uint16(b[6:]))
	at := header
	for range questions {
		end, err := skipName(b, at)
		if err != nil {
			return nil
		}
		at = end + question
	}
	for range records {
		end, err := skipName(b, at)
		if err != nil || end+record > len(b) {
			return ttls
		}
		ttls = append(ttls, binary.BigEndian.Uint32(b[end+4:]))
		at = end + record + int(binary.BigEndian.Uint16(b[end+8:]))
	}
	return ttls
}

// skipName returns where the name at a place ends.
func skipName(b []byte, at int) (end int, err error) {
	for at < len(b) {
		switch n := int(b[at]); {
		case n == 0:
			return at + 1, nil
		case n >= 0xc0: // goes on elsewhere
			return at + 2, nil
		default:
			at += n + 1
		}
	}
	return at, io.ErrUnexpectedEOF
}
