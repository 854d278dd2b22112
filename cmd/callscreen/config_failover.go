package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"callscreen/sipagent"
)

// failoverConfig says what becomes of a call whose target does not take it.
type failoverConfig struct {
	After  time.Duration `yaml:"after"`
	Status int           `yaml:"status"`
}

func defaultFailover() failoverConfig { return failoverConfig{After: 3 * time.Second, Status: 480} }

// defaultProbe is how often the PBX is asked whether it is there.
const defaultProbe = 10 * time.Second

// failover checks when calls go on to another target, and how it is found out
// who is there.
func (k checker) failover() {
	f := k.c.Failover
	k.within("after", f.After, 100*time.Millisecond, 30*time.Second, "failover", "after")
	if !slices.Contains(sipagent.FailoverStatuses(), f.Status) {
		k.doc.Report(fmt.Sprintf("status is %d", f.Status), "write "+choice(sipagent.FailoverStatuses()), "failover", "status")
	}
	k.probe(k.c.PBX.Probe, "pbx")
	for i, t := range k.c.Trunks {
		k.probe(t.Probe, "trunks", i)
	}
}

func (k checker) probe(every time.Duration, path ...any) {
	if every != 0 {
		k.within("probe", every, time.Second, time.Hour, append(path, "probe")...)
	}
}

// choice writes numbers as in "1, 2 or 3".
func choice(numbers []int) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, strconv.Itoa(n))
	}
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}
