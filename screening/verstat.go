package screening

import "strings"

// verstats are the outcomes of STIR verification that a policy knows, in its own
// words: RFC 8224 with the levels of attestation of RFC 8588.
var verstats = []string{"passed", "passed-a", "passed-b", "passed-c", "failed", "unchecked", "absent"}

// verstatValues are the values of the verstat parameter (3GPP TS 24.229, section
// 7.2A.20) with their word among verstats.
var verstatValues = []struct {
	text string
	word int
}{
	{"", 6},
	{"TN-Validation-Passed", 0},
	{"TN-Validation-Passed-A", 1},
	{"TN-Validation-Passed-B", 2},
	{"TN-Validation-Passed-C", 3},
	{"TN-Validation-Failed", 4},
	{"TN-Validation-Failed-A", 4},
	{"TN-Validation-Failed-B", 4},
	{"TN-Validation-Failed-C", 4},
	{"No-TN-Validation", 5},
}

// verstatOf returns which of verstats a verstat parameter stands for, and -1 for
// one that nobody defined.
func verstatOf(verstat string) int {
	for _, v := range verstatValues {
		if strings.EqualFold(verstat, v.text) {
			return v.word
		}
	}
	return -1
}

// addVerstat takes an outcome; passed alone is passed at any level.
func addVerstat(t *term, text string) error {
	if text == verstats[0] {
		t.allow(1)
		t.allow(2)
		t.allow(3)
	}
	return t.allowOneOf(verstats, text)
}
