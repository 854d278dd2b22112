package audit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"
)

const (
	pruneFirst = 10 * time.Minute // after the start: clocks of small machines are set by then
	pruneEvery = 24 * time.Hour
	clockSlack = time.Hour
)

// Retain has prune delete what is old, every day until ctx ends; now is what the clock
// says. A clock that jumped since the last time is not believed before the next, so that
// one that is wrong for an hour costs nothing.
func Retain(ctx context.Context, log zerolog.Logger, prune func(now time.Time)) {
	last := time.Now()
	for wait := pruneFirst; ; wait = pruneEvery {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		now := time.Now()
		wall := now.Round(0).Sub(last.Round(0)) // Round takes the monotonic clock off
		if jumped(wall, now.Sub(last)) {
			log.Warn().Msg("clock was set: nothing old of the record is deleted today")
		} else {
			prune(now)
		}
		last = now
	}
}

// jumped reports whether the clock on the wall went otherwise than time did.
func jumped(wall, passed time.Duration) bool { return (wall - passed).Abs() > clockSlack }

// setAsideLayout is the time in the name of a file that was set aside.
const setAsideLayout = "2006-01-02T15-04-05.000"

// prune deletes the files that were set aside before a time.
func (f files) prune(before time.Time) error {
	entries, err := os.ReadDir(filepath.Dir(f.path))
	errs := []error{err}
	for _, e := range entries {
		if at, ok := f.setAside(e.Name()); ok && at.Before(before) {
			err := os.Remove(filepath.Join(filepath.Dir(f.path), e.Name()))
			if !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// setAside returns when the file of a name was set aside, if it was.
func (f files) setAside(name string) (at time.Time, ok bool) {
	ext := filepath.Ext(f.path)
	rest, ours := strings.CutPrefix(name, strings.TrimSuffix(filepath.Base(f.path), ext)+"-")
	rest, whole := strings.CutSuffix(rest, ext)
	if !ours || !whole || len(rest) <= len(setAsideLayout) || rest[len(setAsideLayout)] != '-' {
		return at, false
	}
	at, err := time.ParseInLocation(setAsideLayout, rest[:len(setAsideLayout)], time.Local)
	return at, err == nil
}
