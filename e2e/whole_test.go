package e2e

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

var reloads = flag.Int("reloads", 200, "how often TestCallsHaveOnePolicy sends SIGHUP")

// policyOf is a policy whose rule and label have its name; it takes a while to read.
func policyOf(name string) string {
	return fmt.Sprintf(`mode: enforce
rules:
  - {id: %[1]s, when: {number: ["130*"]}, action: tag, label: "%[1]s"}
# %[2]s
`, name, strings.Repeat(name, 50_000))
}

// Two policies change places while calls come in, a SIGHUP each time: every call is
// judged by the one or the other, as a whole.
func TestCallsHaveOnePolicy(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{policy: policyOf("even")})
	all := newStrangers(o)
	seen, mixed := map[string]int{}, 0
	all.mu.Lock()
	all.seen = func(m message) {
		name, _, _ := strings.Cut(strings.TrimPrefix(m.header("From"), `"`), " ")
		seen[name]++
		if m.header("X-Call-Screen") != "tag;rule="+name {
			if mixed++; mixed == 1 {
				t.Errorf("a call has the label of one policy and the rule of another: %s, %s", m.header("From"), m.header("X-Call-Screen"))
			}
		}
	}
	all.mu.Unlock()
	done := make(chan struct{})
	go func() { // ends after so many reloads
		defer close(done)
		for i := range *reloads {
			name := []string{"odd", "even"}[i%2]
			o.write("policy.next", policyOf(name))
			if err := os.Rename(o.file("policy.next"), o.file("policy.yaml")); err != nil {
				t.Error(err)
			}
			if err := o.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Error(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	all.during(rate, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	all.arrive()
	o.stop()
	reloaded := strings.Count(o.read("stderr"), "policy in force: ")
	t.Logf("%d SIGHUP, %d times another policy in force: %d calls, all reached the PBX, by each policy %v, %d by both", *reloads, reloaded, len(all.order), seen, mixed)
	if seen["even"] == 0 || seen["odd"] == 0 || len(seen) != 2 {
		t.Errorf("calls were judged %v; want some by each policy, and none by any other", seen)
	}
	if strings.Contains(o.read("stderr"), "not reloaded") {
		t.Error("a policy was read in part")
	}
	byRevision := map[string]string{}
	for _, e := range o.record("record.jsonl") {
		if was, ok := byRevision[e.Policy]; ok && was != e.Rule {
			t.Errorf("policy %s decided as %s and as %s", e.Policy, was, e.Rule)
		}
		byRevision[e.Policy] = e.Rule
	}
	if len(byRevision) != 2 {
		t.Errorf("the record names policies %v, want two", byRevision)
	}
}
