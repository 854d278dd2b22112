package screening

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
)

// statusDecline is what a caller is refused with where a rule does not say.
const statusDecline = 603

// refusal is how a call is refused.
type refusal struct {
	status int
	reason string
}

// kinds are the ready-made refusals, by the word for them. 603+ is the refusal
// after an analysis of ATIS-1000099, 607 is RFC 8197, 608 RFC 8688, 433 RFC 5079.
var kinds = map[string]refusal{
	"decline":   {603, "Decline"},
	"603+":      {603, "Network Blocked"},
	"unwanted":  {607, "Unwanted"},
	"rejected":  {608, "Rejected"},
	"busy":      {486, "Busy Here"},
	"anonymity": {433, "Anonymity Disallowed"},
}

func kindNames() []string { return sortedKeys(kinds) }

// refusal compiles how a call is refused into r.
func (c *compiler) refusal(a *actionFile, r *outcome, path []any) {
	kind := ""
	if a.Kind != nil {
		kind = *a.Kind
		c.kind(a, path)
		r.status, r.reason = kinds[kind].status, kinds[kind].reason
	} else {
		r.status = c.status(a.Status, path)
		r.reason = c.reason(a.Reason, r.status, path)
	}
	r.cause = c.cause(a.ReasonHeader, causeOf(r.status), path)
	c.contact(a, kind, r, path)
}

// kind checks the word for a refusal, and that nothing else says how to refuse.
func (c *compiler) kind(a *actionFile, path []any) {
	if err := oneOf(kindNames(), *a.Kind); err != nil {
		c.reportErr(under(path, "kind"), "kind "+strconv.Quote(*a.Kind), err)
	}
	if a.Status != nil {
		c.report(under(path, "status"), "status stands beside kind", "write one of the two")
	}
	if a.Reason != nil {
		c.report(under(path, "reason"), "reason stands beside kind", "remove it: the kind has its own")
	}
}

// contact checks where a caller who was refused by mistake may turn to, which the
// Reason header of a 603+ and the Call-Info header of a 608 tell.
func (c *compiler) contact(a *actionFile, kind string, r *outcome, path []any) {
	at := under(path, "contact")
	switch {
	case kind == "603+" && a.Contact == nil:
		c.report(at, "contact is missing", `write where a wrongly refused caller may turn to, as in contact: "tel:+8657188990000"`)
	case a.Contact == nil:
	case kind == "603+":
		to, err := redress(*a.Contact)
		if err != nil {
			c.reportErr(at, "contact "+strconv.Quote(*a.Contact), err)
		}
		if a.ReasonHeader == nil {
			r.cause = `SIP;cause=603;text="v=analytics1;` + to + `";location=LN`
		}
	case kind == "rejected":
		if !httpsURL.MatchString(*a.Contact) || len(*a.Contact) > 200 {
			c.report(at, "contact "+strconv.Quote(*a.Contact)+" is no https URL", "write where the signed jCard of RFC 8688 is")
		}
		r.headers = "Call-Info: <" + *a.Contact + ">;purpose=jwscard\r\n"
	default:
		c.report(at, "contact does nothing here", `remove it, or write kind: "603+" or kind: rejected`)
	}
}

var (
	httpsURL = regexp.MustCompile(`^https://[A-Za-z0-9][A-Za-z0-9._~:/?&=%+-]*$`)
	telURI   = regexp.MustCompile(`^tel:(\+[0-9]{3,15})$`)
	mailto   = regexp.MustCompile(`^mailto:([A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+)$`)
)

// redress writes a contact as ATIS-1000099 has it in the text of a Reason.
func redress(uri string) (string, error) {
	if len(uri) <= 200 {
		if httpsURL.MatchString(uri) {
			return "url=" + uri, nil
		}
		if m := telURI.FindStringSubmatch(uri); m != nil {
			return "tel=" + m[1], nil
		}
		if m := mailto.FindStringSubmatch(uri); m != nil {
			return "email=" + m[1], nil
		}
	}
	return "", errors.New("is no address to turn to: write https://…, tel:+86… or mailto:…")
}

// status checks a refusal's status. What it refuses has a meaning for the
// caller's side other than no: to log in, to try again, that the call is gone.
func (c *compiler) status(status *int, path []any) int {
	if status == nil {
		return statusDecline
	}
	path = under(path, "status")
	switch s := *status; {
	case s < 400 || s > 699:
		c.report(path, fmt.Sprintf("status %d is no refusal", s), "write one from 400 to 699, best 603, 486 or 480")
	case slices.Contains(notNo, s):
		c.report(path, fmt.Sprintf("status %d means something else to SIP than no", s), "write 603, 486, 480 or 403")
	}
	return *status
}

// notNo are the statuses that no rule may refuse with.
var notNo = []int{401, 407, 408, 481, 487, 491}

var reasonPhrase = regexp.MustCompile(`^[A-Za-z0-9;/?:@&=+$,_.!~*'()-]+( [A-Za-z0-9;/?:@&=+$,_.!~*'()-]+)*$`)

func (c *compiler) reason(reason *string, status int, path []any) string {
	if reason == nil {
		return phrase(status)
	}
	if len(*reason) > 60 || !reasonPhrase.MatchString(*reason) {
		c.report(under(path, "reason"), "reason "+strconv.Quote(*reason)+" cannot stand in a SIP message",
			"write up to 60 English letters, digits, single spaces and simple signs")
	}
	return *reason
}

// causeOf returns the Reason header that goes with a refusal: the Q.850 cause
// that RFC 3398, section 8.2.6.1, has for the status, for those on the way to the
// caller that speak ISUP or ask for it first.
func causeOf(status int) string {
	cause, text := 21, "Call Rejected"
	switch {
	case status == 486 || status == 600:
		cause, text = 17, "User busy"
	case status == 404 || status == 485 || status == 604:
		cause, text = 1, "Unallocated number"
	case status == 410:
		cause, text = 22, "Number changed"
	case status == 480:
		cause, text = 18, "No user responding"
	case status == 484:
		cause, text = 28, "Invalid number format"
	case status/100 == 5:
		cause, text = 41, "Temporary failure"
	}
	return fmt.Sprintf(`Q.850;cause=%d;text="%s"`, cause, text)
}

// reasonHeaderOK is a value of Reason (RFC 3326, and location of RFC 8606).
var reasonHeaderOK = regexp.MustCompile(`^(SIP|Q\.850);cause=[0-9]{1,3}(;text="[A-Za-z0-9 ;/?:@&=+$,_.!~*'()-]{1,160}")?(;location=[A-Z0-9]{1,4})?$`)

// cause returns the Reason header of a refusal; none is "none".
func (c *compiler) cause(value *string, otherwise string, path []any) string {
	switch {
	case value == nil:
		return otherwise
	case *value == "none":
		return ""
	case !reasonHeaderOK.MatchString(*value):
		c.report(under(path, "reason_header"), "reason_header "+strconv.Quote(*value)+" is no Reason header",
			`write it as in 'Q.850;cause=21;text="Call Rejected"', or none`)
	}
	return *value
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
