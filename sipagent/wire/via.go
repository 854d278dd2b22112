package wire

// ViaValue is one value of a Via header (RFC 3261 section 20.42).
type ViaValue struct {
	Transport Span
	Host      Span   // of sent-by; IPv6 without the brackets
	Port      uint16 // of sent-by; 0 when it names none
	Branch    Span
	Received  Param // All is empty when there is none
	RPort     Param
	MAddr     Span
	Params    Span // all of them; for FindParam
	Value     Span // all of it, without the comma
}

// ReadVia reads the first value of s and returns what stands behind its comma.
// White space may stand wherever the grammar has it. It is not ok without a
// protocol, transport or sent-by, or when the parameters cannot be told apart.
func ReadVia(raw []byte, s Span) (v ViaValue, rest Span, ok bool) {
	v.Value, rest = splitAt(raw, s, until(raw, s, ','))
	semi := until(raw, v.Value, ';')
	head := Span{v.Value.Start, semi}
	for range 2 { // SIP / 2.0 /
		slash := index(raw, head, '/')
		if slash < 0 || !isToken(trim(raw, Span{head.Start, slash}).Of(raw)) {
			return v, rest, false
		}
		head = trim(raw, Span{slash + 1, head.End})
	}
	blank := head.Start
	for blank < head.End && !isSpace(raw[blank]) {
		blank++
	}
	v.Transport = Span{head.Start, blank}
	if v.Host, v.Port, ok = readHostPort(raw, trim(raw, Span{blank, head.End})); !ok || !isToken(v.Transport.Of(raw)) {
		return v, rest, false
	}
	v.Params = Span{semi, v.Value.End}
	return v, rest, closed(raw, v.Params) && v.readParams(raw, v.Params)
}

func (v *ViaValue) readParams(raw []byte, s Span) bool {
	for {
		p, rest, ok := NextParam(raw, s)
		if !ok {
			return s.Empty()
		}
		switch name := p.Name.Of(raw); {
		case EqualFold(name, "branch"):
			v.Branch = p.Value
		case EqualFold(name, "received"):
			v.Received = p
		case EqualFold(name, "rport"):
			v.RPort = p
		case EqualFold(name, "maddr"):
			v.MAddr = p.Value
		}
		s = rest
	}
}

// readHostPort reads host [":" port]; a host of IPv6 loses its brackets.
func readHostPort(raw []byte, s Span) (host Span, port uint16, ok bool) {
	if s.Empty() {
		return s, 0, false
	}
	end := s.Start
	if raw[s.Start] == '[' {
		if end = index(raw, s, ']'); end < 0 {
			return s, 0, false
		}
		host, end = Span{s.Start + 1, end}, end+1
	} else {
		for end < s.End && raw[end] != ':' && !isSpace(raw[end]) {
			end++
		}
		host = Span{s.Start, end}
	}
	rest := trim(raw, Span{end, s.End})
	if rest.Empty() {
		return host, 0, !host.Empty() && isHost(host.Of(raw))
	}
	n, numeric := Number(trim(raw, Span{rest.Start + 1, rest.End}).Of(raw))
	return host, uint16(n), raw[rest.Start] == ':' && numeric && n > 0 && n < 65536 && isHost(host.Of(raw))
}

// isHost reports whether b could be a host name or address: nothing in it may
// end a header value.
func isHost(b []byte) bool {
	for _, c := range b {
		if !token[c] && c != ':' {
			return false
		}
	}
	return len(b) > 0
}
