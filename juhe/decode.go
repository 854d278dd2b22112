package juhe

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"callscreen/screening"
)

const (
	maxDepth = 16 // arrays and objects inside one another; the document shows four
	maxNum   = 1_000_000_000
	vague    = 10 * time.Minute // how long an answer keeps that does not speak of the number
)

// odd is the error of a reply that is none: half of one, not JSON, or not of the
// document's shape. It never counts as "nothing known".
func odd(detail string) error { return &Error{Class: ClassUpstream, Detail: detail} }

// decode reads a whole reply.
func decode(body []byte) (screening.Reputation, error) {
	reply, err := parse(body)
	if err != nil {
		return screening.Reputation{}, err
	}
	code, err := errorCode(reply)
	if err != nil {
		return screening.Reputation{}, err
	}
	switch code {
	case codeSuccess:
		return readResult(reply["result"])
	case codeQueryFailed:
		return screening.Reputation{Directory: Name, Keep: vague}, nil
	}
	return screening.Reputation{}, codeError(code)
}

// parse reads one JSON object and nothing after it. A name that stands twice in
// an object is an error: which of the two holds is anyone's guess.
func parse(body []byte) (map[string]any, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	if !utf8.Valid(body) {
		return nil, odd("answer is not UTF-8")
	}
	if !json.Valid(body) {
		return nil, odd("answer is not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	value, err := readValue(d, maxDepth)
	if err != nil {
		return nil, err
	}
	reply, ok := value.(map[string]any)
	if !ok {
		return nil, odd("answer is not an object")
	}
	return reply, nil
}

// readValue reads the next value as map[string]any, []any, string, json.Number,
// bool or nil.
func readValue(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, odd("answer is not JSON")
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == 0 {
		return nil, odd("answer is nested too deeply")
	}
	if delim == '{' {
		return readObject(d, depth-1)
	}
	return readArray(d, depth-1)
}

func readObject(d *json.Decoder, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, odd("answer is not JSON")
		}
		if _, twice := object[name]; twice {
			return nil, odd("answer has a name twice")
		}
		if object[name], err = readValue(d, depth); err != nil {
			return nil, err
		}
	}
	return object, closeDelim(d)
}

func readArray(d *json.Decoder, depth int) (any, error) {
	var array []any
	for d.More() {
		value, err := readValue(d, depth)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
	}
	return array, closeDelim(d)
}

func closeDelim(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return odd("answer is not JSON")
	}
	return nil
}

// errorCode finds the outcome: error_code, or the older resultcode where that is
// missing or contradicts a success.
func errorCode(reply map[string]any) (int, error) {
	code, given, err := readInt(reply["error_code"])
	if err != nil {
		return 0, odd("error_code is not a number")
	}
	if given && code != codeSuccess {
		return code, nil
	}
	old, oldGiven, err := readInt(reply["resultcode"])
	if err != nil {
		return 0, odd("resultcode is not a number")
	}
	switch {
	case !given && !oldGiven:
		return 0, odd("answer has no error_code")
	case !oldGiven || old == 0 && given || old == 200:
		return codeSuccess, nil
	case old > 100 && old < 200:
		return 10000 + old - 100, nil
	}
	return 0, odd("resultcode is not documented")
}

// readInt reads a whole number that may be quoted, have a fraction of zero, or be
// missing (absent, null, ""). Beyond a thousand million, either way, it is that.
func readInt(v any) (n int, given bool, err error) {
	var text string
	switch v := v.(type) {
	case nil:
		return 0, false, nil
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return 0, false, strconv.ErrSyntax
	}
	if text == "" {
		return 0, false, nil
	}
	if strings.Trim(text, "0123456789.eE+-") != "" { // ParseFloat also reads Inf, NaN, hexadecimal and underscores
		return 0, false, strconv.ErrSyntax
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) || !math.IsInf(f, 0) && f != math.Trunc(f) {
		return 0, false, strconv.ErrSyntax
	}
	return int(min(max(f, -maxNum), maxNum)), true, nil
}
