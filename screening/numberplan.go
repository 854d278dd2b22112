package screening

import "strings"

const mobileDigits = 11

// chinese reads the digits of a number whose country is known to be China, with
// or without the trunk 0. The zero Number means that the plan has no such form.
func chinese(d string) Number {
	if len(d) < 3 {
		return Number{}
	}
	if class := mobileClass(d); class != ClassInvalid {
		return Number{china, d, class}
	}
	if class := freephoneClass(d); class != ClassInvalid {
		return Number{china, d, class}
	}
	if d[0] == '0' {
		return trunkZero(d)
	}
	if class := serviceClass(d); class != ClassInvalid {
		return Number{china, d, class}
	}
	if isLandline(d) {
		return Number{china, "0" + d, ClassLandline}
	}
	if strings.HasPrefix(d, "106") && 8 <= len(d) && len(d) <= 20 {
		return Number{china, d, ClassSMS}
	}
	return Number{}
}

// chineseBare is chinese for digits that came without a country. Only there may
// a 95 code carry the digits of its call centre: behind +86 the same digits are
// a landline of Ningxia, whose area codes begin with 95 too.
func chineseBare(d string) Number {
	if strings.HasPrefix(d, "95") && 9 <= len(d) && len(d) <= maxE164 {
		return Number{china, d, Class95}
	}
	return chinese(d)
}

// trunkZero reads digits that begin with the 0 of long-distance dialling, which
// exchanges also put in front of numbers that have none.
func trunkZero(d string) Number {
	rest := d[1:]
	if isMobile(rest) {
		return Number{china, rest, mobileClass(rest)}
	}
	if isLandline(rest) {
		return Number{china, d, ClassLandline}
	}
	if class := freephoneClass(rest); class != ClassInvalid {
		return Number{china, rest, class}
	}
	if n := areaLen(rest); n > 0 {
		if class := serviceClass(rest[n:]); class != ClassInvalid {
			return Number{china, rest[n:], class}
		}
	}
	if class := serviceClass(rest); class != ClassInvalid {
		return Number{china, rest, class}
	}
	return Number{}
}

func isMobile(d string) bool { return len(d) == mobileDigits && d[0] == '1' && d[1] >= '3' }

// mobileClass returns the class of the mobile ranges, among them those of 13
// digits that only machines have.
func mobileClass(d string) Class {
	if isM2M(d) {
		return ClassIoT
	}
	if !isMobile(d) {
		return ClassInvalid
	}
	switch d[:3] {
	case "162", "165", "167", "170", "171":
		return ClassMVNO
	case "140", "141", "144", "146", "148":
		return ClassIoT
	case "174":
		return ClassSatellite
	}
	if d[:4] == "1349" {
		return ClassSatellite
	}
	return ClassMobile
}

func isM2M(d string) bool {
	if len(d) != 13 {
		return false
	}
	switch d[:3] {
	case "140", "141", "144":
		return true
	case "106":
		return d[3] == '4' && (d[4] == '6' || d[4] == '8' || d[4] == '9')
	}
	return false
}

// freephoneClass returns the class of the numbers that the called side pays for.
func freephoneClass(d string) Class {
	switch {
	case len(d) != 10:
		return ClassInvalid
	case d[:3] == "400":
		return Class400
	case d[:3] == "800":
		return Class800
	}
	return ClassInvalid
}

// serviceClass returns the class of the codes that are the same in the whole
// country, by their exact lengths.
func serviceClass(d string) Class {
	if len(d) < 3 || len(d) > 8 {
		return ClassInvalid
	}
	switch d[:2] {
	case "95":
		return classIf(len(d) >= 5, Class95)
	case "96":
		return classIf(len(d) >= 5, Class96)
	case "10":
		return classIf(isOperatorCode(d), ClassShort)
	case "11":
		return emergencyOr(d, len(d) == 3 || len(d) == 5 || len(d) == 6 && (d[2] == '6' || d[2] == '8'))
	case "12":
		return emergencyOr(d, len(d) == 3 || len(d) == 5)
	}
	return ClassInvalid
}

// isOperatorCode knows 100xx and 101xx, their extensions like 1008611, and
// 1010xxxx.
func isOperatorCode(d string) bool {
	switch len(d) {
	case 5:
		return d[2] == '0' || d[2] == '1'
	case 7:
		return d[2] == '0'
	case 8:
		return d[:4] == "1010"
	}
	return false
}

func emergencyOr(d string, short bool) Class {
	switch d {
	case "110", "112", "119", "120", "122":
		return ClassEmergency
	}
	return classIf(short, ClassShort)
}

func classIf(ok bool, c Class) Class {
	if ok {
		return c
	}
	return ClassInvalid
}

// isLandline reports whether d is an area code without its 0 and a subscriber
// number. Behind the two-digit area codes these have eight digits.
func isLandline(d string) bool {
	n := areaLen(d)
	if n == 0 {
		return false
	}
	subscriber := d[n:]
	return isSubscriber(subscriber) && (n == 3 || len(subscriber) == 8)
}

func isSubscriber(d string) bool {
	return (len(d) == 7 || len(d) == 8) && '2' <= d[0] && d[0] <= '8'
}

// local reads a subscriber number without area code, and completes it where
// the trunk's own is known.
func (h Habits) local(d string) Number {
	if !isSubscriber(d) {
		return Number{}
	}
	if area := strings.TrimPrefix(h.AreaCode, "0"); area != "" && h.country() == china {
		if full := area + d; areaLen(full) == len(area) && isLandline(full) {
			return Number{china, "0" + full, ClassLandline}
		}
	}
	return Number{china, d, ClassLocal}
}

// extension reads the few digits of a PBX's own numbers.
func extension(d string) Number {
	if len(d) < 2 || len(d) > 6 {
		return Number{}
	}
	return Number{Digits: d, Class: ClassExtension}
}

// afterDialPrefix returns what follows a prefix of IP or discount dialling that
// the network let into the caller's number, and "" without one.
func afterDialPrefix(d string) string {
	if len(d) < 8 || d[0] != '1' {
		return ""
	}
	switch d[:6] {
	case "125831", "125832", "125833", "118321":
		return d[6:]
	}
	switch d[:5] {
	case "12593", "12589", "12520", "10193", "11808":
		return d[5:]
	}
	if d[:3] == "179" {
		return d[5:]
	}
	return ""
}

// behindDialPrefix reads what a dial prefix was put in front of: only what
// cannot be the rest of a longer number.
func (h Habits) behindDialPrefix(d string) Number {
	if rest, ok := strings.CutPrefix(d, "00"); ok {
		return h.international(rest)
	}
	n := chinese(d)
	switch n.Class {
	case ClassMobile, ClassMVNO, ClassIoT, ClassSatellite, Class400, Class800:
		return n
	}
	if d[0] == '0' {
		return n
	}
	return Number{}
}
