package juhe

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"callscreen/screening"
)

const formType = "application/x-www-form-urlencoded"

// landlineFormat is how a landline's area code is written in a question, shown
// on Hangzhou's 0571.
type landlineFormat string

const (
	areaWithZero    landlineFormat = "0571…"
	areaWithoutZero landlineFormat = "571…"
	areaHyphen      landlineFormat = "0571-…"
)

func (f landlineFormat) valid() bool {
	return f == areaWithZero || f == areaWithoutZero || f == areaHyphen
}

// write puts the normal form of a landline, 0 + area code + number, into f.
func (f landlineFormat) write(number string) string {
	switch f {
	case areaWithoutZero:
		return strings.TrimPrefix(number, "0")
	case areaHyphen:
		if area := areaLength(number); len(number) > area {
			return number[:area] + "-" + number[area:]
		}
	}
	return number
}

// areaLength is the length of an area code with its 0: 010 and 02x have three
// digits, all others four.
func areaLength(number string) int {
	if strings.HasPrefix(number, "01") || strings.HasPrefix(number, "02") {
		return 3
	}
	return 4
}

// mobile writes n as the parameter of that name wants it: without calling code.
func (c *Client) mobile(n screening.Number) string {
	if n.Class == screening.ClassLandline {
		return c.landline.write(n.National())
	}
	return n.National()
}

// request builds the one question for n. Its key is in the body of a POST or in
// the query of a GET, and never in a header.
func (c *Client) request(ctx context.Context, n screening.Number) (*http.Request, error) {
	mobile := c.mobile(n)
	if !digits(strings.Replace(mobile, "-", "", 1)) {
		return nil, &Error{Class: ClassRequest, Detail: "number has no digits to ask for"}
	}
	country := n.Country
	if country == "" {
		country = c.country
	}
	form := url.Values{"key": {c.key}, "mobile": {mobile}, "country": {country}}
	req, err := c.newRequest(ctx, form)
	if err != nil {
		return nil, &Error{Class: ClassConfig, Detail: "question cannot be built"} // err may hold the url and its key
	}
	req.Header.Set("Content-Type", formType)
	return req, nil
}

func (c *Client) newRequest(ctx context.Context, form url.Values) (*http.Request, error) {
	if !c.get {
		return http.NewRequestWithContext(ctx, http.MethodPost, c.url.String(), strings.NewReader(form.Encode()))
	}
	target := *c.url
	query := target.Query()
	for name, values := range form {
		query[name] = values
	}
	target.RawQuery = query.Encode()
	return http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
}

// digits reports whether s is one or more ASCII digits.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
