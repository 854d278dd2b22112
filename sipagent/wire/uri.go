package wire

// URI is a SIP or SIPS URI in its parts (RFC 3261 section 19.1.1). Of other
// schemes, Scheme and User alone are set: User is all behind the colon.
type URI struct {
	Scheme Span
	User   Span   // without the password
	Host   Span   // IPv6 without the brackets
	Port   uint16 // 0 when there is none
	Params Span   // from the first semicolon behind the host
}

// ReadURI reads a URI. It is not ok without a scheme, or when a SIP URI has no
// host that could be one.
func ReadURI(raw []byte, s Span) (u URI, ok bool) {
	s = trim(raw, s)
	colon := index(raw, s, ':')
	if colon <= s.Start || !isLetter(raw[s.Start]) || !isToken(raw[s.Start:colon]) {
		return u, false
	}
	u.Scheme = Span{s.Start, colon}
	rest := Span{colon + 1, s.End}
	if !u.IsSIP(raw) {
		u.User = rest
		return u, true
	}
	if at := lastIndex(raw, rest, '@'); at >= 0 {
		u.User = Span{rest.Start, at}
		if pw := index(raw, u.User, ':'); pw >= 0 {
			u.User.End = pw
		}
		rest.Start = at + 1
	}
	if q := index(raw, rest, '?'); q >= 0 {
		rest.End = q
	}
	semi := rest.End
	if i := index(raw, rest, ';'); i >= 0 {
		semi = i
	}
	u.Params = Span{semi, rest.End}
	u.Host, u.Port, ok = readHostPort(raw, Span{rest.Start, semi})
	return u, ok
}

// IsSIP reports whether the scheme is sip or sips.
func (u URI) IsSIP(raw []byte) bool {
	scheme := u.Scheme.Of(raw)
	return EqualFold(scheme, "sip") || EqualFold(scheme, "sips")
}

// IsTel reports whether the scheme is tel (RFC 3966).
func (u URI) IsTel(raw []byte) bool { return EqualFold(u.Scheme.Of(raw), "tel") }

func lastIndex(raw []byte, s Span, c byte) int32 {
	for i := s.End - 1; i >= s.Start; i-- {
		if raw[i] == c {
			return i
		}
	}
	return -1
}
