package trace

import (
	"encoding/binary"
	"io"
	"net/netip"
)

// The numbers of a capture file, https://www.tcpdump.org/manpages/pcap-savefile.5.html.
const (
	pcapMagic = 0xa1b2c3d4 // times in microseconds
	linkRaw   = 101        // LINKTYPE_RAW: packets begin with their IP header
	ipv4Size  = 20
	ipv6Size  = 40
	udpSize   = 8
	protoUDP  = 17
	hopLimit  = 64
	maxPacket = 65535
)

// WritePcap writes messages as a capture file that Wireshark and sngrep open. Every
// message is a UDP packet in it, also one that came over TCP or TLS, so that it can
// be read without a key. One that no UDP packet can carry is cut.
func WritePcap(w io.Writer, messages []Message) error {
	head := binary.LittleEndian.AppendUint32(nil, pcapMagic)
	head = binary.LittleEndian.AppendUint16(head, 2) // version 2.4
	head = binary.LittleEndian.AppendUint16(head, 4)
	head = append(head, make([]byte, 8)...) // times are UTC, as exact as they are
	head = binary.LittleEndian.AppendUint32(head, maxPacket)
	head = binary.LittleEndian.AppendUint32(head, linkRaw)
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i := range messages {
		m := &messages[i]
		packet := packetOf(m)
		record := binary.LittleEndian.AppendUint32(nil, uint32(m.At.Unix()))
		record = binary.LittleEndian.AppendUint32(record, uint32(m.At.Nanosecond()/1000))
		record = binary.LittleEndian.AppendUint32(record, uint32(len(packet)))
		record = binary.LittleEndian.AppendUint32(record, uint32(len(packet)))
		if _, err := w.Write(append(record, packet...)); err != nil {
			return err
		}
	}
	return nil
}

// packetOf returns a message as an IP packet.
func packetOf(m *Message) []byte {
	from, to := m.From.Addr().Unmap(), m.To.Addr().Unmap()
	if from.Is4() && to.Is4() {
		return ipv4Packet(from, to, m)
	}
	return ipv6Packet(from, to, m)
}

// ipv4Packet is that of RFC 791.
func ipv4Packet(from, to netip.Addr, m *Message) []byte {
	src, dst := from.As4(), to.As4()
	udp := datagram(src[:], dst[:], m, maxPacket-ipv4Size)
	p := []byte{0x45, 0}
	p = binary.BigEndian.AppendUint16(p, uint16(ipv4Size+len(udp)))
	p = append(p, 0, 0, 0x40, 0, hopLimit, protoUDP, 0, 0) // not to be fragmented
	p = append(append(p, src[:]...), dst[:]...)
	binary.BigEndian.PutUint16(p[10:], checksum(p))
	return append(p, udp...)
}

// ipv6Packet is that of RFC 8200. An address that is none is the unspecified one.
func ipv6Packet(from, to netip.Addr, m *Message) []byte {
	var src, dst [16]byte
	if from.IsValid() {
		src = from.As16()
	}
	if to.IsValid() {
		dst = to.As16()
	}
	udp := datagram(src[:], dst[:], m, maxPacket-ipv6Size)
	p := []byte{0x60, 0, 0, 0}
	p = binary.BigEndian.AppendUint16(p, uint16(len(udp)))
	p = append(p, protoUDP, hopLimit)
	p = append(append(p, src[:]...), dst[:]...)
	return append(p, udp...)
}

// datagram is that of RFC 768, of at most limit bytes.
func datagram(src, dst []byte, m *Message, limit int) []byte {
	payload := m.Raw[:min(len(m.Raw), limit-udpSize)]
	size := uint16(udpSize + len(payload))
	udp := binary.BigEndian.AppendUint16(nil, m.From.Port())
	udp = binary.BigEndian.AppendUint16(udp, m.To.Port())
	udp = binary.BigEndian.AppendUint16(udp, size)
	udp = append(append(udp, 0, 0), payload...)
	pseudo := append(append([]byte{}, src...), dst...)
	pseudo = append(pseudo, 0, protoUDP)
	pseudo = binary.BigEndian.AppendUint16(pseudo, size)
	sum := checksum(append(pseudo, udp...))
	if sum == 0 {
		sum = 0xffff // 0 says that there is none
	}
	binary.BigEndian.PutUint16(udp[6:], sum)
	return udp
}

// checksum is that of RFC 1071.
func checksum(p []byte) uint16 {
	var sum uint32
	for ; len(p) > 1; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	if len(p) == 1 {
		sum += uint32(p[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
