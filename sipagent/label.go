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

// putLabel edits the label into the display name of every identity header that
// goes on to the PBX: a PBX shows the name of one header and ignores the
// others', and takes an empty name of the one it prefers. A header without a
// name gets the one of From, else the number, else the label alone.
func (w *work) putLabel(m *wire.Message, from *peer, d screening.Decision, label string) {
	caller, _ := wire.ReadAddress(m.Raw, m.First(wire.From).Value)
	fallback, quoted := caller.Display.Of(m.Raw), caller.Quoted
	if unnamed(fallback) && !d.Call.Withheld {
		fallback, quoted = []byte(d.Number.Digits), false
	}
	w.rename(m, caller, w.labelled(label, fallback, quoted))
	if !from.trust {
		return
	}
	for _, s := range sources {
		eachAddress(m, s.kind, func(a wire.Address) {
			name, isQuoted := a.Display.Of(m.Raw), a.Quoted
			if unnamed(name) {
				name, isQuoted = fallback, quoted
			}
			w.rename(m, a, w.labelled(label, name, isQuoted))
		})
	}
}

// unnamed reports a display name that shows nothing.
func unnamed(display []byte) bool { return len(bytes.Trim(display, "\" ")) == 0 }

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
func (w *work) putVerdict(m *wire.Message, d screening.Decision) {
	action := d.Verdict.Action.String()
	if d.Failed != nil && d.Verdict.Action == screening.Allow {
		action = "error"
	}
	at := m.Body - 2
	w.insert(at, "X-Call-Screen: ", action, ";rule=", d.Verdict.Rule, "\r\n")
	if c := d.Reputation.Category; c != "" {
		w.insert(at, "X-Spam-Class: ", string(c), "\r\nX-Spam-Count: ", strconv.Itoa(d.Reputation.Marks),
			"\r\nX-Spam-Source: ", d.Reputation.Directory, "\r\n")
	}
}
