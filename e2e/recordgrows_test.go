package e2e

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestRecordsGrow: one record a call, from its decision to its end.
func TestRecordsGrow(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{})
	d, invite := o.ring(cleanNumber)
	const ring, talk = 200 * time.Millisecond, 300 * time.Millisecond
	time.Sleep(ring)
	o.pbx.send(invite.answer("200 OK"))
	o.carrier.send(d.ack(o.carrier.want("SIP/2.0 200 ")))
	o.pbx.want("ACK ")
	time.Sleep(talk)
	o.hangUp(d, o.pbx)

	type call struct {
		Final   int     `json:"final"`
		Ring    float64 `json:"ring"`
		Talk    float64 `json:"talk"`
		EndedBy string  `json:"ended_by"`
	}
	var got call
	o.eventually("the end of the call in the database", func() bool {
		out, _ := o.command("audit", "export") // it fails as long as there is no call
		if strings.Count(out, "\n") > 1 {
			t.Fatalf("one call, recorded as %s", out)
		}
		return json.Unmarshal([]byte(out), &got) == nil && got.EndedBy != ""
	})
	if got.Final != 200 || got.Ring < ring.Seconds() || got.Talk < talk.Seconds() || got.EndedBy != "caller" {
		t.Errorf("recorded %+v; want 200, at least %v of ringing and %v of talk, ended by the caller", got, ring, talk)
	}
	o.eventually("the line of its end", func() bool { return strings.Contains(o.read("record.jsonl"), `"event":"end"`) })
	events := map[string]int{}
	for line := range strings.Lines(o.read("record.jsonl")) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Error(err)
		}
		events[e.Event]++
	}
	if len(events) != 3 || events["decision"] != 1 || events["answer"] != 1 || events["end"] != 1 {
		t.Errorf("lines %v; want a decision, an answer and an end", events)
	}
}
