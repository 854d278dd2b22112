package screening

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"callscreen/screening/strictyaml"
)

func (t *term) addNumber(text string, called bool) error {
	return t.numbers.add(text, called, 0)
}

func addWord(t *term, value string) error {
	if strings.TrimSpace(value) == "" {
		return errors.New("is empty: write a text")
	}
	t.words = append(t.words, value)
	return nil
}

// addPart takes a word that may stand anywhere in a text.
func addPart(t *term, value string) error {
	small := []byte(value)
	for i, c := range small {
		small[i] = smallLetter(c)
	}
	if bytes.ContainsFunc(small, func(r rune) bool { return 'a' <= r && r <= 'z' }) {
		t.small = append(t.small, string(small))
		return nil
	}
	return addWord(t, value)
}

var categories = []string{
	string(CategoryFraud), string(CategorySales), string(CategoryHarassment), string(CategoryAgent),
	string(CategoryDelivery), string(CategoryRecruiter), string(CategoryTaxi), string(CategoryOther),
}

// allowOneOf takes one of known words.
func (t *term) allowOneOf(known []string, word string) error {
	err := oneOf(known, word)
	if err == nil {
		t.allow(slices.Index(known, word))
	}
	return err
}

func addCategory(t *term, value string) error {
	return t.allowOneOf(categories, value)
}

// classInvalid is how a policy file writes ClassInvalid.
const classInvalid = "invalid"

// classes are the classes as they are in a Number, and classNames as a policy
// file writes them.
var (
	classes = []string{
		string(ClassMobile), string(ClassMVNO), string(ClassIoT), string(ClassSatellite), string(ClassLandline),
		string(ClassLocal), string(Class400), string(Class800), string(Class95), string(Class96), string(ClassShort),
		string(ClassEmergency), string(ClassSMS), string(ClassInternational), string(ClassExtension),
		string(ClassAnonymous), string(ClassAlphanumeric), string(ClassInvalid),
	}
	classNames = append(slices.Clone(classes[:len(classes)-1]), classInvalid)
)

func addClass(t *term, value string) error {
	return t.allowOneOf(classNames, value)
}

// addCountry takes a calling code, with or without its +.
func addCountry(t *term, value string) error {
	code := strings.TrimPrefix(value, "+")
	if code == "" || callingCode(code) != code {
		return errors.New(`is no calling code: write it as in "86" or "852"`)
	}
	return addWord(t, code)
}

var comparison = regexp.MustCompile(`^(>=|<=|==|>|<) *([0-9]{1,9})$`)

func addSpan(t *term, value string) error {
	if strings.Trim(value, "0123456789") == "" && value != "" {
		return fmt.Errorf(`is a bare number: write ">=%s" for at least or "==%s" for exactly so many`, value, value)
	}
	m := comparison.FindStringSubmatch(value)
	if m == nil {
		return errors.New(`is no comparison: write it as in ">=50", ">10", "<5", "<=5" or "==3"`)
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return err
	}
	return t.compare(m[1], n)
}

// compare adds the numbers from 0 that stand in a relation to n.
func (t *term) compare(relation string, n int) error {
	s := map[string]span{">=": {n, math.MaxInt}, ">": {n + 1, math.MaxInt}, "<=": {0, n}, "<": {0, n - 1}, "==": {n, n}}[relation]
	if s.high < 0 {
		return errors.New("can never hold: write a larger number")
	}
	t.spans = append(t.spans, s)
	return nil
}

var ageComparison = regexp.MustCompile(`^(>=|<=|>|<) *([0-9][0-9a-z.]*)$`)

// addAge takes ">7d": an age, in whole seconds.
func addAge(t *term, value string) error {
	m := ageComparison.FindStringSubmatch(value)
	if m == nil {
		return errors.New(`is no age: write it as in ">7d" or "<=12h"`)
	}
	age, ok := strictyaml.Duration(m[2])
	if !ok {
		return errors.New(`is no age: write a number and its unit, as in ">7d" or "<=12h"`)
	}
	return t.compare(m[1], int(age/time.Second))
}

// failures are the words of [FailureReason].
var failures = []string{"timeout", "canceled", "panic", "quota", "key", "throttled", "upstream", "request", "failed"}

// addFailure takes true or false alone, or reasons.
func addFailure(t *term, value string) error {
	if value == "true" || value == "false" {
		if len(t.values) > 1 {
			return errors.New("stands beside others: write it alone, or reasons only")
		}
		t.want = value == "true"
		return nil
	}
	if err := oneOf(append(slices.Clip(failures), "true", "false"), value); err != nil {
		return err
	}
	return addWord(t, value)
}

// memories compiles the keys about what was before the call.
func (c *compiler) memories(f *conditionFile, path []any) []term {
	var terms []term
	if at := under(path, keyWeCalled.String()); f.WeCalled != nil {
		if *f.WeCalled <= 0 || *f.WeCalled > keepDialed {
			c.report(at, "we_called is "+days(*f.WeCalled), "write a time of at most 180d, as in 30d")
		}
		t := newTerm(keyWeCalled, days(*f.WeCalled))
		t.within = *f.WeCalled
		terms = append(terms, t)
	}
	if at := under(path, keyCalls.String()); f.Calls != nil {
		terms = append(terms, c.calls(f.Calls, at))
	} else {
		c.filled(at, keyCalls.String(), 0)
	}
	return terms
}

func (c *compiler) calls(f *callsFile, path []any) term {
	t := newTerm(keyCalls, f.Count, "within "+days(f.Within))
	t.within = f.Within
	if t.want = f.To == "same"; t.want {
		t.values = append(t.values, "to the same number")
	}
	count := under(path, "count")
	if err := addSpan(&t, f.Count); f.Count == "" {
		c.report(count, "count is missing", `write how many calls, this one included, as in count: ">=3"`)
	} else if err != nil {
		c.reportErr(count, "count "+strconv.Quote(f.Count), err)
	} else if t.idle() {
		c.report(count, "count "+strconv.Quote(f.Count)+" says nothing", "write a number from 2 to 32: this call counts as 1, and 32 are remembered")
	}
	if at := under(path, "within"); !c.doc.Has(at...) {
		c.report(at, "within is missing", "write in how long a time, as in within: 10m")
	} else if f.Within <= 0 || f.Within > keepCalls {
		c.report(at, "within is "+days(f.Within), "write a time of at most 7d, as in 10m")
	}
	if f.To != "" && f.To != "any" && f.To != "same" {
		c.reportErr(under(path, "to"), "to "+strconv.Quote(f.To), oneOf([]string{"any", "same"}, f.To))
	}
	return t
}

// idle reports whether a term about a number of calls holds for every number
// there can be, or for none.
func (t *term) idle() bool {
	for n := 1; n < maxCalls; n++ {
		if t.inSpan(n) != t.inSpan(n+1) {
			return false
		}
	}
	return true
}

// days writes a time with its days, as policy files do.
func days(t time.Duration) string {
	const day = 24 * time.Hour
	if t >= day && t%day == 0 {
		return fmt.Sprintf("%dd", t/day)
	}
	return t.String()
}
