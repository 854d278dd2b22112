package store

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

var replayed = flag.Int("replay", 2000, "calls that are judged again")

// What the record says was decided is what the policy of then decides on the facts of
// the record, for every call.
func TestReplay(t *testing.T) {
	text, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policy, err := screening.ParsePolicy("policy.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{File: filepath.Join(t.TempDir(), "record.db")})
	o := newOffice(*replayed)
	actions := map[screening.Action]int{}
	for n := range *replayed {
		d := o.call()
		d.Call.Name = hostile[n%len(hostile)]
		d.Verdict = policy.Decide(d.Facts())
		actions[d.Verdict.Action]++
		for s.State().Queued > 7000 {
			time.Sleep(time.Millisecond)
		}
		s.Record(d)
	}
	written(t, s, uint64(*replayed))
	start, same := time.Now(), 0
	err = s.Each(t.Context(), Filter{}, func(r *audit.Record) error {
		if again := policy.Decide(r.Decision.Facts()); reflect.DeepEqual(again, r.Decision.Verdict) {
			same++
		}
		return nil
	})
	if err != nil || same != *replayed || len(actions) < 2 {
		t.Errorf("%d of %d verdicts are the same, %v, of actions %v; want all, of several", same, *replayed, err, actions)
	}
	t.Logf("%d calls judged again in %v", same, time.Since(start))
}
