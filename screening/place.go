package screening

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// placeOfCaller is a place as directories write it, "江苏苏州联通", in its parts.
// A part that is not there is empty.
type placeOfCaller struct{ province, city, carrier string }

var (
	municipalities = []string{"北京", "上海", "天津", "重庆"}
	provinces      = []string{
		"北京", "上海", "天津", "重庆", "河北", "山西", "辽宁", "吉林", "黑龙江", "江苏", "浙江", "安徽", "福建", "江西", "山东", "河南", "湖北",
		"湖南", "广东", "海南", "四川", "贵州", "云南", "陕西", "甘肃", "青海", "台湾", "内蒙古", "广西", "西藏", "宁夏", "新疆", "香港", "澳门",
	}
	provinceKinds = []string{"省", "市", "壮族自治区", "回族自治区", "维吾尔自治区", "自治区", "特别行政区"}
	isProvince    = setOf(provinces)
	carriers      = []string{"移动", "联通", "电信", "广电", "铁通", "网通", "卫通"}
)

// hanBytes is what a Chinese character takes in UTF-8.
const hanBytes = 3

func setOf(words []string) map[string]bool {
	set := map[string]bool{}
	for _, w := range words {
		set[w] = true
	}
	return set
}

// placeParts takes a place apart. Its parts are those of the text itself, so that
// nothing is copied. The four cities that are provinces are both.
func placeParts(place string) placeOfCaller {
	p := placeOfCaller{}
	rest, kind := strings.Trim(place, " "), ""
	p.province, rest = provinceOf(rest)
	if p.province != "" {
		kind, rest = startOf(rest, provinceKinds)
	}
	rest, p.carrier = endOf(rest, carriers)
	rest = strings.Trim(strings.TrimSuffix(strings.Trim(rest, " "), "中国"), " ")
	p.city = cityName(rest)
	if slices.Contains(municipalities, p.province) || kind == "市" && p.city == "" {
		p.city = p.province
	}
	return p
}

// provinceOf cuts a province off the start of s. Each has two or three characters.
func provinceOf(s string) (province, rest string) {
	for _, n := range [...]int{2 * hanBytes, 3 * hanBytes} {
		if len(s) >= n && isProvince[s[:n]] {
			return s[:n], s[n:]
		}
	}
	return "", s
}

// startOf cuts the first of words that s begins with off it.
func startOf(s string, words []string) (word, rest string) {
	for _, w := range words {
		if strings.HasPrefix(s, w) {
			return s[:len(w)], s[len(w):]
		}
	}
	return "", s
}

// endOf cuts the first of words that s ends with off it.
func endOf(s string, words []string) (rest, word string) {
	for _, w := range words {
		if strings.HasSuffix(s, w) {
			return s[:len(s)-len(w)], s[len(s)-len(w):]
		}
	}
	return s, ""
}

// cityName returns a city without the word for one: 杭州 for 杭州市.
func cityName(s string) string {
	if short := strings.TrimSuffix(s, "市"); short != "" {
		return short
	}
	return s
}

// addProvince takes a province with or without the word for one.
func addProvince(t *term, text string) error {
	name, kind := provinceOf(text)
	switch {
	case name == "":
		return errors.New("is no province: write one as in 江苏 or 内蒙古")
	case kind != "" && !slices.Contains(provinceKinds, kind):
		return fmt.Errorf("is more than a province: write %q, and the rest under city", name)
	}
	return addWord(t, name)
}

func addCity(t *term, text string) error {
	return addWord(t, cityName(strings.TrimSpace(text)))
}

func addCarrier(t *term, text string) error {
	name := strings.TrimPrefix(text, "中国")
	if err := oneOf(carriers, name); err != nil {
		return err
	}
	return addWord(t, name)
}
