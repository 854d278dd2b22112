package screening

import (
	"cmp"
	"errors"
	"strings"

	"github.com/rs/zerolog"
)

// What [Normalize] answers when there is no number to be had.
var (
	ErrWithheld   = errors.New("screening: number withheld")    // ClassAnonymous
	ErrNotANumber = errors.New("screening: not a phone number") // ClassInvalid, ClassAlphanumeric
)

// china is the calling code of the one numbering plan that this package knows.
const china = "86"

// maxSpelling is the most bytes a caller may take to write a number; longer is invalid.
const maxSpelling = 512

// Normalize reads a caller as carriers write it ("+86 571-5626 4805", "tel:...",
// "anonymous") and returns the [Number] it stands for. raw is the user part or the
// whole URI, percent-encoding allowed; country is the calling code of a number that
// names none ("86"). The error is ErrWithheld or ErrNotANumber; the Number then
// still carries its Class. Rules: docs/numbers.md.
func Normalize(raw, country string) (Number, error) {
	return Habits{Country: country}.Normalize(raw)
}

// Habits are the ways in which one trunk writes numbers. The zero value is a
// Chinese trunk without peculiarities.
type Habits struct {
	Country       string   // calling code of a number that names none; default "86"
	AreaCode      string   // area code of a local number, "0571" or "571"; default none: it stays local
	StripPrefixes []string // what the carrier puts in front, "9" or "+8617951"; the first that leaves a number goes
}

// Normalize is the function [Normalize] with the habits of the trunk.
func (h Habits) Normalize(raw string) (Number, error) {
	if len(raw) > maxSpelling {
		return Number{}, ErrNotANumber
	}
	user, context := userPart(raw)
	if withheld(user) {
		return Number{Class: ClassAnonymous}, ErrWithheld
	}
	s, class := compact(user)
	switch {
	case class != ClassInvalid:
		return Number{Class: class}, ErrNotANumber
	case s.text == "":
		return Number{}, ErrNotANumber
	case len(s.text) < len(raw):
		s.text = strings.Clone(s.text) // let go of the message that raw points into
	}
	if context != "" && s.text[0] != '+' {
		s = s.behind(context)
	}
	n := h.read(s)
	if n.Class == ClassInvalid {
		return n, ErrNotANumber
	}
	return n, nil
}

// read reads the whole number, and where that is none the number in front of an
// extension. A local one must be written in one piece, lest "852-3123-4567"
// become a neighbour.
func (h Habits) read(s spelling) Number {
	n := h.stripped(s.text)
	if n.complete() || s.head == 0 {
		return n
	}
	head := h.stripped(s.text[:s.head])
	if head.complete() || head.Class == ClassLocal && s.solid {
		return head
	}
	return n
}

// stripped reads text without the trunk's prefix. A number that is complete as
// it came keeps its digits unless what follows the prefix is complete too, so
// that an outside-line 9 does not eat the first digit of 96110.
func (h Habits) stripped(text string) Number {
	whole := h.numeral(text)
	for _, p := range h.StripPrefixes {
		rest, ok := strings.CutPrefix(text, p)
		if !ok || p == "" {
			continue
		}
		n := h.numeral(rest)
		if n.complete() || n.Class != ClassInvalid && !whole.complete() {
			return n
		}
	}
	return whole
}

// numeral reads digits with an optional + by the plan they belong to.
func (h Habits) numeral(text string) Number {
	if d, ok := strings.CutPrefix(text, "+"); ok {
		return h.international(d)
	}
	if c := h.country(); c != china {
		return h.abroad(text, c)
	}
	if d, ok := strings.CutPrefix(text, "00"); ok {
		return h.international(d)
	}
	if n := chineseBare(text); n.complete() {
		return n
	}
	if d, ok := strings.CutPrefix(text, china); ok && len(d) >= 10 {
		if n := chinese(d); n.complete() {
			return n
		}
	}
	if d := afterDialPrefix(text); d != "" {
		return h.behindDialPrefix(d)
	}
	if n := h.local(text); n.Class != ClassInvalid {
		return n
	}
	return extension(text)
}

