package sipagent

import "callscreen/screening"

// thrift says what a screened call leaves out of what we add, so that it still fits
// into a datagram that nobody has to divide. Each step leaves out what those
// before it do. The label stays in From, whatever its length.
type thrift uint8

const (
	wholly thrift = iota
	noCallInfo
	noRing
	noSource
	fewNames // the label is not in Remote-Party-ID and P-Preferred-Identity
)

// leavesOut reports whether a header of ours is left out.
func (t thrift) leavesOut(name string) bool {
	switch name {
	case "Call-Info":
		return t >= noCallInfo
	case "Alert-Info":
		return t >= noRing
	case "X-Spam-Source":
		return t >= noSource
	}
	return false
}

// maxDatagram is the longest that UDP can carry, over IPv6 as well.
const maxDatagram = 65487

// fit makes the INVITE again with less and less of what we add, until UDP can take
// it. One that is too long all the same keeps everything: it leaves in fragments
// anyway. Where not even they can carry what we add, it leaves without.
func (s *setup) fit(w *work, to hop, d *screening.Decision) {
	switch {
	case d == nil || d.Mode != screening.Enforce || to.socket.transport != overUDP || len(s.sent) <= w.limits.UDPBytes:
		return
	case len(s.sent) > maxDatagram:
		w.nextHop(s.msg) // for its edits
		s.sent = s.passOn(w, to, nil)
		return
	case len(s.msg.Raw) > w.limits.UDPBytes:
		return
	}
	whole := s.sent
	for s.less = noCallInfo; s.less <= fewNames; s.less++ {
		w.nextHop(s.msg) // for its edits
		if s.sent = s.passOn(w, to, d); len(s.sent) <= w.limits.UDPBytes {
			return
		}
	}
	s.sent, s.less = whole, wholly
}
