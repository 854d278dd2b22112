package screening

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// actionFile is what becomes of a call, as a policy file writes it.
type actionFile struct {
	Action       string            `yaml:"action"`
	Label        *string           `yaml:"label"`         // tag
	ASCII        *string           `yaml:"ascii"`         // tag
	AlertInfo    *string           `yaml:"alert_info"`    // allow tag divert
	Headers      map[string]string `yaml:"headers"`       // allow tag divert
	Kind         *string           `yaml:"kind"`          // reject
	Status       *int              `yaml:"status"`        // reject
	Reason       *string           `yaml:"reason"`        // reject
	ReasonHeader *string           `yaml:"reason_header"` // reject
	Contact      *string           `yaml:"contact"`       // reject
	To           *string           `yaml:"to"`            // divert
	Why          string            `yaml:"why"`
}

// actions are the words for actions, in the order of [Action].
var actions = []string{Allow.String(), Tag.String(), Divert.String(), Reject.String()}

// action compiles what becomes of a call.
func (c *compiler) action(a *actionFile, path []any) outcome {
	r := outcome{action: Action(max(slices.Index(actions, a.Action), 0))}
	if a.Action == "" {
		c.report(under(path, "action"), "action is missing", "write action: allow, tag, divert or reject")
		return r
	}
	if err := oneOf(actions, a.Action); err != nil {
		c.reportErr(under(path, "action"), "action "+strconv.Quote(a.Action), err)
		return r
	}
	switch r.action {
	case Tag:
		r.template = c.template(a.Label, under(path, "label"))
		r.ascii = c.asciiTemplate(a.ASCII, under(path, "ascii"))
	case Divert:
		r.target = c.target(a.To, path)
	case Reject:
		c.refusal(a, &r, path)
	}
	if r.action != Reject {
		r.ring = c.alertInfo(a.AlertInfo, path)
		r.headers = c.headers(a.Headers, path)
	}
	c.misplaced(a, r.action, path)
	return r
}

// misplaced reports the keys that belong to another action.
func (c *compiler) misplaced(a *actionFile, is Action, path []any) {
	for _, k := range []struct {
		key     string
		written bool
		of      []Action
	}{
		{"label", a.Label != nil, []Action{Tag}},
		{"ascii", a.ASCII != nil, []Action{Tag}},
		{"alert_info", a.AlertInfo != nil, []Action{Tag, Allow, Divert}},
		{"headers", a.Headers != nil, []Action{Tag, Allow, Divert}},
		{"kind", a.Kind != nil, []Action{Reject}},
		{"status", a.Status != nil, []Action{Reject}},
		{"reason", a.Reason != nil, []Action{Reject}},
		{"reason_header", a.ReasonHeader != nil, []Action{Reject}},
		{"contact", a.Contact != nil, []Action{Reject}},
		{"to", a.To != nil, []Action{Divert}},
	} {
		if k.written && !slices.Contains(k.of, is) {
			c.report(under(path, k.key), fmt.Sprintf("%s does nothing in action: %v", k.key, is),
				fmt.Sprintf("remove it, or write action: %v", k.of[0]))
		}
	}
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

// alertInfoOK is one value of Alert-Info (RFC 3261, section 20.4): a URI in
// brackets and parameters.
var alertInfoOK = regexp.MustCompile(`^<[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9_.!~*'()%;/?:@&=+$,#\[\]-]+>(;[A-Za-z0-9.!%*_+~-]+(=([A-Za-z0-9.!%*_+~-]+|"[A-Za-z0-9 .!%*_+~:/-]*"))?)*$`)

func (c *compiler) alertInfo(value *string, path []any) string {
	if value == nil {
		return ""
	}
	if len(*value) > 200 || !alertInfoOK.MatchString(*value) {
		c.report(under(path, "alert_info"), "alert_info "+strconv.Quote(*value)+" is no ring tone that SIP can carry",
			`write a URI in brackets and its parameters, as in "<http://127.0.0.1>;info=spam"`)
	}
	return *value
}

// What extra headers may be. Values are printable, so that no value ends its line.
var (
	headerNameOK  = regexp.MustCompile(`^[Xx]-[A-Za-z0-9-]+$`)
	headerValueOK = regexp.MustCompile(`^[\pL\pN\pP\pS]+( [\pL\pN\pP\pS]+)*$`)
	otherHeaders  = []string{"Priority"} // standard ones that a proxy may add and that steer no call
	ownHeaders    = []string{"X-Call-Screen", "X-Spam-", "X-Screen-", "X-Auth-"}
)

// maxHeaders bounds how many headers a rule may add: the message must still fit
// into a datagram.
const maxHeaders = 8

// headers returns the lines of extra headers, by name.
func (c *compiler) headers(values map[string]string, path []any) string {
	path = under(path, "headers")
	if len(values) > maxHeaders {
		c.report(path, fmt.Sprintf("headers has %d headers", len(values)), fmt.Sprintf("write at most %d", maxHeaders))
	}
	lines, seen := "", map[string]bool{}
	for _, name := range sortedKeys(values) {
		if err := checkHeader(name, values[name]); err != nil {
			c.reportErr(under(path, name), "header "+strconv.Quote(name), err)
		}
		if fold := strings.ToLower(name); seen[fold] {
			c.report(under(path, name), "header "+strconv.Quote(name)+" stands there already", "keep one of the two")
		} else {
			seen[fold] = true
		}
		lines += name + ": " + values[name] + "\r\n"
	}
	return lines
}

func checkHeader(name, value string) error {
	for _, own := range ownHeaders {
		if len(name) >= len(own) && strings.EqualFold(name[:len(own)], own) {
			return errors.New("belongs to the program: write another name")
		}
	}
	switch {
	case len(name) > 40 || !headerNameOK.MatchString(name) && !slices.Contains(otherHeaders, name):
		return errors.New("is not for a policy to add: write a name that begins with X-, as in X-Queue, or Priority")
	case len(value) > 120 || !headerValueOK.MatchString(value):
		return errors.New("has a value that cannot stand there: write one line of at most 120 bytes, with single spaces")
	}
	return nil
}
