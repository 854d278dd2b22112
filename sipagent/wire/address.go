package wire

// Address is one value of a header such as From, Route or P-Asserted-Identity:
// a name-addr or an addr-spec with parameters (RFC 3261 section 20.10).
type Address struct {
	Display Span // the display name, with its quotes when Quoted; empty when there is none
	Quoted  bool
	URI     Span // without the brackets
	Angle   bool // the URI stands in angle brackets
	Params  Span // from the first semicolon behind the URI; for FindParam
	Value   Span // all of it
}

// NextValue splits the first of a list of addresses off, at the first comma
// outside quotes and brackets. rest is empty behind the last one.
func NextValue(raw []byte, s Span) (value, rest Span) {
	i := untilEither(raw, s, ',', '<')
	for i < s.End && raw[i] == '<' {
		closing := index(raw, Span{i, s.End}, '>')
		if closing < 0 {
			return splitAt(raw, s, s.End)
		}
		i = untilEither(raw, Span{closing, s.End}, ',', '<')
	}
	return splitAt(raw, s, i)
}

// ReadAddress reads one value. It is not ok when a quote or bracket does not
// end, or when there is no URI. Display names that are neither a token nor
// quoted are read as well: strangers write them.
func ReadAddress(raw []byte, s Span) (Address, bool) {
	s = trim(raw, s)
	a := Address{Value: s}
	rest := s
	if !s.Empty() && raw[s.Start] == '"' {
		end := quoted(raw, s.Start, s.End)
		if end < 0 {
			return a, false
		}
		a.Display, a.Quoted = Span{s.Start, end}, true
		rest = trim(raw, Span{end, s.End})
		if rest.Empty() || raw[rest.Start] != '<' {
			return a, false
		}
	}
	open := until(raw, rest, '<')
	if open == rest.End {
		return a.readSpec(raw, rest)
	}
	if !a.Quoted {
		a.Display = trim(raw, Span{rest.Start, open})
	}
	closing := index(raw, Span{open, rest.End}, '>')
	if closing < 0 {
		return a, false
	}
	a.Angle = true
	a.URI = trim(raw, Span{open + 1, closing})
	a.Params = trim(raw, Span{closing + 1, rest.End})
	return a, !a.URI.Empty() && (a.Params.Empty() || raw[a.Params.Start] == ';') && closed(raw, a.Params)
}

// readSpec reads the form without brackets, in which everything from the first
// semicolon on belongs to the header.
func (a Address) readSpec(raw []byte, s Span) (Address, bool) {
	semi := until(raw, s, ';')
	a.URI = trim(raw, Span{s.Start, semi})
	a.Params = Span{semi, s.End}
	return a, !a.URI.Empty() && index(raw, a.URI, '"') < 0 && index(raw, a.URI, '>') < 0 && closed(raw, a.Params)
}

// AppendName appends the display name as a reader sees it: without the quotes
// and the backslashes, and on one line.
func (a Address) AppendName(dst, raw []byte) []byte {
	name := a.Display.Of(raw)
	if a.Quoted {
		name = name[1 : len(name)-1]
	}
	for i := 0; i < len(name); i++ {
		if a.Quoted && name[i] == '\\' && i+1 < len(name) {
			i++
		}
		if name[i] != '\r' && name[i] != '\n' { // of a fold the blanks stay
			dst = append(dst, name[i])
		}
	}
	return dst
}

// index returns where c first stands in the span, or -1.
func index(raw []byte, s Span, c byte) int32 {
	for i := s.Start; i < s.End; i++ {
		if raw[i] == c {
			return i
		}
	}
	return -1
}
