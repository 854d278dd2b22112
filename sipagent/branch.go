package sipagent

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"net/netip"

	"callscreen/sipagent/wire"
)

// cookie begins every branch of RFC 3261.
const cookie = "z9hG4bK"

// Kinds of our branches.
const (
	kindSetup = 's' // the INVITE that sets a call up, its CANCEL, and the ACK of its refusal
	kindRelay = 'r' // everything that is forwarded without state
	kindProbe = 'o' // our own OPTIONS
	kindCross = 'c' // other requests between a stream and UDP, which are kept till they are answered
)

// token names a transaction: a MAC over what its requests and the answers to
// them both carry, so that either of them can be recognised without a memory.
// It never depends on the method: a CANCEL and the ACK of a refusal derive the
// token of their INVITE.
type token [12]byte

// prover makes and checks tokens. It is not safe for concurrent use.
type prover struct {
	mac hash.Hash
	sum []byte
	buf []byte
}

func newProver(key []byte) prover {
	return prover{mac: hmac.New(sha256.New, key), sum: make([]byte, 0, sha256.Size)}
}

// token derives the token of a message from the Via that its sender put on top:
// of a request, with its source; of an answer, the Via below our own. Requests
// of RFC 2543 have no unique branch, so more of the message goes in.
func (p *prover) token(m *wire.Message, via wire.ViaValue, in byte, src netip.Addr) (t token) {
	ip := src.As16()
	b := append(p.buf[:0], in)
	b = append(b, ip[:]...)
	b = append(b, via.Host.Of(m.Raw)...)
	b = append(b, 0, byte(via.Port>>8), byte(via.Port))
	b = append(b, via.Branch.Of(m.Raw)...)
	if len(via.Branch.Of(m.Raw)) <= len(cookie) || string(via.Branch.Of(m.Raw)[:len(cookie)]) != cookie {
		b = append(append(b, 0), m.Value(wire.CallID)...)
		b = append(append(b, 0), m.FromTag.Of(m.Raw)...)
		b = append(b, 0, byte(m.CSeq>>24), byte(m.CSeq>>16), byte(m.CSeq>>8), byte(m.CSeq))
	}
	p.buf = b
	copy(t[:], p.digest(b))
	return t
}

func (p *prover) digest(b []byte) []byte {
	p.mac.Reset()
	p.mac.Write(b)
	return p.mac.Sum(p.sum[:0])
}

// tag derives the To tag of our own answers in a transaction: the same for each
// of them, and known to nobody else.
func (p *prover) tag(t token) string {
	p.buf = append(append(p.buf[:0], "tag"...), t[:]...)
	return base64.RawURLEncoding.EncodeToString(p.digest(p.buf)[:12])
}

// branch is one of ours:
//
//	z9hG4bK kind socket target loop(8) token(16) [port(3)]
//
// socket is where the request came in, target which of the peer's targets it
// went to, loop the hash of what routed it. port is there if the request came by
// a connection: the sender's, by which the connection is found for the answer.
type branch struct {
	kind   byte
	in     byte
	target byte
	loop   loopHash
	token  token
	port   uint16
}

const (
	branchLen = len(cookie) + 3 + 8 + 16
	portLen   = 3
)

// digits write small numbers into a branch.
const digits = "0123456789abcdefghijklmnopqrstuvwxyz"

func (b branch) append(dst []byte) []byte {
	dst = append(dst, cookie...)
	dst = append(dst, b.kind, digits[b.in], digits[b.target])
	dst = base64.RawURLEncoding.AppendEncode(dst, b.loop[:])
	dst = base64.RawURLEncoding.AppendEncode(dst, b.token[:])
	if b.port == 0 {
		return dst
	}
	return base64.RawURLEncoding.AppendEncode(dst, []byte{byte(b.port >> 8), byte(b.port)})
}

// readBranch reads a branch that has our form.
func readBranch(s []byte) (b branch, ok bool) {
	if len(s) != branchLen && len(s) != branchLen+portLen || string(s[:len(cookie)]) != cookie {
		return b, false
	}
	s = s[len(cookie):]
	b.kind, b.in, b.target = s[0], digit(s[1]), digit(s[2])
	var buf [20]byte // loop, token and port, decoded
	if _, err := base64.RawURLEncoding.Decode(buf[:], s[3:]); err != nil {
		return b, false
	}
	copy(b.loop[:], buf[:6])
	copy(b.token[:], buf[6:18])
	b.port = uint16(buf[18])<<8 | uint16(buf[19])
	if (b.port != 0) != (len(s) > branchLen-len(cookie)) {
		return b, false
	}
	return b, (b.kind == kindSetup || b.kind == kindRelay || b.kind == kindCross || b.kind == kindProbe) && b.in < byte(len(digits)) && b.target < byte(len(digits))
}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'z':
		return c - 'a' + 10
	}
	return 255
}

// seed makes a choice that hangs on the transaction and nothing else.
func (t token) seed() uint64 { return binary.BigEndian.Uint64(t[:]) }

func (t token) equal(o token) bool { return subtle.ConstantTimeCompare(t[:], o[:]) == 1 }

// loopHash is a hash of all that decides where a request goes. A request that
// comes back with the same hash loops; with another one it spirals, which is
// legal (RFC 3261 section 16.3, RFC 5393).
type loopHash [6]byte

// loopOf hashes the Request-URI, the topmost Route, the dialog and the side
// that a request came from, with FNV-1a.
func loopOf(m *wire.Message, in byte, trunk bool) (l loopHash) {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	add := func(b []byte) {
		for _, c := range b {
			h = (h ^ uint64(c)) * prime
		}
		h *= prime
	}
	side := byte('p')
	if trunk {
		side = 't'
	}
	add([]byte{in, side, byte(m.CSeq >> 24), byte(m.CSeq >> 16), byte(m.CSeq >> 8), byte(m.CSeq)})
	add(m.URI.Of(m.Raw))
	add(m.Value(wire.Route))
	add(m.Value(wire.CallID))
	add(m.FromTag.Of(m.Raw))
	for i := range l {
		l[i] = byte(h >> (8 * (i + 1)))
	}
	return l
}
