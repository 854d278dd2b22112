package hep

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// The chunks of vendor 0, "HEP/EEP Network Protocol Specification", revision 3, 4.2.
const (
	chunkFamily      = 0x0001
	chunkProtocol    = 0x0002
	chunkSource4     = 0x0003
	chunkTarget4     = 0x0004
	chunkSource6     = 0x0005
	chunkTarget6     = 0x0006
	chunkSourcePort  = 0x0007
	chunkTargetPort  = 0x0008
	chunkSeconds     = 0x0009
	chunkMicros      = 0x000a
	chunkKind        = 0x000b
	chunkAgent       = 0x000c
	chunkPassword    = 0x000e
	chunkPayload     = 0x000f
	chunkCorrelation = 0x0011
)

// What a payload is, chunk 0x000b.
const (
	kindSIP = 1
	kindLog = 100
)

const (
	inet, inet6 = 2, 10
	tcp, udp    = 6, 17
	maxUDP      = 65507 // bytes that a datagram carries over IPv4
	chunkHead   = 6
)

// packet is what one HEP packet tells.
type packet struct {
	protocol    byte
	from, to    netip.AddrPort
	at          time.Time
	kind        byte
	agent       uint32
	password    string
	correlation string
	payload     []byte // cut to what fits
}

// encode returns the packet for a datagram of its own.
func (p *packet) encode() []byte {
	b := make([]byte, 6, 128+len(p.correlation)+len(p.password)+len(p.payload))
	copy(b, "HEP3")
	b = p.addresses(b)
	b = chunk(b, chunkSourcePort, binary.BigEndian.AppendUint16(nil, p.from.Port()))
	b = chunk(b, chunkTargetPort, binary.BigEndian.AppendUint16(nil, p.to.Port()))
	b = chunk(b, chunkSeconds, binary.BigEndian.AppendUint32(nil, uint32(p.at.Unix())))
	b = chunk(b, chunkMicros, binary.BigEndian.AppendUint32(nil, uint32(p.at.Nanosecond()/1000)))
	b = chunk(b, chunkKind, []byte{p.kind})
	b = chunk(b, chunkAgent, binary.BigEndian.AppendUint32(nil, p.agent))
	if p.password != "" {
		b = chunk(b, chunkPassword, []byte(p.password))
	}
	b = chunk(b, chunkCorrelation, []byte(p.correlation))
	b = chunk(b, chunkPayload, p.payload[:min(len(p.payload), maxUDP-chunkHead-len(b))])
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)))
	return b
}

// addresses adds the chunks of both addresses. One that is none is the unspecified
// one; of two families both are written as IPv6.
func (p *packet) addresses(b []byte) []byte {
	from, to := p.from.Addr().Unmap(), p.to.Addr().Unmap()
	if from.Is4() && to.Is4() {
		src, dst := from.As4(), to.As4()
		b = chunk(chunk(b, chunkFamily, []byte{inet}), chunkProtocol, []byte{p.protocol})
		return chunk(chunk(b, chunkSource4, src[:]), chunkTarget4, dst[:])
	}
	var src, dst [16]byte
	if from.IsValid() {
		src = from.As16()
	}
	if to.IsValid() {
		dst = to.As16()
	}
	b = chunk(chunk(b, chunkFamily, []byte{inet6}), chunkProtocol, []byte{p.protocol})
	return chunk(chunk(b, chunkSource6, src[:]), chunkTarget6, dst[:])
}

func chunk(b []byte, kind uint16, value []byte) []byte {
	b = append(b, 0, 0) // no vendor
	b = binary.BigEndian.AppendUint16(b, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(chunkHead+len(value)))
	return append(b, value...)
}
