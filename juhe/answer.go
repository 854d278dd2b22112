package juhe

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"callscreen/screening"
)

// Name is what [screening.Reputation] calls this directory.
const Name = "juhe"

// Bounds of what is kept of an answer, so that remembering many stays cheap.
const (
	maxText = 256 // bytes of one text
	maxList = 16  // entries of catnames and itag_ids
)

// kind is what flag.fid and flag.type say, for one fid of the document.
type kind struct {
	category screening.Category
	label    string
}

// kinds are the documented values of flag.fid.
var kinds = map[int]kind{
	1: {screening.CategoryHarassment, "骚扰电话"},
	2: {screening.CategorySales, "推销"},
	3: {screening.CategoryAgent, "中介"},
	4: {screening.CategoryDelivery, "快递送餐"},
	5: {screening.CategoryFraud, "疑似诈骗"},
	6: {screening.CategoryRecruiter, "招聘猎头"},
	7: {screening.CategoryTaxi, "出租车司机"},
}

// labels are the texts of flag.type whose meaning is certain without a fid: the
// documented ones and those that other resellers of the data use.
var labels = map[string]screening.Category{
	"骚扰电话": screening.CategoryHarassment, "骚扰": screening.CategoryHarassment,
	"推销": screening.CategorySales, "广告推销": screening.CategorySales, "推销电话": screening.CategorySales,
	"中介": screening.CategoryAgent, "房产中介": screening.CategoryAgent,
	"快递送餐": screening.CategoryDelivery, "快递": screening.CategoryDelivery, "外卖": screening.CategoryDelivery,
	"疑似诈骗": screening.CategoryFraud, "诈骗": screening.CategoryFraud, "诈骗电话": screening.CategoryFraud,
	"招聘猎头": screening.CategoryRecruiter, "招聘": screening.CategoryRecruiter, "猎头": screening.CategoryRecruiter,
	"出租车司机": screening.CategoryTaxi, "出租车": screening.CategoryTaxi,
}

// errShape reports a value of a type that the document does not allow.
var errShape = errors.New("juhe: unexpected type")

// readResult reads the member result of a success: the fields are in its member
// data, as the document's examples have it, or in itself, as its table does.
func readResult(v any) (screening.Reputation, error) {
	result, err := readMember(v)
	if err != nil {
		return screening.Reputation{}, odd("result is not an object")
	}
	fields, err := readMember(result["data"])
	if err != nil {
		return screening.Reputation{}, odd("result.data is not an object")
	}
	if len(fields) == 0 {
		fields = result
	}
	r, err := readFields(fields)
	if err != nil {
		return screening.Reputation{}, odd("a field of the answer has another type than documented")
	}
	if fields["telnum"] == nil && !r.Known() {
		r.Keep = vague
	}
	return r, nil
}

func readFields(fields map[string]any) (screening.Reputation, error) {
	name, err1 := readText(fields["name"])
	description, err2 := readText(fields["teldesc"])
	place, err3 := readText(fields["telloc"])
	flag, err4 := readMember(fields["flag"])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return screening.Reputation{}, err
	}
	r := screening.Reputation{
		Name: name, Description: description, Place: place, Directory: Name,
		Kinds: readList(fields["catnames"]), FinancialTags: readList(fields["itag_ids"]),
	}
	err := readFlag(flag, &r)
	return r, err
}

// readFlag adds the mark. fid decides what it means; where fid is missing or not
// documented the text does, and a text nobody knows is CategoryOther.
func readFlag(flag map[string]any, r *screening.Reputation) error {
	label, err1 := readText(flag["type"])
	marks, _, err2 := readInt(flag["num"])
	fid, _, err3 := readInt(flag["fid"])
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	known, ok := kinds[fid]
	switch {
	case ok && label == "":
		r.Category, r.Label = known.category, known.label
	case ok:
		r.Category, r.Label = known.category, label
	case label != "":
		r.Category, r.Label = labels[label], label
		if r.Category == "" {
			r.Category = screening.CategoryOther
		}
	}
	r.Marks = max(marks, 0)
	return nil
}

// foldTexts returns a table of labels whatever their case.
func foldTexts(table map[string]screening.Category) map[string]screening.Category {
	folded := make(map[string]screening.Category, len(table))
	for text, category := range table {
		folded[fold(text)] = category
	}
	return folded
}

func fold(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// reword puts the category of the office's own table in the place of Juhe's. A label
// that says nothing takes the marks with it, which are about it.
func (c *Client) reword(r screening.Reputation) screening.Reputation {
	category, ok := c.texts[fold(r.Label)]
	if !ok || r.Label == "" {
		return r
	}
	if r.Category = category; category == "" {
		r.Label, r.Marks = "", 0
	}
	return r
}

// readMember reads an object that may be missing: absent, null, "" or [].
func readMember(v any) (map[string]any, error) {
	switch v := v.(type) {
	case map[string]any:
		return v, nil
	case nil:
		return nil, nil
	case string:
		if strings.TrimSpace(v) == "" {
			return nil, nil
		}
	case []any:
		if len(v) == 0 {
			return nil, nil
		}
	}
	return nil, errShape
}

// readText reads a text, or a number as its digits. null, [] and {} are none.
func readText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return clip(strings.TrimSpace(v)), nil
	case json.Number:
		return clip(v.String()), nil
	case nil:
		return "", nil
	case []any:
		if len(v) == 0 {
			return "", nil
		}
	case map[string]any:
		if len(v) == 0 {
			return "", nil
		}
	}
	return "", errShape
}

// readList reads an array of texts, or a single one. Its entries are no ground to
// decide on alone, so those of another type are left out, not refused.
func readList(v any) []string {
	array, ok := v.([]any)
	if !ok {
		array = []any{v}
	}
	var list []string
	for _, entry := range array {
		if text, err := readText(entry); err == nil && text != "" && len(list) < maxList {
			list = append(list, text)
		}
	}
	return list
}

// clip cuts s at the last whole character within maxText bytes.
func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.Clone(s[:end])
}
