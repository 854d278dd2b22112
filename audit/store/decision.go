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
	h := hider{privacy: p, caller: d.Number}
	return string(h.appendStruct(make([]byte, 0, 1024), reflect.ValueOf(d).Elem(), &h.part))
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

// hider writes the values of a decision.
type hider struct {
	privacy audit.Privacy
	caller  screening.Number
	part    string // the Decision's field: "Call"
	field   string // the field within: "Name"
}

// fields are the names of a Decision's fields and of theirs.
var fields = fieldsOf(reflect.TypeFor[screening.Decision](), map[reflect.Type][]string{})

func fieldsOf(t reflect.Type, known map[reflect.Type][]string) map[reflect.Type][]string {
	switch {
	case t.Kind() == reflect.Slice:
		return fieldsOf(t.Elem(), known)
	case t.Kind() != reflect.Struct || t == timeType || known[t] != nil:
		return known
	}
	for f := range t.Fields() {
		known[t] = append(known[t], f.Name)
		fieldsOf(f.Type, known)
	}
	return known
}

var timeType = reflect.TypeFor[time.Time]()

// appendStruct writes the fields of v that are not zero, and tells in name which it
// is at.
func (h *hider) appendStruct(dst []byte, v reflect.Value, name *string) []byte {
	dst = append(dst, '{')
	separator := ""
	for i, f := range fields[v.Type()] {
		field := v.Field(i)
		if field.IsZero() {
			continue
		}
		dst = append(append(append(dst, separator...), '"'), f...)
		dst = append(dst, '"', ':')
		separator, *name = ",", f
		dst = h.append(dst, field)
	}
	return append(dst, '}')
}

func (h *hider) append(dst []byte, v reflect.Value) []byte {
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
		if t, ok := reflect.TypeAssert[time.Time](v); ok {
			return append(t.AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
		}
		return h.appendStruct(dst, v, &h.field)
	}
	err, _ := reflect.TypeAssert[error](v)
	return appendString(dst, screening.FailureReason(err))
}

func (h *hider) appendSlice(dst []byte, v reflect.Value) []byte {
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
func (h *hider) text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	switch h.part {
	case "Called", "Policy", "Source":
		return s
	case "Verdict", "Shadow":
		return h.privacy.Own(s, h.caller)
	}
	switch {
	case h.part == "Number" && h.field == "Digits":
		return h.privacy.Number(s)
	case h.part == "Call" && (h.field == "ID" || h.field == "To" || h.field == "Trunk" || h.field == "Header"):
		return audit.Clip(s)
	}
	return audit.Clip(h.privacy.Text(audit.Clip(s)))
}

// appendString writes s as a JSON string. Masking may have cut a character that is
// no digit.
func appendString(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, escaped) < 0 {
		return append(append(append(dst, '"'), s...), '"')
	}
	text, err := json.Marshal(s)
	if err != nil { // there is no string that it cannot write
		return append(dst, `""`...)
	}
	return append(dst, text...)
}

// escaped reports whether JSON wants r written otherwise (RFC 8259 section 7).
func escaped(r rune) bool { return r < ' ' || r == '"' || r == '\\' }

// clean makes a text that every database takes.
func clean(s string) string {
	return audit.Clip(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD"))
}
