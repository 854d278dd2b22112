package strictyaml

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

const quoted = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// text hands the text of n to a type that decodes it itself.
func (d *Document) text(n *yaml.Node, u encoding.TextUnmarshaler, f field) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		d.wrong(n, f, "a single value", "write one value")
		return
	}
	err := u.UnmarshalText([]byte(n.Value))
	if err == nil {
		return
	}
	var own Error
	switch {
	case errors.As(err, &own):
		d.ReportNode(n, own.Text, own.Hint)
	case f.example != "":
		d.ReportNode(n, fmt.Sprintf("%s is %s: %v", f.name, quote(n.Value), err), "write it as in "+f.example)
	default:
		d.ReportNode(n, fmt.Sprintf("%s is %s", f.name, quote(n.Value)), err.Error())
	}
}

// scalar reads a single value of a basic type.
func (d *Document) scalar(n *yaml.Node, v reflect.Value, f field) {
	want, hint := wanted(v.Type())
	switch {
	case n.Kind != yaml.ScalarNode:
		d.wrong(n, f, want, "write one value")
	case n.Tag == "!!null":
		d.wrong(n, f, want, hint)
	case v.Kind() == reflect.String:
		v.SetString(n.Value)
	case n.Style&quoted != 0 && v.Type() != durationType:
		d.wrong(n, f, want, "write it without quotes")
	case !set(v, n.Value):
		d.wrong(n, f, want, hint)
	}
}

// wanted names what a type takes, and how to write it.
func wanted(t reflect.Type) (want, hint string) {
	switch k := t.Kind(); {
	case t == durationType:
		return "a time", "write a number and its unit, as in 800ms, 30s, 10m, 24h or 90d"
	case k == reflect.String:
		return "a text", `write the text, or "" for none`
	case k == reflect.Bool:
		return "true or false", "write true or false"
	case k == reflect.Float32, k == reflect.Float64:
		return "a number", "write it as in 0.5"
	case reflect.Int <= k && k <= reflect.Uint64:
		return "a whole number", "write digits only, without zeros in front" + limit(t)
	}
	return "a key this program can read", "remove it"
}

// limit tells how far a small type of numbers goes.
func limit(t reflect.Type) string {
	switch {
	case t.Bits() == 64:
		return ""
	case t.Kind() < reflect.Uint:
		return fmt.Sprintf(", up to %d", int64(1)<<(t.Bits()-1)-1)
	}
	return fmt.Sprintf(", up to %d", uint64(1)<<t.Bits()-1)
}

var (
	wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	number      = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// set reads text into v, and reports whether it could.
func set(v reflect.Value, text string) bool {
	switch k := v.Kind(); {
	case v.Type() == durationType:
		t, ok := Duration(text)
		v.SetInt(int64(t))
		return ok
	case k == reflect.Bool:
		v.SetBool(text == "true")
		return text == "true" || text == "false"
	case k == reflect.Float32, k == reflect.Float64:
		x, err := strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(x)
		return err == nil && number.MatchString(text)
	case reflect.Int <= k && k <= reflect.Int64:
		x, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(x)
		return err == nil && wholeNumber.MatchString(text)
	case reflect.Uint <= k && k <= reflect.Uint64:
		x, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(x)
		return err == nil && wholeNumber.MatchString(text)
	}
	return false
}

// Duration reads what [time.ParseDuration] does, and whole days in front: "90d",
// "1d12h". No time is negative; ok is false for what is no time.
func Duration(text string) (t time.Duration, ok bool) {
	const day = 24 * time.Hour
	var sum time.Duration
	if days, rest, ok := strings.Cut(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, false
		}
		sum, text = time.Duration(n)*day, rest
		if rest == "" {
			return sum, true
		}
	}
	t, err := time.ParseDuration(text)
	if err != nil || t < 0 || t > math.MaxInt64-sum || strings.HasPrefix(text, "+") {
		return 0, false
	}
	return sum + t, true
}
