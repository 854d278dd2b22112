package http

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"callscreen/screening"
)

// placeholder is what may stand in braces. A name in quotes, as JSON has them, is
// none.
var placeholder = regexp.MustCompile(`\{[a-z0-9]+\}`)

// question makes requests.
type question struct {
	method, url, body string
	header            map[string]string // canonical names
	json              bool              // the body's kind
	key               string
}

func newQuestion(o Options) (question, error) {
	q := question{method: strings.ToUpper(o.Method), url: o.URL, body: o.Body, header: map[string]string{}, key: o.Key}
	for name, value := range o.Header {
		q.header[nethttp.CanonicalHeaderKey(name)] = value
	}
	return q, errors.Join(q.checkMethod(), q.checkURL(), q.checkBody(), q.checkKey(), q.checkHeader())
}

func (q *question) checkMethod() error {
	switch {
	case q.method == "" && q.body == "":
		q.method = nethttp.MethodGet
	case q.method == "":
		q.method = nethttp.MethodPost
	case q.method != nethttp.MethodGet && q.method != nethttp.MethodPost:
		return errors.New("method is neither get nor post")
	case q.method == nethttp.MethodGet && q.body != "":
		return errors.New("get has no body: write post")
	}
	return nil
}

// checkURL does not repeat the URL, which may hold a secret.
func (q *question) checkURL() error {
	if err := checkNames("url", q.url); err != nil {
		return err
	}
	scheme, rest, _ := strings.Cut(q.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	u, err := url.Parse(placeholder.ReplaceAllString(q.url, "0"))
	switch {
	case err != nil:
		return errors.New("url cannot be read")
	case scheme != "http" && scheme != "https" || u.Host == "":
		return errors.New("url needs http or https and a host")
	case strings.ContainsAny(host, "{}?#"):
		return errors.New("url has braces in its host, or no path")
	case u.User != nil:
		return errors.New("url holds a password: write a header")
	}
	return nil
}

// root is the address of the host alone.
func (q *question) root() string {
	scheme, rest, _ := strings.Cut(q.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host + "/"
}

func (q *question) checkBody() error {
	if q.body == "" {
		return nil
	}
	kind := strings.ToLower(q.header["Content-Type"])
	q.json = strings.Contains(kind, "json")
	switch {
	case kind == "":
		q.header["Content-Type"] = "application/x-www-form-urlencoded"
	case !q.json && !strings.Contains(kind, "form-urlencoded"):
		return errors.New("body is neither a form nor JSON by its Content-Type")
	}
	if err := checkNames("body", q.body); err != nil {
		return err
	}
	if q.json && !json.Valid([]byte(placeholder.ReplaceAllString(q.body, "0"))) {
		return errors.New("body is not JSON")
	}
	return nil
}

func (q *question) checkKey() error {
	if strings.ContainsFunc(q.key, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }) {
		return errors.New("key is not one word of printable ASCII")
	}
	if q.key == "" && q.uses("{key}") {
		return errors.New("there is no key for {key}")
	}
	return nil
}

func (q *question) checkHeader() error {
	for name, value := range q.header {
		if err := checkNames("header "+name, value); err != nil {
			return err
		}
		if strings.ContainsFunc(name+value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("header %q holds what a header cannot", name)
		}
	}
	return nil
}

func checkNames(where, text string) error {
	for _, name := range placeholder.FindAllString(text, -1) {
		switch name {
		case "{number}", "{national}", "{country}", "{e164}", "{key}":
		default:
			return fmt.Errorf("%s holds %s: write {number}, {national}, {country}, {e164} or {key}", where, name)
		}
	}
	return nil
}

// uses reports whether a placeholder stands anywhere.
func (q *question) uses(name string) bool {
	for _, value := range q.header {
		if strings.Contains(value, name) {
			return true
		}
	}
	return strings.Contains(q.url, name) || strings.Contains(q.body, name)
}

// request builds the question for n. It is nil when n cannot be asked for.
func (q *question) request(ctx context.Context, n screening.Number) (*nethttp.Request, error) {
	values := map[string]string{
		"{number}": n.Digits, "{national}": n.National(), "{country}": n.Country, "{e164}": e164(n), "{key}": q.key,
	}
	for name, value := range values {
		if value == "" && q.uses(name) {
			return nil, nil
		}
	}
	fill := func(text string, escape func(string) string) string {
		return placeholder.ReplaceAllStringFunc(text, func(name string) string { return escape(values[name]) })
	}
	escape := url.QueryEscape
	if q.json {
		escape = jsonEscape
	}
	req, err := nethttp.NewRequestWithContext(ctx, q.method, fill(q.url, url.QueryEscape), strings.NewReader(fill(q.body, escape)))
	if err != nil {
		return nil, &Error{Detail: "question cannot be built", reason: "request"} // err holds the url
	}
	for name, value := range q.header {
		req.Header.Set(name, fill(value, func(s string) string { return s }))
	}
	return req, nil
}

// e164 returns n as the world dials it: "+8657156264805"; empty without a calling code.
func e164(n screening.Number) string {
	switch {
	case n.Country == "":
		return ""
	case n.Class == screening.ClassLandline:
		return "+" + n.Country + strings.TrimPrefix(n.National(), "0")
	}
	return "+" + n.Country + n.National()
}

// jsonEscape writes s as it stands within quotes.
func jsonEscape(s string) string {
	b, err := json.Marshal(s)
	if err != nil { // a string always encodes
		return ""
	}
	return string(b[1 : len(b)-1])
}
