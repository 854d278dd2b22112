package sipagent

import (
	"slices"
	"strings"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// refuse answers the call as a verdict has it. A status that refuses nothing
// becomes 603 Decline.
func (s *setup) refuse(w *work, v screening.Verdict) {
	status, reason, extra := w.refusalOf(v)
	s.respond(w, status, reason, extra)
}

// refusalOf reads a verdict that refuses.
func (a *Agent) refusalOf(v screening.Verdict) (status int, reason string, extra []header) {
	if v.Status < 400 || v.Status > 699 || !oneLine(v.Reason) {
		v.Status, v.Reason = 603, phrases[603]
	}
	if v.Cause != "" && oneLine(v.Cause) {
		extra = append(extra, header{"Reason", v.Cause})
	}
	return v.Status, v.Reason, append(extra, a.headersOf(v)...)
}

// putHeaders adds the ring tone and the headers of a verdict, in the place of
// what the caller may have sent under these names.
func (w *work) putHeaders(m *wire.Message, v screening.Verdict, less thrift) {
	for _, add := range w.wanted(v) {
		for _, old := range named(m, strings.ToLower(add.name)) {
			w.edit(old.Line, nil)
		}
		if !less.leavesOut(add.name) {
			w.insert(m.Body-2, add.name, ": ", add.value, "\r\n")
		}
	}
}

// wanted are the headers of a verdict for a call that goes on, and its ring tone.
func (a *Agent) wanted(v screening.Verdict) []header {
	all := a.headersOf(v)
	if v.Ring != "" && oneLine(v.Ring) {
		all = append(all, header{"Alert-Info", v.Ring})
	}
	return all
}

// headersOf reads the header lines of a verdict. One that a verdict may not add
// is left out: it would change what the message is.
func (a *Agent) headersOf(v screening.Verdict) (all []header) {
	for line := range strings.SplitSeq(strings.TrimSuffix(v.Headers, "\r\n"), "\r\n") {
		name, value, found := strings.Cut(line, ": ")
		switch {
		case line == "":
		case !found || !mayAdd(name) || !oneLine(value):
			a.log.Error().Str("rule", v.Rule).Msg("header left out: no verdict may add it")
		default:
			all = append(all, header{name, value})
		}
	}
	return all
}

// mayAdd reports whether a verdict may add a header: one that steers no message
// and is none of ours.
func mayAdd(name string) bool {
	if slices.Contains([]string{"Priority", "Call-Info"}, name) {
		return true
	}
	if len(name) < 3 || !strings.EqualFold(name[:2], "x-") || isOwnHeader([]byte(name)) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// oneLine reports whether text can stand in a line of a message without ending it.
func oneLine(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
