package juhe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// What a caller can do about an error, for [errors.Is]. Each stands for a [Class].
var (
	ErrKey       = errors.New("juhe: key or service refused")     // ClassConfig
	ErrQuota     = errors.New("juhe: quota used up")              // ClassQuota
	ErrThrottled = errors.New("juhe: too many queries at a time") // ClassThrottle
	ErrUpstream  = errors.New("juhe: service in trouble")         // ClassUpstream
	ErrRequest   = errors.New("juhe: question not understood")    // ClassRequest
	ErrRate      = errors.New("juhe: own rate limit reached")     // ClassRate
	ErrBudget    = errors.New("juhe: own budget used up")         // ClassBudget
)

// Class groups errors by what mends them.
type Class string

// The classes of errors.
const (
	ClassConfig   Class = "config"   // a person must see to the key, the account or the URL
	ClassQuota    Class = "quota"    // over until the next day, Asia/Shanghai
	ClassThrottle Class = "throttle" // slow down
	ClassUpstream Class = "upstream" // passes by itself: network, server, or a reply that is none
	ClassRequest  Class = "request"  // the question was wrong; asking again is no use
	ClassRate     Class = "rate"     // more queries a second than Options.Rate
	ClassBudget   Class = "budget"   // more queries a day or month than Options.Budget
)

// sentinel and reason of every class.
var classes = map[Class]struct {
	sentinel error
	reason   string
}{
	ClassConfig:   {ErrKey, "key"},
	ClassQuota:    {ErrQuota, "quota"},
	ClassThrottle: {ErrThrottled, "throttled"},
	ClassUpstream: {ErrUpstream, "upstream"},
	ClassRequest:  {ErrRequest, "request"},
	ClassRate:     {ErrRate, "rate"},
	ClassBudget:   {ErrBudget, "budget"},
}

// Error says why a question brought no answer. Nothing in it comes from the
// server but numbers, so it never holds the key.
type Error struct {
	Class  Class
	Code   int           // Juhe's error_code; 0: it gave none
	Status int           // the HTTP status when it was not 200; else 0
	Retry  time.Duration // how long Retry-After asks to be left alone; 0: it does not
	Detail string        // what went wrong, in fixed words
	Cause  error         // what the network reported; nil when the reply itself is the error
	Until  time.Time     // when a query may be sent again; zero: this one was sent

	reason string // of a query that was not sent because of another's error
	unsent bool   // the network failed before the question left
}

// Error returns one line without key, number or URL.
func (e *Error) Error() string {
	text := "juhe: " + e.Detail
	if e.Code != 0 {
		text += fmt.Sprintf(" (error %d)", e.Code)
	}
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the network's error, if there is one.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes an Error match the sentinel of its class.
func (e *Error) Is(target error) bool { return target == classes[e.Class].sentinel }

// Reason returns one of timeout, key, quota, throttled, upstream, request, rate
// and budget, for records and metrics. A query that is not sent because others
// failed has their reason.
func (e *Error) Reason() string {
	var slow net.Error
	switch {
	case e.reason != "":
		return e.reason
	case errors.As(e.Cause, &slow) && slow.Timeout():
		return "timeout"
	}
	return classes[e.Class].reason
}

// Unasked reports that no query was sent, so that the error says nothing about
// the number.
func (e *Error) Unasked() bool { return !e.Until.IsZero() }

// errBroken is what a query comes to that panics.
var errBroken = &Error{Class: ClassUpstream, Detail: "asking broke off"}

// canceled reports that the caller gave up, which says nothing about Juhe.
type canceled struct{ doing string }

func (e *canceled) Error() string { return "juhe: " + e.doing + ": canceled" }
func (e *canceled) Unwrap() error { return context.Canceled }

// Codes that are no error.
const (
	codeSuccess     = 0
	codeQueryFailed = 251103 // 查询失败: asked, and nothing found
)

// codes are the documented values of error_code that are errors.
var codes = map[int]struct {
	class  Class
	detail string
}{
	10001:  {ClassConfig, "wrong key"},
	10002:  {ClassConfig, "key has no permission for this service"},
	10003:  {ClassConfig, "key has expired"},
	10004:  {ClassConfig, "wrong openid"},
	10005:  {ClassConfig, "application not approved in time"},
	10007:  {ClassConfig, "unknown source of the query"},
	10008:  {ClassConfig, "this address is forbidden"},
	10009:  {ClassConfig, "key is forbidden"},
	10011:  {ClassThrottle, "too many queries from this address"},
	10012:  {ClassQuota, "quota used up"},
	10013:  {ClassQuota, "quota of the test key used up"},
	10014:  {ClassUpstream, "internal error"},
	10020:  {ClassUpstream, "service under maintenance"},
	10021:  {ClassConfig, "service has ended"},
	251101: {ClassUpstream, "network error behind the service"},
	251102: {ClassRequest, "wrong parameter"},
}

// codeError is the Error of an error_code. One that is not documented stops
// queries as a wrong key does: whatever it means, it may cost money.
func codeError(code int) *Error {
	c, ok := codes[code]
	if !ok {
		return &Error{Class: ClassConfig, Code: code, Detail: "undocumented error"}
	}
	return &Error{Class: c.class, Code: code, Detail: c.detail}
}

// statusError is the Error of a reply whose HTTP status is not 200. Such a reply
// never is an answer, even if its body reads like one: who sent it is unknown. A
// documented error code in the body is better evidence than the status, since
// only Juhe writes those, and decides the class.
func statusError(resp *http.Response, body []byte) *Error {
	e := &Error{Class: statusClass(resp.StatusCode), Detail: "answer refused"}
	if code, ok := documentedCode(body); ok {
		e = codeError(code)
	}
	e.Status = resp.StatusCode
	if e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable {
		e.Retry = retryAfter(resp.Header)
	}
	return e
}

func statusClass(status int) Class {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return ClassConfig
	case status == http.StatusTooManyRequests:
		return ClassThrottle
	case status >= 400 && status < 500 && status != http.StatusRequestTimeout:
		return ClassRequest
	}
	return ClassUpstream
}

// documentedCode finds the code of an error that is in the document.
func documentedCode(body []byte) (int, bool) {
	reply, err := parse(body)
	if err != nil {
		return 0, false
	}
	code, err := errorCode(reply)
	if err != nil {
		return 0, false
	}
	_, ok := codes[code]
	return code, ok
}
