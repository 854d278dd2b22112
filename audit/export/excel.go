package export

import (
	"strconv"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// columns have the names that docs/record.md gives them.
var columns = []string{
	"time", "id", "call", "trunk", "from", "class", "name", "header", "withheld", "to",
	"category", "label", "marks", "place", "source", "age",
	"verdict", "rule", "why", "status", "target", "display", "shadow", "shadow_rule", "failed", "took", "policy", "mode",
	"final", "ring", "answered", "ended", "talk", "ended_by",
}

// columns returns the cells of a record, under the names above.
func (t table) columns(r *audit.Record) []string {
	d, rep, v := &r.Decision, &r.Decision.Reputation, &r.Decision.Verdict
	age, ring, talk, shadow := "", "", "", ""
	if d.Source == screening.SourceCache || d.Source == screening.SourceStale {
		age = strconv.FormatInt(int64(d.Age/time.Second), 10)
	}
	if d.Shadow.Rule != "" {
		shadow = d.Shadow.Action.String()
	}
	if r.Final != 0 {
		ring = seconds(r.Ring)
	}
	if !r.Ended.IsZero() {
		talk = seconds(r.Talk())
	}
	return []string{
		t.stamp(d.Call.At), strconv.FormatInt(r.ID, 10), inert(d.Call.ID), inert(d.Call.Trunk), digits(t.number(r)), inert(string(d.Number.Class)),
		inert(t.name(r)), inert(d.Call.Header), strconv.FormatBool(d.Call.Withheld), digits(r.To()),
		inert(string(rep.Category)), inert(rep.Label), count(rep.Marks), inert(rep.Place), inert(string(d.Source)), age,
		v.Action.String(), inert(v.Rule), inert(t.own(r, v.Why)), count(v.Status), inert(v.Target), inert(t.own(r, v.Label)),
		shadow, inert(d.Shadow.Rule), inert(screening.FailureReason(d.Failed)), strconv.FormatFloat(float64(d.Took.Microseconds())/1000, 'f', -1, 64), inert(d.Policy), d.Mode.String(),
		count(r.Final), ring, t.stamp(r.Answered), t.stamp(r.Ended), talk, inert(string(r.EndedBy)),
	}
}

// count returns a number that is empty when there is nothing to count.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func seconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Milliseconds())/1000, 'f', -1, 64)
}