// international reads the digits of a number that begins with a calling code.
func (h Habits) international(d string) Number {
	rest, ok := strings.CutPrefix(d, china)
	switch {
	case !ok:
		return foreign(d)
	case len(d) > maxE164:
		return Number{}
	}
	if n := chinese(rest); n.complete() {
		return n
	}
	return h.local(rest)
}

func (h Habits) country() string { return cmp.Or(h.Country, china) }

// Validate says which habits no number can have, all of them at once, each
// under its key in YAML.
func (h Habits) Validate() error {
	var errs []error
	if c := h.country(); callingCode(c) != c {
		errs = append(errs, errors.New("country: no calling code: write it without + as in \"86\""))
	}
	if a := strings.TrimPrefix(h.AreaCode, "0"); h.AreaCode != "" && (areaLen(a) == 0 || areaLen(a) != len(a)) {
		errs = append(errs, errors.New("area_code: no Chinese area code: write it as in \"0571\""))
	}
	for _, p := range h.StripPrefixes {
		if d := strings.TrimPrefix(p, "+"); d == "" || strings.Trim(d, "0123456789") != "" {
			errs = append(errs, errors.New("strip_prefixes: not a prefix: write digits, with + in front where the carrier does"))
		}
	}
	return errors.Join(errs...)
}

// complete reports whether n stands for one subscriber or service anywhere in
// the world, and not for whoever has these digits nearby.
func (n Number) complete() bool {
	return n.Class != ClassInvalid && n.Class != ClassLocal && n.Class != ClassExtension
}

// Screenable reports whether a directory can know n, so that a lookup may be
// worth its price.
func (n Number) Screenable() bool {
	switch n.Class {
	case ClassInvalid, ClassAnonymous, ClassAlphanumeric, ClassExtension, ClassLocal, ClassSMS, ClassEmergency:
		return false
	case ClassIoT:
		return len(n.Digits) == mobileDigits // the 13-digit ranges carry no voice
	}
	return true
}

// NeverReject reports whether n is one of the few numbers that must ring
// whatever a directory or a policy says: emergency services, the police's
// anti-fraud line and the government's hotline. It says nothing of trust: these
// too can be forged.
func (n Number) NeverReject() bool {
	switch n.Class {
	case ClassEmergency, ClassShort, Class96:
	default:
		return false
	}
	switch n.Digits {
	case "110", "112", "119", "120", "122", "96110", "12110", "12345", "12381":
		return true
	}
	return false
}

// National returns the digits without the calling code: "21234567" for
// +85221234567, and for a Chinese number its normal form.
func (n Number) National() string {
	return strings.TrimPrefix(strings.TrimPrefix(n.Digits, "+"), n.abroad())
}

// abroad returns the calling code that stands in front of the digits.
func (n Number) abroad() string {
	if n.Class != ClassInternational {
		return ""
	}
	return n.Country
}

// Key returns what a cache files n under: "86:13041439112". All spellings of a
// number have one key.
func (n Number) Key() string { return n.Country + ":" + n.National() }

// String returns the normal form in full. Logs want [Number.Masked].
func (n Number) String() string { return n.Digits }

// Masked returns the normal form for logs: "130****9112". Up to five digits are
// shown whole, since they are a service or an extension; of six or seven only
// the last two are.
func (n Number) Masked() string {
	d, plus := n.Digits, ""
	if strings.HasPrefix(d, "+") {
		d, plus = d[1:], "+"
	}
	switch {
	case len(d) <= 5:
		return n.Digits
	case len(d) <= 7:
		return plus + "****" + d[len(d)-2:]
	}
	return plus + d[:3] + "****" + d[len(d)-4:]
}

// MarshalZerologObject writes the masked number and its class.
func (n Number) MarshalZerologObject(e *zerolog.Event) {
	e.Str("number", n.Masked()).Str("class", string(n.Class))
}
