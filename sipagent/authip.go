package sipagent

import (
	"net/netip"
	"strconv"

	"callscreen/sipagent/wire"
)

// tellSource adds where a call of a trunk comes from, to a PBX that is to be told. A
// FreeSWITCH whose apply-proxy-acl names us checks its apply-inbound-acl by that. It
// is no matter of the verdict: without it such a PBX would refuse the call.
func (w *work) tellSource(m *wire.Message, from *peer, src netip.AddrPort) {
	if !w.authIP || !from.trunk || from.turns || !m.Is("INVITE") || !m.ToTag.Empty() {
		return
	}
	w.insert(m.Body-2, "X-AUTH-IP: ", src.Addr().Unmap().String(), "\r\nX-AUTH-PORT: ", strconv.Itoa(int(src.Port())), "\r\n")
}
