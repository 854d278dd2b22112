package sipagent

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// maxName is how many bytes of a display name Asterisk keeps.
const maxName = 79

// putNames edits the display names that go on to the PBX, and reports whether
// that of From is among them. What imitates a label of ours goes, and the label
// of the decision, if it has one, comes into every identity header: a PBX shows
// the name of one header and ignores the others', and takes an empty name of the
// one it prefers. A header without a name then gets the one of From, else the
// number, else the label alone.
func (w *work) putNames(m *wire.Message, from *peer, d *screening.Decision, less thrift) bool {
	label := w.labelOf(d.Verdict)
	caller, _ := wire.ReadAddress(m.Raw, m.First(wire.From).Value)
	own := w.ownName(m, caller)
	edited := label != "" || own.forged
	if edited {
		w.sealUndo(m, sealFrom, caller)
	}
	if label != "" {
		w.sealMark(m, mark{label: label, unnamed: own.empty(), caller: hashTag(m.FromTag.Of(m.Raw))})
	}
	fallback := own
	if own.empty() && !d.Call.Withheld {
		fallback = name{text: []byte(d.Number.Digits)}
	}
	w.putName(m, caller, label, own, fallback)
	if !from.trust {
		return edited
	}
	for _, s := range sources {
		if less == fewNames && s.kind != wire.PAssertedIdentity {
			label = ""
		}
		eachAddress(m, s.kind, func(a wire.Address) { w.putName(m, a, label, w.ownName(m, a), fallback) })
	}
	return edited
}

// labelOf returns the label of a verdict that the phones can show; empty: none.
func (a *Agent) labelOf(v screening.Verdict) string {
	switch {
	case v.Action != screening.Tag:
		return ""
	case a.asciiLabels && v.ASCII != "":
		return v.ASCII
	}
	return v.Label
}

// name is a display name as it stands in a message.
type name struct {
	text   []byte // with its quotes when quoted
	quoted bool
	forged bool // it has lost what imitated a label
}

// empty reports a name that shows nothing.
func (n name) empty() bool { return len(bytes.Trim(n.text, "\" ")) == 0 }

// ownName returns the name of an address without what imitates a label of ours.
func (w *work) ownName(m *wire.Message, a wire.Address) name {
	if w.stripLabel != nil && !a.Display.Empty() {
		if rest, found := w.stripLabel(string(a.AppendName(nil, m.Raw))); found {
			return name{text: []byte(rest), forged: true}
		}
	}
	return name{text: a.Display.Of(m.Raw), quoted: a.Quoted}
}

// putName edits the display name of one address: to the label and the name
// behind it or, without a label, to what is left of a forged one.
func (w *work) putName(m *wire.Message, a wire.Address, label string, own, fallback name) {
	switch {
	case label != "" && own.empty():
		w.rename(m, a, w.labelled(label, fallback.text, fallback.quoted))
	case label != "":
		w.rename(m, a, w.labelled(label, own.text, own.quoted))
	case own.forged && own.empty():
		w.unname(m, a)
	case own.forged:
		w.rename(m, a, w.join(`"`, string(own.text), `"`))
	}
}

// rename edits the display name of an address, and nothing else of it.
func (w *work) rename(m *wire.Message, a wire.Address, name []byte) {
	switch {
	case !a.Display.Empty():
		w.edit(a.Display, name)
	case a.Angle:
		w.edit(wire.Span{Start: a.Value.Start, End: a.Value.Start}, w.join(string(name), " "))
	default: // what follows an addr-spec belongs to the header, so it needs brackets now
		w.edit(a.URI, w.join(string(name), " <", string(a.URI.Of(m.Raw)), ">"))
	}
}

// unname removes the display name, which there must be, of an address.
func (w *work) unname(m *wire.Message, a wire.Address) {
	open := a.Display.End + int32(bytes.IndexByte(m.Raw[a.Display.End:], '<'))
	w.edit(wire.Span{Start: a.Display.Start, End: open}, nil)
}

// labelled writes a display name: the label, a blank, and as much of the name
// behind it as fits, as a quoted string. A name that begins with the label
// stays as it is.
func (w *work) labelled(label string, name []byte, quoted bool) []byte {
	start := len(w.text)
	w.text = append(append(append(w.text, '"'), label...), ' ')
	inner, own := start+1, len(w.text)
	w.text = appendInner(w.text, name, quoted)
	switch rest, has := bytes.CutPrefix(w.text[own:], []byte(label)); {
	case len(w.text) == own:
		w.text = w.text[:own-1]
	case has && (len(rest) == 0 || rest[0] == ' '):
		w.text = append(w.text[:inner], w.text[own:]...)
	}
	w.text = append(w.text[:inner+cutName(w.text[inner:])], '"')
	return w.text[start:len(w.text):len(w.text)]
}

// appendInner appends what stands between the quotes: of a quoted name its
// bytes as they are, of another one with what must be escaped escaped. Folds
// become blanks.
func appendInner(dst, name []byte, quoted bool) []byte {
	if quoted {
		name = name[1 : len(name)-1]
	}
	for _, c := range name {
		switch {
		case c == '\r' || c == '\n':
		case !quoted && c == 0: // its backslash is one of its own now
		case !quoted && (c == '"' || c == '\\'):
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// cutName returns how many bytes of a name may stay: at most maxName. Where it
// is cut no character and no escape is halved, and no blank stands at the end.
func cutName(b []byte) int {
	if len(b) <= maxName {
		return len(b)
	}
	n := maxName
	for back := 0; back < utf8.UTFMax && n > 0 && !utf8.RuneStart(b[n]); back++ {
		n--
	}
	for n > 0 && (b[n-1] == ' ' || escapes(b[:n])) {
		n--
	}
	return n
}

// escapes reports whether b ends with a backslash that escapes what follows.
func escapes(b []byte) bool {
	slashes := len(b) - len(bytes.TrimRight(b, `\`))
	return slashes%2 == 1
}

// putVerdict adds the headers that tell the PBX's dialplan what was decided.
func (w *work) putVerdict(m *wire.Message, d *screening.Decision, less thrift) {
	for _, h := range w.verdictHeaders(d) {
		if !less.leavesOut(h.name) {
			w.insert(m.Body-2, h.name, ": ", h.value, "\r\n")
		}
	}
}

// verdictHeaders are the headers that tell what was decided, and why; and by which
// trunk the call came, if there are several, since the PBX gets all calls from us.
func (a *Agent) verdictHeaders(d *screening.Decision) []header {
	all := []header{{"X-Call-Screen", outcomeNames[outcomeOf(d)] + ";rule=" + d.Verdict.Rule}}
	if c := d.Reputation.Category; c != "" {
		all = append(all, header{"X-Spam-Class", string(c)}, header{"X-Spam-Count", strconv.Itoa(d.Reputation.Marks)},
			header{"X-Spam-Source", d.Reputation.Directory})
	}
	if d.Verdict.ASCII != "" {
		all = append(all, header{"X-Spam-Label", d.Verdict.ASCII})
	}
	if a.manyTrunks {
		all = append(all, header{"X-Screen-Trunk", d.Call.Trunk})
	}
	return all
}
