package export

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"callscreen/audit"
)

// quoted returns a cell of a telephone system's record: always in quotes.
func quoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// asterisk returns a line of Asterisk's Master.csv (cdr_csv with loguniqueid and
// loguserfield): accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp,
// lastdata, start, answer, end, duration, billsec, disposition, amaflags, uniqueid,
// userfield. The trunk is the account, the Call-ID the unique id, and what was decided
// stands where Asterisk names the last application.
func (t table) asterisk(r *audit.Record) []string {
	d := &r.Decision
	number, trunk := machine(t.number(r)), inert(d.Call.Trunk)
	clid := `"` + strings.ReplaceAll(audit.Visible(t.name(r)), `"`, "'") + `" <` + number + ">"
	total, talk := spans(r)
	return []string{
		quoted(trunk), quoted(number), quoted(machine(r.To())), quoted("callscreen"), quoted(clid), quoted("SIP/" + trunk), quoted(""),
		quoted(d.Verdict.Action.String()), quoted(inert(d.Verdict.Rule)),
		t.date(d.Call.At), t.date(r.Answered), t.date(r.Ended), total, talk, quoted(disposition(r.Final)), quoted("DOCUMENTATION"),
		quoted(inert(d.Call.ID)), quoted(inert(cmp.Or(t.own(r, d.Verdict.Label), d.Reputation.Label))),
	}
}

// date returns a time of Asterisk's, which leaves the quotes off where there is none.
func (t table) date(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return quoted(t.stamp(at))
}

// disposition returns Asterisk's word for how a call ended.
func disposition(status int) string {
	switch {
	case 200 <= status && status <= 299:
		return "ANSWERED"
	case status == 486 || status == 600:
		return "BUSY"
	case status == 0 || status == 408 || status == 480 || status == 487:
		return "NO ANSWER"
	}
	return "FAILED"
}

// freeswitch returns a line of FreeSWITCH's mod_cdr_csv under its template "example":
// caller_id_name, caller_id_number, destination_number, context, start_stamp,
// answer_stamp, end_stamp, duration, billsec, hangup_cause, uuid, bleg_uuid,
// accountcode, read_codec, write_codec.
func (t table) freeswitch(r *audit.Record) []string {
	d := &r.Decision
	total, talk := spans(r)
	cells := []string{
		inert(t.name(r)), machine(t.number(r)), machine(r.To()), "callscreen", t.stamp(d.Call.At), t.stamp(r.Answered), t.stamp(r.Ended), total, talk,
		hangupCause(r.Final), inert(d.Call.ID), "", inert(d.Call.Trunk), "", "",
	}
	for i, c := range cells {
		cells[i] = quoted(c)
	}
	return cells
}

// hangupCauses are FreeSWITCH's words for SIP statuses, as its mod_sofia has them.
var hangupCauses = map[int]string{
	401: "CALL_REJECTED", 402: "CALL_REJECTED", 403: "CALL_REJECTED", 407: "CALL_REJECTED", 603: "CALL_REJECTED", 607: "CALL_REJECTED", 608: "CALL_REJECTED",
	404: "UNALLOCATED_NUMBER",
	485: "NO_ROUTE_DESTINATION", 604: "NO_ROUTE_DESTINATION",
	408: "RECOVERY_ON_TIMER_EXPIRE", 504: "RECOVERY_ON_TIMER_EXPIRE",
	410: "NUMBER_CHANGED",
	413: "INTERWORKING", 414: "INTERWORKING", 416: "INTERWORKING", 420: "INTERWORKING", 421: "INTERWORKING", 423: "INTERWORKING", 505: "INTERWORKING", 513: "INTERWORKING",
	480: "NO_USER_RESPONSE",
	400: "NORMAL_TEMPORARY_FAILURE", 481: "NORMAL_TEMPORARY_FAILURE", 500: "NORMAL_TEMPORARY_FAILURE", 503: "NORMAL_TEMPORARY_FAILURE",
	486: "USER_BUSY", 600: "USER_BUSY",
	484: "INVALID_NUMBER_FORMAT",
	488: "INCOMPATIBLE_DESTINATION", 606: "INCOMPATIBLE_DESTINATION",
	502: "NETWORK_OUT_OF_ORDER",
	405: "SERVICE_UNAVAILABLE",
	406: "SERVICE_NOT_IMPLEMENTED", 415: "SERVICE_NOT_IMPLEMENTED", 501: "SERVICE_NOT_IMPLEMENTED",
	482: "EXCHANGE_ROUTING_ERROR", 483: "EXCHANGE_ROUTING_ERROR",
	487: "ORIGINATOR_CANCEL",
}

func hangupCause(status int) string {
	if 200 <= status && status <= 299 {
		return "NORMAL_CLEARING"
	}
	return cmp.Or(hangupCauses[status], "NORMAL_UNSPECIFIED")
}

// spans returns the seconds from the INVITE to the end, and from the answer to it.
func spans(r *audit.Record) (total, talk string) {
	all := time.Duration(0)
	if !r.Ended.IsZero() {
		all = max(0, r.Ended.Sub(r.Decision.Call.At))
	}
	return strconv.FormatInt(int64(all/time.Second), 10), strconv.FormatInt(int64(r.Talk()/time.Second), 10)
}

// machine returns a number for a telephone system, which wants it as it is dialled.
func machine(s string) string {
	if strings.Trim(strings.TrimPrefix(s, "+"), "0123456789") == "" {
		return s
	}
	return inert(s)
}
