package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// torture returns the messages of RFC 4475 and RFC 5118.
func torture(t testing.TB) (raws [][]byte) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/sip/torture/*/*.dat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no torture messages: %v", err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		raws = append(raws, raw)
	}
	return raws
}

// seedValues adds the values of some kinds of header of the torture messages.
func seedValues(f *testing.F, kinds ...Kind) {
	var m Message
	for _, raw := range torture(f) {
		if m.Scan(raw) != nil {
			continue
		}
		f.Add(m.URI.Of(m.Raw))
		for _, h := range m.Headers {
			for _, k := range kinds {
				if h.Kind == k {
					f.Add(h.Value.Of(m.Raw))
				}
			}
		}
	}
}

func within(t *testing.T, what string, s, outer Span) {
	t.Helper()
	if s != (Span{}) && (s.Start < outer.Start || s.End < s.Start || s.End > outer.End) {
		t.Fatalf("%s = %v is not within %v", what, s, outer)
	}
}

func FuzzScan(f *testing.F) {
	for _, raw := range torture(f) {
		f.Add(raw)
	}
	f.Add(crlf(invite))
	f.Add(crlf(ringing))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var m Message
		if m.Scan(raw) != nil {
			return
		}
		checkSpans(t, &m)
		if got := Splice(nil, m.Raw, nil); !bytes.Equal(got, m.Raw) {
			t.Fatalf("Splice without edits makes\n%q of\n%q", got, m.Raw)
		}
		if got := FindCallID(m.Raw); m.Flaw == FlawNone && !bytes.Equal(got, m.Value(CallID)) {
			t.Fatalf("FindCallID = %q, want %q of\n%q", got, m.Value(CallID), m.Raw)
		}
		if m.Flaw == FlawNone && len(m.Headers)+3 <= MaxHeaders {
			checkEdited(t, &m)
		}
	})
}

// checkSpans checks that what was found lies where it can, and that nothing
// between the start line and the body is in no header, but for lines that are none.
func checkSpans(t *testing.T, m *Message) {
	t.Helper()
	whole, head := all(m.Raw), Span{0, m.Body}
	within(t, "header part", head, whole)
	for what, s := range map[string]Span{"Method": m.Method, "URI": m.URI, "CSeqMethod": m.CSeqMethod, "FromTag": m.FromTag, "ToTag": m.ToTag} {
		within(t, what, s, head)
	}
	eol := bytes.IndexByte(m.Raw, '\n')
	pos := int32(eol + 1)
	for i, h := range m.Headers {
		if h.Line.Start != pos && m.Flaw < FlawHeaderLine {
			t.Fatalf("header %d begins at %d, the one before ends at %d", i, h.Line.Start, pos)
		}
		within(t, "Line", h.Line, Span{pos, m.Body - 2})
		within(t, "Name", h.Name, h.Line)
		within(t, "Value", h.Value, Span{h.Name.End + 1, h.Line.End - 2})
		pos = h.Line.End
	}
	if pos != m.Body-2 && m.Flaw < FlawHeaderLine {
		t.Fatalf("headers end at %d, the body begins at %d", pos, m.Body)
	}
}

// checkEdited makes the edits of a proxy and checks that the result reads as
// what was meant, and that everything else stayed as it was.
func checkEdited(t *testing.T, m *Message) {
	t.Helper()
	edits := []Edit{
		insertAt(m.First(Via).Line.Start, "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\n"),
		insertAt(m.Body-2, "X-Call-Screen: tag;rule=sales\r\n"),
	}
	from, named := ReadAddress(m.Raw, m.First(From).Value)
	if named {
		edits = append(edits, rename(m.Raw, from, `"推销×3475"`))
	}
	if h := m.First(MaxForwards); h != nil {
		edits = append(edits, Edit{h.Value, []byte("69")})
	} else {
		edits = append(edits, insertAt(m.Body-2, "Max-Forwards: 70\r\n"))
	}
	out := Splice(nil, m.Raw, edits)

	var n Message
	if err := n.Scan(out); err != nil || n.Flaw != FlawNone {
		t.Fatalf("Scan of what Splice made = %v, flaw %d:\n%q", err, n.Flaw, out)
	}
	checkSpans(t, &n)
	if !bytes.Equal(n.FromTag.Of(n.Raw), m.FromTag.Of(m.Raw)) || !bytes.Equal(n.ToTag.Of(n.Raw), m.ToTag.Of(m.Raw)) {
		t.Fatalf("the tags became %q and %q in\n%q", n.FromTag.Of(n.Raw), n.ToTag.Of(n.Raw), out)
	}
	if a, ok := ReadAddress(n.Raw, n.First(From).Value); ok != named || ok && string(a.Display.Of(n.Raw)) != `"推销×3475"` {
		t.Fatalf("From became %q", n.Value(From))
	}
	if got, want := untouched(&n), untouched(m); !bytes.Equal(got, want) {
		t.Fatalf("what nobody edited became\n%q, was\n%q", got, want)
	}
}

func insertAt(at int32, text string) Edit { return Edit{Span{at, at}, []byte(text)} }

// rename makes the edit that gives an address another display name.
func rename(raw []byte, a Address, name string) Edit {
	switch {
	case !a.Display.Empty():
		return Edit{a.Display, []byte(name)}
	case a.Angle:
		return insertAt(a.Value.Start, name+" ")
	}
	return Edit{a.URI, []byte(name + " <" + string(a.URI.Of(raw)) + ">")}
}

// untouched returns the lines of a message that checkEdited does not change,
// and its body.
func untouched(m *Message) (b []byte) {
	mine := bytes.HasPrefix(m.Value(Via), []byte("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx"))
	for i := range m.Headers {
		switch h := &m.Headers[i]; {
		case h.Kind == From, h.Kind == MaxForwards:
		case mine && h == m.First(Via), bytes.HasPrefix(h.Line.Of(m.Raw), []byte("X-Call-Screen: tag;rule=sales\r\n")):
		default:
			b = append(b, h.Line.Of(m.Raw)...)
		}
	}
	return append(b, m.Raw[m.Body:]...)
}

func FuzzReadAddress(f *testing.F) {
	seedValues(f, From, To, Contact, Route, RecordRoute)
	f.Add([]byte(`"a, b" <sip:1@a>;x=",", sip:2@b;tag=2`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		pos := int32(0)
		for rest := all(raw); !rest.Empty(); {
			var value Span
			value, rest = NextValue(raw, rest)
			within(t, "value", value, Span{pos, int32(len(raw))})
			if !rest.Empty() && rest.Start <= value.End {
				t.Fatalf("the value behind %v begins at %d", value, rest.Start)
			}
			pos = value.End
			if a, ok := ReadAddress(raw, value); ok {
				checkAddress(t, raw, a)
			}
		}
	})
}

// checkAddress checks the order of an address's parts, and that another name
// changes no other part.
func checkAddress(t *testing.T, raw []byte, a Address) {
	t.Helper()
	within(t, "Display", a.Display, a.Value)
	within(t, "URI", a.URI, Span{a.Display.End, a.Value.End})
	within(t, "Params", a.Params, Span{a.URI.End, a.Value.End})
	a.AppendName(nil, raw)
	ReadURI(raw, a.URI)

	value := append([]byte(nil), a.Value.Of(raw)...)
	again, ok := ReadAddress(value, all(value))
	if !ok {
		t.Fatalf("%q reads once but not twice", value)
	}
	named := Splice(nil, value, []Edit{rename(value, again, `"x"`)})
	n, ok := ReadAddress(named, all(named))
	if !ok || string(n.Display.Of(named)) != `"x"` || !n.Quoted || !n.Angle ||
		!bytes.Equal(n.URI.Of(named), a.URI.Of(raw)) || !bytes.Equal(trim(named, n.Params).Of(named), trim(raw, a.Params).Of(raw)) {
		t.Fatalf("%q became %q, %v", value, named, ok)
	}
}

func FuzzReadVia(f *testing.F) {
	seedValues(f, Via)
	f.Add([]byte("SIP / 2.0 / UDP [::1] : 5060 ; rport ; branch = \"a,b\" , SIP/2.0/TCP h"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for rest := all(raw); !rest.Empty(); {
			var v ViaValue
			var ok bool
			before := rest
			if v, rest, ok = ReadVia(raw, rest); ok {
				checkVia(t, raw, v)
			}
			if rest.Len() >= before.Len() {
				t.Fatalf("of %v as much is left: %v", before, rest)
			}
		}
	})
}

// checkVia checks that what a proxy notes in a Via is read back, and that the
// rest of it reads as before.
func checkVia(t *testing.T, raw []byte, v ViaValue) {
	t.Helper()
	for what, s := range map[string]Span{"Transport": v.Transport, "Host": v.Host, "Branch": v.Branch, "Received": v.Received.All, "RPort": v.RPort.All, "MAddr": v.MAddr} {
		within(t, what, s, v.Value)
	}
	edits := []Edit{insertAt(v.Value.End, ";received=192.0.2.7")}
	if !v.Received.All.Empty() {
		edits = append(edits, Edit{v.Received.All, nil})
	}
	if !v.RPort.All.Empty() {
		edits = append(edits, Edit{v.RPort.All, []byte(";rport=7")})
	}
	noted := Splice(nil, raw, edits)[v.Value.Start:]
	n, _, ok := ReadVia(noted, all(noted))
	if !ok || string(n.Received.Value.Of(noted)) != "192.0.2.7" || n.Port != v.Port ||
		!bytes.Equal(n.Host.Of(noted), v.Host.Of(raw)) || !bytes.Equal(n.Branch.Of(noted), v.Branch.Of(raw)) ||
		!v.RPort.All.Empty() && string(n.RPort.Value.Of(noted)) != "7" {
		t.Fatalf("%q became %q, %v", v.Value.Of(raw), noted, ok)
	}
}

func FuzzReadURI(f *testing.F) {
	seedValues(f)
	for _, s := range []string{"tel:+86;phone-context=x", "sip:a:b@[::1]:5060;lr;x=\"y\"?z", "sips:h"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		u, ok := ReadURI(raw, all(raw))
		if !ok {
			return
		}
		within(t, "Scheme", u.Scheme, all(raw))
		within(t, "User", u.User, Span{u.Scheme.End + 1, int32(len(raw))})
		if !u.IsSIP(raw) {
			return
		}
		within(t, "Host", u.Host, Span{max(u.User.End, u.Scheme.End+1), int32(len(raw))})
		within(t, "Params", u.Params, Span{u.Host.End, int32(len(raw))})
		if !isHost(u.Host.Of(raw)) {
			t.Fatalf("the host of %q is %q", raw, u.Host.Of(raw))
		}
		for p, rest, ok := NextParam(raw, u.Params); ok; p, rest, ok = NextParam(raw, rest) {
			within(t, "parameter", p.All, u.Params)
			within(t, "value", p.Value, p.All)
		}
	})
}
