package juhe

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"callscreen/screening/guard"
)

// How long no query is sent after an error. The one that is let through when the
// time is over decides whether it begins anew.
const (
	configPause   = 15 * time.Minute // a person must act first
	throttlePause = time.Minute      // doubled every time in a row
	throttleMost  = 15 * time.Minute
	retryMost     = time.Hour // of what Retry-After asks for
)

// shanghai is the provider's time zone. It has had no summer time since 1991.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// State is how Juhe stands; see [guard.State].
type State = guard.State

// reaction is what err tells about Juhe. Whatever it says of one question shows that
// it answers.
func reaction(err error, now time.Time) guard.Outcome {
	var e *Error
	if err != nil && !errors.As(err, &e) { // the caller has left
		return guard.Outcome{Err: err, Void: true}
	}
	o := guard.Outcome{Err: err}
	switch {
	case err == nil, e.Class == ClassRequest && e.Status == 0:
		return guard.Outcome{}
	case e.Class == ClassConfig:
		o.Pause, o.Grave = configPause, true
	case e.Class == ClassQuota:
		o.Pause, o.Grave = untilReset(now), true
	case e.Retry > 0:
		o.Pause = min(e.Retry, retryMost)
	case e.Class == ClassThrottle:
		o.Pause, o.Most = throttlePause, throttleMost
	}
	return o
}

// untilReset is how long a spent quota stays so: until midnight in Shanghai. In
// the quarter of an hour after it Juhe's clock may not be there yet.
func untilReset(now time.Time) time.Duration {
	now = now.In(shanghai)
	year, month, day := now.Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, shanghai)
	if quarter := midnight.Add(15 * time.Minute); now.Before(quarter) {
		return quarter.Sub(now)
	}
	return midnight.AddDate(0, 0, 1).Sub(now)
}

// refused is the Error of a query that guard does not let through.
func refused(err error) error {
	var r *guard.Refusal
	var cause *Error
	switch {
	case !errors.As(err, &r):
		return err
	case errors.Is(r, guard.ErrRate):
		return &Error{Class: ClassRate, Detail: "more queries than allowed a second", Until: r.Until}
	case !errors.As(r, &cause):
		cause = &Error{Class: ClassUpstream, Detail: r.Cause.Error()}
	}
	return &Error{
		Class: cause.Class, Code: cause.Code, Status: cause.Status, reason: r.Reason(), Until: r.Until,
		Detail: "not asked before " + r.Until.Format(time.RFC3339) + ": " + cause.Detail,
	}
}

// retryAfter reads how long a server asks to be left alone (RFC 9110, 10.2.3): in
// seconds, or until a time by the clock of the reply's own Date; 0: it does not.
func retryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), maxNum)) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return max(until.Sub(now), 0)
}
