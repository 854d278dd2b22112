package screening

// areaCodes holds the third digits of the three-digit area codes of China,
// without the trunk 0, by their first two: 57 and 1 are 0571. Codes that were
// merged into a neighbour's stay in, since old exchanges still send them,
// except 0852 and 0853: without the 0 they would swallow Hong Kong and Macau.
var areaCodes = [100]string{
	31: "0123456789",
	33: "5",
	34: "9",
	35: "0123456789",
	37: "0123456789",
	39: "1234568",
	41: "0123456789",
	42: "179",
	43: "123456789",
	45: "123456789",
	46: "4789",
	47: "0123456789",
	48: "23",
	51: "0123456789",
	52: "37",
	53: "0123456789",
	54: "36",
	55: "0123456789",
	56: "12346",
	57: "0123456789",
	58: "0",
	59: "123456789",
	63: "12345",
	66: "0238",
	69: "12",
	70: "1",
	71: "0123456789",
	72: "248",
	73: "01456789",
	74: "3456",
	75: "0123456789",
	76: "023689",
	77: "0123456789",
	79: "0123456789",
	81: "23678",
	82: "567",
	83: "0123456789",
	85: "1456789",
	87: "0123456789",
	88: "3678",
	89: "12345678",
	90: "123689",
	91: "12345679",
	93: "0123456789",
	94: "13",
	95: "12345",
	97: "012345679",
	99: "0123456789",
}

// areaLen returns the length of the area code that d begins with, the trunk 0
// not counted, and 0 where none is assigned.
func areaLen(d string) int {
	if len(d) < 2 || d[0] < '1' || d[0] > '9' || !isDigit(d[1]) {
		return 0
	}
	switch {
	case d[0] == '1':
		return lengthIf(d[1] == '0', 2)
	case d[0] == '2':
		return lengthIf(d[1] != '6', 2)
	}
	return lengthIf(len(d) > 2 && holds(areaCodes[pair(d)], d[2]), 3)
}

// pair returns the number that the first two digits of d make.
func pair(d string) int { return int(d[0]-'0')*10 + int(d[1]-'0') }

func holds(digits string, d byte) bool {
	for i := range len(digits) {
		if digits[i] == d {
			return true
		}
	}
	return false
}

func lengthIf(ok bool, n int) int {
	if ok {
		return n
	}
	return 0
}
