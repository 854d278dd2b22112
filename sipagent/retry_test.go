package sipagent

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"callscreen/screening"
)

// counting is a directory of sellers that counts who asks.
type counting struct{ asked atomic.Int64 }

func (c *counting) Lookup(context.Context, screening.Number) (screening.Reputation, error) {
	c.asked.Add(1)
	return screening.Reputation{Category: screening.CategorySales}, nil
}

// A carrier that tries a refused call again, with the tag and number of a new
// request or by another Call-ID, gets the same answer at the cost of no query.
func TestCarrierTriesAgain(t *testing.T) {
	p, err := screening.ParsePolicy("p", []byte("mode: enforce\nrules:\n  - {id: sales, when: {category: sales}, action: reject, kind: busy}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var d counting
	decided := make(chan screening.Decision, 9)
	r := newRig(t, engineBy(t, p, &d), func(o *Options) { o.Recorder = recordFunc(func(d screening.Decision) { decided <- d }) })
	refuse := func(c *call, branch string) screening.Decision {
		t.Helper()
		r.carrier.send(c.request("INVITE", branch))
		r.carrier.want("SIP/2.0 100")
		no := r.carrier.want("SIP/2.0 486 Busy Here")
		to := c.to
		c.to = no.header("To")
		r.carrier.send(c.request("ACK", branch))
		c.to = to
		return <-decided
	}
	c := r.carrier.newCall("first")
	if got := refuse(c, ""); got.Source != screening.SourceQuery {
		t.Fatalf("the first attempt was decided from %v", got.Source)
	}
	time.Sleep(time.Millisecond) // what the cache knew has run out
	c.from, c.cseq = c.from+"-2", 2
	again := refuse(c, "again")
	other := refuse(r.carrier.newCall("second"), "")
	for _, got := range []screening.Decision{again, other} {
		if got.Source != screening.SourceRetry || got.Verdict.Why != "tried again: sales" || got.Verdict.Rule != "sales" {
			t.Errorf("another attempt is recorded as %+v from %v", got.Verdict, got.Source)
		}
	}
	if n := d.asked.Load(); n != 1 {
		t.Errorf("%d queries, want 1", n)
	}
	r.quiet()
}
