package screening

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// value tells whether one value of a key holds.
func (p *naivePolicy) value(key, v string, f Facts) bool {
	r := f.Reputation
	switch key {
	case "class":
		return v == string(f.Number.Class) || v == "invalid" && f.Number.Class == ""
	case "length":
		return compares(len(strings.ReplaceAll(f.Number.Digits, "+", "")), v)
	case "country":
		return v == f.Number.Country
	case "trunk":
		return v == f.Call.Trunk
	case "withheld":
		return v == strconv.FormatBool(f.Call.Withheld || f.Number.Class == "anonymous")
	case "diverted":
		return v == strconv.FormatBool(f.Call.DivertedBy != "")
	case "identity_mismatch":
		return v == strconv.FormatBool(f.Mismatch)
	case "number":
		return naiveMatch(v, f.Number.Digits)
	case "called":
		return naiveMatch(v, f.Called.Digits)
	case "diverted_by":
		return naiveMatch(v, f.Diverter.Digits)
	case "list":
		return p.onList(p.lists[v], f.Number.Digits, f.Call.At)
	case "called_list":
		return p.onList(p.lists[v], f.Called.Digits, f.Call.At)
	case "verstat":
		return naiveVerstat(v, f.Call.Verstat)
	case "display_name":
		return strings.Contains(strings.ToLower(f.Call.Name), strings.ToLower(v))
	case "user_agent":
		return strings.Contains(strings.ToLower(f.Call.UserAgent), strings.ToLower(v))
	case "we_called":
		within, err := time.ParseDuration(v)
		return err == nil && f.Past.Dialed != 0 && f.Past.Dialed <= within
	case "time", "weekday", "date", "holiday", "workday":
		return p.timely(key, v, f.Call.At)
	case "category":
		return v == string(r.Category)
	case "marks":
		return compares(r.Marks, v)
	case "label":
		return v == r.Label
	case "place":
		return strings.Contains(r.Place, v)
	case "name":
		return strings.Contains(strings.ToLower(r.Name), strings.ToLower(v))
	case "description":
		return strings.Contains(r.Description, v)
	case "catnames":
		return slices.Contains(r.Kinds, v)
	case "itag_ids":
		return slices.Contains(r.FinancialTags, v)
	case "province", "city", "carrier":
		return slices.Contains(naivePlaces[r.Place], key+" "+v)
	case "lookup_failed":
		return v == strconv.FormatBool(f.Failed != nil) || f.Failed != nil && v == FailureReason(f.Failed)
	case "age":
		hours := compares(int(f.Age/time.Hour), strings.TrimSuffix(v, "h"))
		return hours && f.Source != SourceNone
	}
	panic("no such key: " + key)
}

// naivePlaces are places with the parts that they have.
var naivePlaces = map[string][]string{
	"":          nil,
	"江苏苏州联通":    {"province 江苏", "city 苏州", "carrier 联通"},
	"江苏省南京市":    {"province 江苏", "city 南京"},
	"北京移动":      {"province 北京", "city 北京", "carrier 移动"},
	"黑龙江哈尔滨 电信": {"province 黑龙江", "city 哈尔滨", "carrier 电信"},
	"香港":        {"province 香港"},
	"somewhere": {"city somewhere"},
}

func naiveVerstat(want, verstat string) bool {
	switch want {
	case "absent":
		return verstat == ""
	case "passed":
		return regexp.MustCompile(`^TN-Validation-Passed(-[ABC])?$`).MatchString(verstat)
	case "failed":
		return regexp.MustCompile(`^TN-Validation-Failed(-[ABC])?$`).MatchString(verstat)
	case "unchecked":
		return verstat == "No-TN-Validation"
	}
	return verstat == "TN-Validation-Passed-"+strings.ToUpper(strings.TrimPrefix(want, "passed-"))
}

// timely judges times by how they are written.
func (p *naivePolicy) timely(key, v string, at time.Time) bool {
	at = p.local(at)
	day, week := at.Format("2006-01-02"), strings.ToLower(at.Format("Mon"))
	off, listed := p.days[day]
	switch key {
	case "holiday":
		return v == strconv.FormatBool(listed && off)
	case "workday":
		worked := week != "sat" && week != "sun"
		if listed {
			worked = !off
		}
		return v == strconv.FormatBool(worked)
	case "weekday":
		names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun", "mon", "tue", "wed", "thu", "fri", "sat"}
		from, to, ranged := strings.Cut(v, "-")
		i := slices.Index(names, from)
		for ranged && names[i] != to && names[i] != week {
			i++
		}
		return names[i] == week
	case "date":
		if !strings.HasPrefix(v, "20") {
			day = day[5:]
		}
		return within(day, v, "..", true)
	}
	return within(at.Format("15:04"), v, "-", false)
}

// within reports whether text lies in a range, which may go over the end.
func within(text, spanned, by string, inclusive bool) bool {
	from, to, ranged := strings.Cut(spanned, by)
	if !ranged {
		return text == from
	}
	ends := text < to || inclusive && text == to
	if from > to {
		return text >= from || ends
	}
	return text >= from && ends
}

func (p *naivePolicy) local(at time.Time) time.Time {
	zone, err := time.LoadLocation(p.zone)
	if err != nil {
		panic(err)
	}
	return at.In(zone)
}

// over reports whether a day is past, to its end.
func (p *naivePolicy) over(expires string, at time.Time) bool {
	return expires != "" && p.local(at).Format("2006-01-02") > expires
}

func (p *naivePolicy) onList(entries []naiveEntry, digits string, at time.Time) bool {
	return slices.ContainsFunc(entries, func(e naiveEntry) bool { return !p.over(e.expires, at) && naiveMatch(e.number, digits) })
}

// naiveMatch reads a number, a prefix or a pattern as an expression.
func naiveMatch(entry, digits string) bool {
	expression, _ := expressionOf(entry)
	return digits != "" && regexp.MustCompile("^"+expression+"$").MatchString(digits)
}

func expressionOf(entry string) (string, error) {
	if prefix, ok := strings.CutSuffix(entry, "*"); ok {
		return regexp.QuoteMeta(prefix) + "[0-9]*", nil
	}
	text, asterisk := strings.CutPrefix(entry, "_")
	if !asterisk && strings.Contains(text, "X") {
		asterisk = true
	}
	if asterisk {
		return strings.NewReplacer("X", "[0-9]", "Z", "[1-9]", "N", "[2-9]", ".", "[0-9]+", "!", "[0-9]*", "+", `\+`).Replace(text), nil
	}
	n, err := Normalize(entry, "86")
	if err != nil {
		return "", errors.New("no number: " + entry)
	}
	return regexp.QuoteMeta(n.Digits), nil
}
