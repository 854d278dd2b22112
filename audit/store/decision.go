package store

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// encodeDecision writes d as a JSON object under the names of its fields, without
// those that are zero and with numbers as p says, so that a field that screening
// learns tomorrow is kept, and hidden, too. Of an error the reason is kept.
func encodeDecision(d *screening.Decision, p audit.Privacy) string {
	v := reflect.ValueOf(d).Elem()
	dst := make([]byte, 0, 1024)
	dst = appendStruct(dst, v, func(dst []byte, name string, field reflect.Value) []byte {
		h := hider{p, d.Number, name, ""}
		return h.append(dst, field)
	})
	return string(dst)
}

// decodeDecision reads what encodeDecision wrote.
func decodeDecision(text string) (screening.Decision, error) {
	var d struct {
		screening.Decision
		Failed string
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return screening.Decision{}, fmt.Errorf("store: decision: %w", err)
	}
	if d.Failed != "" {
		d.Decision.Failed = failure(d.Failed)
	}
	return d.Decision, nil
}

// failure is an error of which the reason is all that is left.
type failure string

func (f failure) Error() string  { return "lookup: " + string(f) }
func (f failure) Reason() string { return string(f) }

// hider writes the values of one part of a decision.
type hider struct {
	privacy audit.Privacy
	caller  screening.Number
	part    string // the Decision's field: "Call"
	field   string // the field within: "Name"
}

func (h hider) append(dst []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.String:
		return appendString(dst, h.text(v.String()))
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10)
	case reflect.Slice:
		return h.appendSlice(dst, v)
	case reflect.Struct:
		if t, ok := v.Interface().(time.Time); ok {
			return t.AppendFormat(append(dst, '"'), `2006-01-02T15:04:05.999999999Z07:00"`)
		}
		return appendStruct(dst, v, func(dst []byte, name string, field reflect.Value) []byte {
			h.field = name
			return h.append(dst, field)
		})
	}
	err, _ := v.Interface().(error)
	return appendString(dst, screening.FailureReason(err))
}

func (h hider) appendSlice(dst []byte, v reflect.Value) []byte {
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = h.append(dst, v.Index(i))
	}
	return append(dst, ']')
}

// text is s as it is kept. What is no UTF-8 becomes U+FFFD. Our own texts hold other
// digits than the caller's.
func (h hider) text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	switch h.part {
	case "Called", "Policy", "Source":
		return s
	case "Verdict", "Shadow":
		return h.privacy.Own(s, h.caller)
	}
	switch h.part + "." + h.field {
	case "Number.Digits":
		return h.privacy.Number(s)
	case "Call.ID", "Call.To", "Call.Trunk", "Call.Header":
		return audit.Clip(s)
	}
	return audit.Clip(h.privacy.Text(audit.Clip(s)))
}

// appendStruct writes the fields of v that are not zero.
func appendStruct(dst []byte, v reflect.Value, value func([]byte, string, reflect.Value) []byte) []byte {
	dst = append(dst, '{')
	first := true
	for i := range v.NumField() {
		field := v.Field(i)
		if field.IsZero() {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		name := v.Type().Field(i).Name
		dst = append(append(append(dst, '"'), name...), '"', ':')
		dst = value(dst, name, field)
	}
	return append(dst, '}')
}

// appendString writes s as a JSON string. Masking may have cut a character that is
// no digit.
func appendString(dst []byte, s string) []byte {
	text, err := json.Marshal(strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil { // there is no string that it cannot write
		return append(dst, `""`...)
	}
	return append(dst, text...)
}

// clean makes a text that every database takes.
func clean(s string) string {
	return audit.Clip(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"))
}
