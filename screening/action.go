package screening

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
)

// actionFile is what becomes of a call, as a policy file writes it.
type actionFile struct {
	Action string  `yaml:"action"`
	Label  *string `yaml:"label"`  // tag
	Status *int    `yaml:"status"` // reject
	Reason *string `yaml:"reason"` // reject
	To     *string `yaml:"to"`     // divert
	Why    string  `yaml:"why"`
}

// statusDecline is what a caller is refused with where a rule does not say.
const statusDecline = 603

// action compiles a into a rule without conditions.
func (c *compiler) action(a *actionFile, path []any) rule {
	r := rule{}
	switch a.Action {
	case Allow.String():
	case Tag.String():
		r.action = Tag
		r.template = c.template(a.Label, under(path, "label"))
	case Divert.String():
		r.action = Divert
		r.target = c.target(a.To, path)
	case Reject.String():
		r.action = Reject
		r.status = c.status(a.Status, path)
		r.reason = c.reason(a.Reason, r.status, path)
	case "":
		c.report(under(path, "action"), "action is missing", "write action: allow, tag, divert or reject")
		return r
	default:
		c.reportErr(under(path, "action"), "action "+strconv.Quote(a.Action),
			oneOf([]string{Allow.String(), Tag.String(), Divert.String(), Reject.String()}, a.Action))
		return r
	}
	c.misplaced(a, r.action, path)
	return r
}

// misplaced reports the keys that belong to another action.
func (c *compiler) misplaced(a *actionFile, is Action, path []any) {
	for _, k := range []struct {
		key     string
		written bool
		of      Action
	}{
		{"label", a.Label != nil, Tag},
		{"status", a.Status != nil, Reject},
		{"reason", a.Reason != nil, Reject},
		{"to", a.To != nil, Divert},
	} {
		if k.written && k.of != is {
			c.report(under(path, k.key), fmt.Sprintf("%s does nothing in action: %v", k.key, is),
				fmt.Sprintf("remove it, or write action: %v", k.of))
		}
	}
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
	case slices.Contains([]int{401, 407, 408, 481, 487, 491}, s):
		c.report(path, fmt.Sprintf("status %d means something else to SIP than no", s), "write 603, 486, 480 or 403")
	}
	return *status
}

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

func (c *compiler) target(to *string, path []any) string {
	path = under(path, "to")
	if to == nil {
		c.report(path, "to is missing", `write where the call goes, as in to: "sip:8000@192.0.2.10"`)
		return ""
	}
	if err := checkTarget(*to); err != nil {
		c.reportErr(path, "to "+strconv.Quote(*to), err)
	}
	return *to
}

// A SIP URI with a user and no password or headers (RFC 3261, section 25.1).
var (
	uriParts  = regexp.MustCompile(`^(?i:sips?):([^@]*)@([^@;?]*)((?:;[^?]*)?)$`)
	uriUserOK = regexp.MustCompile(`^([A-Za-z0-9_.!~*'()&=+$,;?/-]|%[0-9A-Fa-f]{2})+$`)
	uriHostOK = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[1-9][0-9]{0,4})?$`)
	uriTailOK = regexp.MustCompile(`^(;([A-Za-z0-9_.!~*'()\[\]/:&+$-]|%[0-9A-Fa-f]{2})+(=([A-Za-z0-9_.!~*'()\[\]/:&+$-]|%[0-9A-Fa-f]{2})+)?)*$`)
)

func checkTarget(uri string) error {
	m := uriParts.FindStringSubmatch(uri)
	switch {
	case len(uri) > 255:
		return errors.New("is too long: write at most 255 characters")
	case m == nil:
		return errors.New(`is no SIP URI with a user: write it as in "sip:8000@192.0.2.10"`)
	case !uriUserOK.MatchString(m[1]):
		return errors.New("has no good user before the @: write letters, digits or %-escapes, and no password")
	case !uriHostOK.MatchString(m[2]):
		return errors.New("has no good host after the @: write a name or an address, and :port if it needs one")
	case !uriTailOK.MatchString(m[3]):
		return errors.New("has parameters that SIP cannot read: write them as in ;transport=tcp")
	}
	return nil
}
