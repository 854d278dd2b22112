package sipagent

import (
	"strings"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

// asked handles a request of a trunk that only asks what shall become of its calls:
// towards it we are a redirect server (RFC 3261 section 8.3), never in the path of
// a call. Nothing of such a trunk is relayed.
func (w *work) asked() {
	s := w.find(w.tok)
	outside := w.msg.ToTag.Empty()
	switch method := string(w.msg.Method.Of(w.msg.Raw)); {
	case method == "ACK" && s != nil:
		s.acknowledged(w)
	case method == "ACK": // of an answer that we gave without keeping anything
	case method == "CANCEL" && s != nil:
		s.cancelled(w)
	case method == "INVITE" && outside:
		w.invite()
	case method == "OPTIONS" && outside:
		w.reply(200, nil)
	case !outside, method == "CANCEL":
		w.reply(481, nil)
	default:
		w.reply(405, []header{{"Allow", "INVITE, ACK, CANCEL, OPTIONS"}})
	}
}

// redirect answers a call with what its trunk shall do with it: with 302 and
// where to go, or with the status by which the trunk goes on by itself. d is nil
// for calls that are not screened.
func (s *setup) redirect(w *work, d *screening.Decision) {
	to := ""
	if d != nil && d.Mode == screening.Enforce {
		switch d.Verdict.Action {
		case screening.Tag:
			to = w.pbx().onward(s.msg, s.token)
		case screening.Divert:
			if oneLine(d.Verdict.Target) {
				to = d.Verdict.Target
			}
		}
	}
	if to == "" {
		s.respond(w, s.from.goOn, "", nil)
		return
	}
	extra := []header{{"Contact", "<" + to + ">"}}
	if name := w.assertion(s.msg, s.from, d); name != "" {
		extra = append(extra, header{"P-Asserted-Identity", name})
	}
	extra = append(append(extra, w.verdictHeaders(d)...), w.wanted(d.Verdict)...)
	s.respond(w, 302, "", extra)
}

// onward is the URI at which a peer takes a call: what was called, at the target
// that the call would go to. It is empty if that cannot be written between brackets.
func (p *peer) onward(m *wire.Message, t token) string {
	uri, _ := wire.ReadURI(m.Raw, m.URI) // it was good enough to be screened
	user := string(uri.User.Of(m.Raw))
	target := p.best(t)
	scheme, place, _ := strings.Cut(target, ":")
	switch {
	case strings.ContainsAny(user, "<>\""):
		return ""
	case user == "":
		return target
	}
	return scheme + ":" + user + "@" + place
}

// assertion is the caller's identity with the label of a decision in its name, for
// the trunk to put into the call; empty without a label, or where the carrier has
// signed the name.
func (w *work) assertion(m *wire.Message, from *peer, d *screening.Decision) string {
	label := w.labelOf(d.Verdict)
	if label == "" || namesSigned(m) {
		return ""
	}
	caller := identify(m, from.trust).addr
	own := w.ownName(m, caller)
	if own.empty() && !d.Call.Withheld {
		own = name{text: []byte(d.Number.Digits)}
	}
	w.forgetEdits()
	return string(w.labelled(label, own.text, own.quoted)) + " <" + string(caller.URI.Of(m.Raw)) + ">"
}
