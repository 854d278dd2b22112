package screening

// key is a key of a condition. Those that cost less to judge come first, those
// about the lookup next, and last those that hold conditions themselves.
type key uint8

const (
	keyClass key = iota
	keyLength
	keyCountry
	keyWithheld
	keyTrunk
	keyDiverted
	keyMismatch
	keyTime
	keyWeekday
	keyDate
	keyHoliday
	keyWorkday
	keyWeCalled
	keyCalls
	keyVerstat
	keyNumber
	keyList
	keyCalled
	keyCalledList
	keyDivertedBy
	keyDisplayName
	keyUserAgent

	keyCategory
	keyMarks
	keyLabel
	keyProvince
	keyCity
	keyCarrier
	keyPlace
	keyName
	keyDescription
	keyCatnames
	keyItagIDs
	keyAge
	keyFailed

	keyAll
	keyAny
	keyNot
)

// String returns the key as it is written in a policy file.
func (k key) String() string {
	return [...]string{
		"class", "length", "country", "withheld", "trunk", "diverted", "identity_mismatch",
		"time", "weekday", "date", "holiday", "workday", "we_called", "calls", "verstat",
		"number", "list", "called", "called_list", "diverted_by", "display_name", "user_agent",
		"category", "marks", "label", "province", "city", "carrier", "place", "name", "description",
		"catnames", "itag_ids", "age", "lookup_failed",
		"all", "any", "not",
	}[k]
}

// ofDay reports whether the key is about the day of the call, which is among its
// traits.
func (k key) ofDay() bool { return k == keyWeekday || k == keyHoliday || k == keyWorkday }
