package screening

import "strings"

// The fewest and the most digits of a number with its calling code. E.164 sets
// the upper bound; no country has fewer than the lower.
const (
	minE164 = 7
	maxE164 = 15
)

// whole marks a calling code of two digits in callingCodes.
const whole = "*"

// callingCodes holds the third digits of the calling codes of three digits by
// their first two (ITU-T E.164, list of assigned country codes).
var callingCodes = [100]string{
	20: whole,
	21: "12368",
	22: "0123456789",
	23: "0123456789",
	24: "0123456789",
	25: "012345678",
	26: "0123456789",
	27: whole,
	29: "01789",
	30: whole,
	31: whole,
	32: whole,
	33: whole,
	34: whole,
	35: "0123456789",
	36: whole,
	37: "0123456789",
	38: "01235679",
	39: whole,
	40: whole,
	41: whole,
	42: "013",
	43: whole,
	44: whole,
	45: whole,
	46: whole,
	47: whole,
	48: whole,
	49: whole,
	50: "0123456789",
	51: whole,
	52: whole,
	53: whole,
	54: whole,
	55: whole,
	56: whole,
	57: whole,
	58: whole,
	59: "0123456789",
	60: whole,
	61: whole,
	62: whole,
	63: whole,
	64: whole,
	65: whole,
	66: whole,
	67: "023456789",
	68: "012356789",
	69: "012",
	80: "08",
	81: whole,
	82: whole,
	84: whole,
	85: "02356",
	86: whole,
	87: "08",
	88: "01236",
	90: whole,
	91: whole,
	92: whole,
	93: whole,
	94: whole,
	95: whole,
	96: "012345678",
	97: "012345679",
	98: whole,
	99: "234568",
}

// callingCode returns the calling code that d begins with, and "" where none is
// assigned.
func callingCode(d string) string {
	if len(d) == 0 {
		return ""
	}
	if d[0] == '1' || d[0] == '7' {
		return d[:1]
	}
	if len(d) < 2 || !isDigit(d[0]) || !isDigit(d[1]) {
		return ""
	}
	third := callingCodes[pair(d)]
	switch {
	case third == whole:
		return d[:2]
	case len(d) > 2 && holds(third, d[2]):
		return d[:3]
	}
	return ""
}

// foreign reads the digits of an international number outside China.
func foreign(d string) Number {
	cc := callingCode(d)
	if cc == "" || len(d) < minE164 || len(d) > maxE164 {
		return Number{}
	}
	if cc == "1" && !isNorthAmerican(d[1:]) {
		return Number{}
	}
	return Number{cc, "+" + d, ClassInternational}
}

// isNorthAmerican knows the form NXX-NXX-XXXX. It refuses most Chinese mobiles
// that a gateway put 00 in front of.
func isNorthAmerican(d string) bool {
	return len(d) == 10 && d[0] >= '2' && d[3] >= '2'
}

// abroad reads digits without + on a trunk of another country than China, whose
// numbering plan is not known: they are a number of that country, or of another
// behind the prefix for international dialling.
func (h Habits) abroad(d, country string) Number {
	if callingCode(country) != country {
		return Number{}
	}
	prefix := "00"
	if country == "1" {
		prefix = "011"
	}
	if rest, ok := strings.CutPrefix(d, prefix); ok {
		return h.international(rest)
	}
	if n := extension(d); n.Class != ClassInvalid {
		return n
	}
	if rest, ok := strings.CutPrefix(d, country); ok && len(rest) >= nationalDigits(country) {
		return foreign(d)
	}
	if !keepsZero(country) {
		d = strings.TrimPrefix(d, "0")
	}
	return foreign(country + d)
}

// nationalDigits is how many digits must follow a country's own code before it
// is taken for one.
func nationalDigits(country string) int {
	if len(country) == 1 {
		return 10 // North America and Russia
	}
	return 8
}

// keepsZero names the countries whose numbers begin with a 0 of their own: Italy
// with San Marino, Ivory Coast, Gabon and Congo.
func keepsZero(country string) bool {
	switch country {
	case "39", "378", "225", "241", "242":
		return true
	}
	return false
}
