package audit

import (
	"time"

	"callscreen/screening"
)

// Record is all that is kept of one call: the decision with the facts it was made
// on, and how the call went on. Ending fields are zero as long as nothing is known.
type Record struct {
	ID       int64              // of the database, rising in the order of decisions
	Numbers  string             // how numbers are written in it: Full, Mask or Hash
	Decision screening.Decision // Failed holds no more than its reason
	Final    int                // SIP status of the final answer
	Ring     time.Duration      // how long a phone rang
	Answered time.Time          // when the 2xx passed
	Ended    time.Time          // when the refusal or the BYE passed
	EndedBy  screening.Party
}

// Talk returns how long the call lasted from its answer to its end; zero while it
// lasts, and for a call that nobody answered.
func (r *Record) Talk() time.Duration {
	if r.Answered.IsZero() || r.Ended.IsZero() {
		return 0
	}
	return max(0, r.Ended.Sub(r.Answered))
}

// To returns the called number in normal form, or as the carrier wrote it when it
// is no number.
func (r *Record) To() string { return calledNumber(&r.Decision) }

func calledNumber(d *screening.Decision) string {
	if d.Called.Digits != "" {
		return d.Called.Digits
	}
	return d.Call.To
}
