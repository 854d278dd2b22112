package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// form is how a receiver wants its events.
type form interface {
	request(i *item, now time.Time) (*http.Request, error)
	check(reply []byte) error // of an answer with a status of success
}

func newForm(o Options) (form, error) {
	switch o.Form {
	case "", "json":
		return newSigned(o)
	case "wecom":
		return &robot{o: o, limit: 4096}, nil
	case "dingtalk":
		return &robot{o: o, limit: 20_000, dingtalk: true}, nil
	}
	return nil, fmt.Errorf("notify: form %q: want json, wecom or dingtalk", o.Form)
}

// signed is an event as JSON, signed as Standard Webhooks has it
// (https://www.standardwebhooks.com): webhook-signature is "v1," and the base64 of the
// HMAC-SHA256 of "webhook-id.webhook-timestamp.body". The id stays the same when an
// event is sent again.
type signed struct {
	o   Options
	key []byte
}

func newSigned(o Options) (*signed, error) {
	encoded, prefixed := strings.CutPrefix(o.Secret, "whsec_")
	if !prefixed {
		return &signed{o, []byte(o.Secret)}, nil
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("notify: secret behind whsec_ is not base64")
	}
	return &signed{o, key}, nil
}

// maxText is how long the text of an event may be.
const maxText = 64 << 10

func (s *signed) request(i *item, now time.Time) (*http.Request, error) {
	body, err := json.Marshal(struct {
		V int `json:"v"`
		Event
		Title string `json:"title"`
		Text  string `json:"text"`
	}{1, i.event, i.event.Title(s.o.Language), i.event.Text(s.o.Language, maxText)})
	if err != nil {
		return nil, err
	}
	req, err := post(s.o.URL, body)
	if err != nil || len(s.key) == 0 {
		return req, err
	}
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("Webhook-Id", i.id)
	req.Header.Set("Webhook-Timestamp", stamp)
	req.Header.Set("Webhook-Signature", "v1,"+sum(s.key, i.id+"."+stamp+"."+string(body)))
	return req, nil
}

func (s *signed) check([]byte) error { return nil }

// robot is a robot of a group in 企业微信 or 钉钉. The first has its secret in the URL;
// the second is signed in the URL, https://open.dingtalk.com/document/robots/customize-robot-security-settings.
type robot struct {
	o        Options
	limit    int // bytes of text
	dingtalk bool
}

func (r *robot) request(i *item, now time.Time) (*http.Request, error) {
	text := i.event.Text(r.o.Language, r.limit)
	markdown := map[string]string{"content": text}
	address := r.o.URL
	if r.dingtalk {
		markdown = map[string]string{"title": i.event.Title(r.o.Language), "text": text}
		if r.o.Secret != "" {
			address = r.sign(now)
		}
	}
	body, err := json.Marshal(map[string]any{"msgtype": "markdown", "markdown": markdown})
	if err != nil {
		return nil, err
	}
	return post(address, body)
}

func (r *robot) sign(now time.Time) string {
	stamp := strconv.FormatInt(now.UnixMilli(), 10)
	query := url.Values{"timestamp": {stamp}, "sign": {sum([]byte(r.o.Secret), stamp+"\n"+r.o.Secret)}}.Encode()
	if strings.Contains(r.o.URL, "?") {
		return r.o.URL + "&" + query
	}
	return r.o.URL + "?" + query
}

// busy are the codes of errors that pass: the system is busy, or too much was sent.
var busy = map[int]bool{-1: true, 45009: true, 130101: true, 130103: true}

// check reads the code that a robot answers with, whatever the status.
func (r *robot) check(reply []byte) error {
	var answer struct {
		Code *int   `json:"errcode"`
		Text string `json:"errmsg"`
	}
	if err := json.Unmarshal(reply, &answer); err != nil || answer.Code == nil {
		return &refusal{why: "answer without errcode", again: true}
	}
	if *answer.Code == 0 {
		return nil
	}
	why := fmt.Sprintf("errcode %d", *answer.Code)
	return &refusal{why: why, again: busy[*answer.Code], after: time.Minute}
}

func post(address string, body []byte) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request cannot be made") // the error names the URL
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "callscreen")
	return req, nil
}

func sum(key []byte, text string) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}
