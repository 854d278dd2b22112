package wire

// Param is one ;name=value of a header value or URI.
type Param struct {
	Name  Span
	Value Span // empty when there is none; with its quotes when quoted
	All   Span // from the semicolon to the end of the value
}

// NextParam splits the first parameter off. s must be empty or begin with a
// semicolon; it is not ok when it does neither.
func NextParam(raw []byte, s Span) (p Param, rest Span, ok bool) {
	if s.Empty() || raw[s.Start] != ';' {
		return Param{}, s, false
	}
	end := until(raw, Span{s.Start + 1, s.End}, ';')
	p.All = Span{s.Start, end}
	whole := trim(raw, Span{s.Start + 1, end})
	if eq := until(raw, whole, '='); eq < whole.End {
		p.Name = trim(raw, Span{whole.Start, eq})
		p.Value = trim(raw, Span{eq + 1, whole.End})
	} else {
		p.Name = whole
	}
	return p, Span{end, s.End}, true
}

// FindParam returns the first parameter of a name, which must be given in lower
// case, and whether there is one.
func FindParam(raw []byte, s Span, name string) (Param, bool) {
	for {
		p, rest, ok := NextParam(raw, s)
		if !ok {
			return Param{}, false
		}
		if EqualFold(p.Name.Of(raw), name) {
			return p, true
		}
		s = rest
	}
}
