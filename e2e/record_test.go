package e2e

import (
	"bytes"
	"encoding/json"
	"slices"
)

// entry is what tests read of a line of the record (docs/record.md).
type entry struct {
	V       int     `json:"v"`
	Event   string  `json:"event"`
	Call    string  `json:"call"`
	Trunk   string  `json:"trunk"`
	From    string  `json:"from"`
	Source  string  `json:"source"`
	Verdict string  `json:"verdict"`
	Rule    string  `json:"rule"`
	Status  int     `json:"status"`
	Failed  string  `json:"failed"`
	Took    float64 `json:"took"`
	Mode    string  `json:"mode"`
	Policy  string  `json:"policy"`
	Final   int     `json:"final"`
	EndedBy string  `json:"ended_by"`
}

// record returns the decisions of a record file.
func (o *office) record(name string) []entry {
	o.t.Helper()
	return slices.DeleteFunc(o.recordLines(name), func(e entry) bool { return e.Event != "decision" })
}

// recordLines returns the lines of a record file, as far as they are whole.
func (o *office) recordLines(name string) (all []entry) {
	o.t.Helper()
	for line := range bytes.Lines([]byte(o.read(name))) {
		var e entry
		switch err := json.Unmarshal(line, &e); {
		case !bytes.HasSuffix(line, []byte("\n")): // still being written
		case err != nil || e.V != 1:
			o.t.Errorf("%s: %v: %q", name, err, line)
		default:
			all = append(all, e)
		}
	}
	return all
}

// recorded returns the line of a call, once it is there.
func (o *office) recorded(id string) (found entry) {
	o.t.Helper()
	o.eventually("a line of the record for "+id, func() bool {
		for _, e := range o.record("record.jsonl") {
			if e.Call == id {
				found = e
				return true
			}
		}
		return false
	})
	return found
}
