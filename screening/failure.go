package screening

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/rs/zerolog"
)

// ErrPanic reports that a [Directory] or a [Policy] panicked, which costs its call
// the screening and nothing else.
var ErrPanic = errors.New("screening: panic")

// FailureReason names why a lookup brought no answer, in one word of a closed set,
// for records and metrics: timeout, canceled, panic, what a Reason method of err
// says (quota, key, throttled, upstream, request, rate, budget), or failed where
// nothing fits.
// It is empty for nil.
func FailureReason(err error) string {
	var r interface{ Reason() string }
	switch {
	case err == nil:
		return ""
	case errors.As(err, &r):
		return r.Reason()
	case errors.Is(err, ErrPanic):
		return "panic"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "failed"
}

// unasked reports whether the directory that err comes from sent no question, so
// that err says nothing about the number.
func unasked(err error) bool {
	var u interface{ Unasked() bool }
	return errors.As(err, &u) && u.Unasked()
}

// caught makes an error of what recover returned. The log gets the stack, which
// exists nowhere else.
func caught(p any, log *zerolog.Logger) error {
	err := fmt.Errorf("%w: %v", ErrPanic, p)
	log.Error().Str("err", fmt.Sprintf("%v\n%s", err, debug.Stack())).Msg("screening panicked")
	return err
}
