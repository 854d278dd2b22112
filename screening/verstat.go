package screening

import "strings"

// verstats are the outcomes of STIR verification that a policy knows, in its own
// words: RFC 8224 with the levels of attestation of RFC 8588.
var verstats = []string{"passed", "passed-a", "passed-b", "passed-c", "failed", "unchecked", "absent"}

// verstatValues are the values of the verstat parameter (3GPP TS 24.229, section
// 7.2A.20) with their bits of verstats.
var verstatValues = []struct {
	text string
	bits uint32
}{
	{"", 1 << 6},
	{"TN-Validation-Passed", 1},
	{"TN-Validation-Passed-A", 1 | 1<<1},
	{"TN-Validation-Passed-B", 1 | 1<<2},
	{"TN-Validation-Passed-C", 1 | 1<<3},
	{"TN-Validation-Failed", 1 << 4},
	{"TN-Validation-Failed-A", 1 << 4},
	{"TN-Validation-Failed-B", 1 << 4},
	{"TN-Validation-Failed-C", 1 << 4},
	{"No-TN-Validation", 1 << 5},
}

// verstatBits returns the bits of verstats that a verstat parameter stands for;
// one that nobody defined stands for none.
func verstatBits(verstat string) uint32 {
	for _, v := range verstatValues {
		if strings.EqualFold(verstat, v.text) {
			return v.bits
		}
	}
	return 0
}

func addVerstat(t *term, text string) error {
	if err := oneOf(verstats, text); err != nil {
		return err
	}
	t.bits |= bitOf(verstats, text)
	return nil
}
