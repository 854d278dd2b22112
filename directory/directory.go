// Package directory asks several directories for one answer.
//
// It knows their order and what the time of a call allows, and nothing of what
// they are or how they are asked.
package directory

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"callscreen/screening"
)

// incompleteKeep is how long "nothing known" keeps when not all were asked.
const incompleteKeep = 10 * time.Minute

// Options configures a [List]. A zero field takes the default named beside it.
type Options struct {
	Directories []screening.Directory // required, in the order in which they are asked
	Fast        time.Duration         // the next is asked only within this from the start; default 400ms, half the budget of a call is right
}

// List is a [screening.Directory] of several, asked one after the other until one
// knows the number. It is safe for concurrent use if they are.
type List struct {
	directories []screening.Directory
	fast        time.Duration
}

// New returns a List, or says which option is wrong.
func New(o Options) (*List, error) {
	if len(o.Directories) == 0 {
		return nil, errors.New("directory: list without directories")
	}
	for _, d := range o.Directories {
		if d == nil {
			return nil, errors.New("directory: list with a directory that is nil")
		}
	}
	if o.Fast < 0 {
		return nil, errors.New("directory: fast is negative")
	}
	return &List{o.Directories, cmp.Or(o.Fast, 400*time.Millisecond)}, nil
}

// Lookup returns the answer of the first directory that knows n. One that knows
// nothing, or fails, leaves it to the next, as long as that has half of the call's
// time. Nobody knows n only when nobody failed; else the error is an [*Error] with
// all that went wrong. When the time was over before all were asked, that nobody
// knew keeps for ten minutes.
func (l *List) Lookup(ctx context.Context, n screening.Number) (screening.Reputation, error) {
	started := time.Now()
	nothing, failed, asked := screening.Reputation{}, []error(nil), false
	for i, d := range l.directories {
		if i > 0 && (time.Since(started) >= l.fast || ctx.Err() != nil) {
			nothing = shorter(nothing, incompleteKeep)
			break
		}
		r, err := d.Lookup(ctx, n)
		switch {
		case err != nil:
			failed, asked = append(failed, err), asked || !unasked(err)
		case r.Known():
			return r, nil
		default:
			asked = true
			if r.Keep > 0 {
				nothing = shorter(nothing, r.Keep)
			}
		}
	}
	if failed != nil {
		return screening.Reputation{}, &Error{failed, asked}
	}
	return nothing, nil
}

// shorter returns r with a Keep of at most keep.
func shorter(r screening.Reputation, keep time.Duration) screening.Reputation {
	if r.Keep == 0 || keep < r.Keep {
		r.Keep = keep
	}
	return r
}

func unasked(err error) bool {
	var u interface{ Unasked() bool }
	return errors.As(err, &u) && u.Unasked()
}

// Error is what went wrong with the directories of a List. Its reason is that of
// the first, see [screening.FailureReason].
type Error struct {
	errs  []error
	asked bool
}

// Error names all of them.
func (e *Error) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns the errors in the order of the directories.
func (e *Error) Unwrap() []error { return e.errs }

// Unasked reports that none of the directories was asked.
func (e *Error) Unasked() bool { return !e.asked }
