package sipagent

import (
	"strconv"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

// Foretell returns what an [Agent] with these Options makes of a decision on the wire, line
// by line: the refusal that the caller gets or, of a call that goes on, what is new in
// the INVITE that the PBX gets. The new display name stands alone in its From; it is
// that of the other identity headers too. In observe mode there is nothing.
func Foretell(o Options, d screening.Decision) []string {
	a := &Agent{asciiLabels: o.PBX.ASCII, manyTrunks: len(o.Trunks) > 1, log: zerolog.Nop()}
	v := d.Effective()
	switch {
	case v.Action == screening.Reject:
		status, reason, extra := a.refusalOf(v)
		return linesOf("SIP/2.0 "+strconv.Itoa(status)+" "+reason, extra)
	case d.Mode != screening.Enforce:
		return nil
	}
	first := ""
	if v.Action == screening.Divert && oneLine(v.Target) {
		first = "INVITE " + v.Target + " SIP/2.0"
	}
	headers := append(a.verdictHeaders(&d), a.wanted(v)...)
	if label := a.labelOf(v); label != "" {
		shown := d.Call.Name
		if shown == "" && !d.Call.Withheld {
			shown = d.Number.Digits
		}
		headers = append(headers, header{"From", string(new(work).labelled(label, []byte(shown), false))})
	}
	return linesOf(first, headers)
}

func linesOf(first string, headers []header) (lines []string) {
	if first != "" {
		lines = append(lines, first)
	}
	for _, h := range headers {
		lines = append(lines, h.name+": "+h.value)
	}
	return lines
}
