package directory

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"callscreen/screening"
)

var (
	errDown  = errors.New("down")
	caller   = screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile}
	sales    = screening.Reputation{Category: screening.CategorySales, Label: "推销", Directory: "a"}
	fraud    = screening.Reputation{Category: screening.CategoryFraud, Label: "诈骗", Directory: "b"}
	vague    = screening.Reputation{Keep: 5 * time.Minute}
	lasting  = screening.Reputation{Keep: time.Hour}
	nobody   = screening.Reputation{}
	tenMins  = screening.Reputation{Keep: 10 * time.Minute}
	tooLate  = 400 * time.Millisecond
	inTime   = 399 * time.Millisecond
	hangs    = answer{after: time.Hour}
	refusing = answer{err: refusal{}}
)

// refusal says that nobody was asked.
type refusal struct{}

func (refusal) Error() string  { return "refused" }
func (refusal) Reason() string { return "budget" }
func (refusal) Unasked() bool  { return true }

// answer is a directory that gives one answer after a time.
type answer struct {
	r     screening.Reputation
	err   error
	after time.Duration
}

func (a answer) Lookup(ctx context.Context, _ screening.Number) (screening.Reputation, error) {
	select {
	case <-time.After(a.after):
		return a.r, a.err
	case <-ctx.Done():
		return nobody, ctx.Err()
	}
}

func TestList(t *testing.T) {
	tests := []struct {
		name    string
		answers []answer
		want    screening.Reputation
		reason  string // of the error
		unasked bool
		took    time.Duration
	}{
		{"the first knows", []answer{{r: sales}, {r: fraud}}, sales, "", false, 0},
		{"the first knows nothing", []answer{{}, {r: fraud}}, fraud, "", false, 0},
		{"the first fails fast", []answer{{err: errDown, after: inTime}, {r: fraud}}, fraud, "", false, inTime},
		{"the first fails slowly", []answer{{err: errDown, after: tooLate}, {r: fraud}}, nobody, "failed", false, tooLate},
		{"the first knows nothing, slowly", []answer{{after: tooLate}, {r: fraud}}, tenMins, "", false, tooLate},
		{"the first knows slowly", []answer{{r: sales, after: 700 * time.Millisecond}, {r: fraud}}, sales, "", false, 700 * time.Millisecond},
		{"the third knows", []answer{{}, {err: errDown}, {r: fraud}}, fraud, "", false, 0},
		{"nobody knows", []answer{{}, {}}, nobody, "", false, 0},
		{"nobody knows, one vaguely", []answer{{r: lasting}, {r: vague}, {r: lasting}}, vague, "", false, 0},
		{"one fails, one knows nothing", []answer{{err: errDown}, {}}, nobody, "failed", false, 0},
		{"one knows nothing, one fails", []answer{{}, {err: errDown}}, nobody, "failed", false, 0},
		{"an answer beside an error is none", []answer{{r: sales, err: errDown}}, nobody, "failed", false, 0},
		{"all refuse", []answer{refusing, refusing}, nobody, "budget", true, 0},
		{"one refuses, one knows nothing", []answer{refusing, {}}, nobody, "budget", false, 0},
		{"one refuses, one fails", []answer{refusing, {err: errDown}}, nobody, "budget", false, 0},
		{"one refuses, one knows", []answer{refusing, {r: fraud}}, fraud, "", false, 0},
		{"hangs", []answer{hangs, {r: fraud}}, nobody, "timeout", false, 800 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var o Options
				for _, a := range tt.answers {
					o.Directories = append(o.Directories, a)
				}
				l, err := New(o)
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
				defer cancel()
				started := time.Now()
				got, err := l.Lookup(ctx, caller)
				if !reflect.DeepEqual(got, tt.want) || screening.FailureReason(err) != tt.reason || time.Since(started) != tt.took {
					t.Errorf("Lookup = %+v, %v after %v; want %+v, %s after %v", got, err, time.Since(started), tt.want, tt.reason, tt.took)
				}
				if err != nil && unasked(err) != tt.unasked {
					t.Errorf("%v: unasked %v, want %v", err, unasked(err), tt.unasked)
				}
			})
		})
	}
}

func TestErrorNamesAll(t *testing.T) {
	l, err := New(Options{Directories: []screening.Directory{refusing, answer{err: errDown}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Lookup(t.Context(), caller)
	var r refusal
	if !errors.As(err, &r) || !errors.Is(err, errDown) || !strings.Contains(err.Error(), "refused; down") {
		t.Errorf("error = %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, o := range []Options{{}, {Directories: []screening.Directory{nil}}, {Directories: []screening.Directory{hangs}, Fast: -1}} {
		if _, err := New(o); err == nil {
			t.Errorf("New(%+v) took it", o)
		}
	}
}
