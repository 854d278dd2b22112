package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"callscreen/screening"
)

// watched is a keeper that watches its files until the test ends.
func (o *office) watched() *keeper {
	o.t.Helper()
	k, err := newKeeper(o.config(""), o.logger())
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { k.watch(ctx) }) // ends by cancel
	o.t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
	return k
}

// decides waits until calls of a number are decided by a rule.
func (o *office) decides(k *keeper, from, rule string) {
	o.t.Helper()
	if !eventually(func() bool { return ruleFor(k.policy(), from, time.Now()) == rule }) {
		o.t.Fatalf("calls of %s are decided by %s, want %s\n%s", from, ruleFor(k.policy(), from, time.Now()), rule, o.log.String())
	}
}

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// Whichever way a file changes, it is noticed.
func TestWatchSeesEveryChange(t *testing.T) {
	o := newOffice(t)
	o.write("lists/vip.txt", "13800138000\n")
	o.write("policy.yaml", "mode: enforce\nblock: {files: lists/vip.txt}\n")
	k := o.watched()
	o.decides(k, "13800138000", screening.RuleBlockList)

	o.write("lists/vip.txt", "13800138001\n") // in place
	o.decides(k, "13800138001", screening.RuleBlockList)

	o.write("new", "13800138002\n") // by renaming, as editors do
	o.must(os.Rename(o.path("new"), o.path("lists/vip.txt")))
	o.decides(k, "13800138002", screening.RuleBlockList)

	o.must(os.Remove(o.path("lists/vip.txt"))) // a file that comes late
	if !eventually(func() bool { return k.check().Fault != "" }) {
		t.Fatal("a list that is gone is no fault")
	}
	o.decides(k, "13800138002", screening.RuleBlockList)
	o.write("lists/vip.txt", "13800138003\n")
	o.decides(k, "13800138003", screening.RuleBlockList)

	o.write("policy.yaml", "mode: enforce\nallow: {files: others/a.txt}\n") // a list that is to come, in a folder that is to come
	if !eventually(func() bool { return k.check().Fault != "" }) {
		t.Fatal("a list that is not there is no fault")
	}
	o.write("others/a.txt", "13800138004\n")
	o.write("policy.yaml", "mode: enforce\nallow: {files: others/a.txt}\n# again\n")
	o.decides(k, "13800138004", screening.RuleAllowList)
	if c := k.check(); c.Fault != "" {
		t.Errorf("fault = %s; want none", c.Fault)
	}

	o.write("third/b.txt", "13800138006\n") // a list that the policy did not name before
	o.write("policy.yaml", "mode: enforce\nblock: {files: third/b.txt}\n")
	o.decides(k, "13800138006", screening.RuleBlockList)
	o.write("third/b.txt", "13800138007\n")
	o.decides(k, "13800138007", screening.RuleBlockList)

	o.write("state/lists/block.csv", "number,note,expires\n13800138005,by hand,\n") // what commands write, by hand
	o.decides(k, "13800138005", screening.RuleBlockList)
}

// A folder of Kubernetes: files are links into a folder that is a link itself, which is replaced.
func TestWatchFollowsLinks(t *testing.T) {
	o := newOffice(t)
	o.write("..v1/policy.yaml", "mode: enforce\nblock: ['10086']\n")
	o.write("..v2/policy.yaml", "mode: enforce\nblock: ['10010']\n")
	o.must(os.Symlink("..v1", o.path("..data")))
	o.must(os.Remove(o.path("policy.yaml")))
	o.must(os.Symlink(filepath.Join("..data", "policy.yaml"), o.path("policy.yaml")))
	k := o.watched()
	o.decides(k, "10086", screening.RuleBlockList)
	o.must(os.Symlink("..v2", o.path("..tmp")))
	o.must(os.Rename(o.path("..tmp"), o.path("..data")))
	o.decides(k, "10010", screening.RuleBlockList)
	o.write("..v2/policy.yaml", "mode: enforce\nblock: ['10000']\n")
	o.decides(k, "10000", screening.RuleBlockList)
}

// Files that are as they were are not read again, and what did not come of them is not logged.
func TestRefreshReadsWhatChanged(t *testing.T) {
	o := newOffice(t)
	k, err := newKeeper(o.config(""), o.logger())
	o.must(err)
	k.refresh()
	o.write("policy.yaml", o.read("policy.yaml"))
	k.refresh()
	if n := k.good.Load() + k.bad.Load(); n != 0 {
		t.Errorf("the files were read %d times again; want 0", n)
	}
	o.write("policy.yaml", "mode: obey\n")
	k.refresh()
	k.refresh()
	if good, bad := k.good.Load(), k.bad.Load(); good != 0 || bad != 1 {
		t.Errorf("read again %d times well and %d badly; want 0 and 1", good, bad)
	}
	if n := strings.Count(o.log.String(), "policy not reloaded"); n != 1 {
		t.Errorf("the log tells %d times; want once: %s", n, o.log.String())
	}
}

// A policy that is broken keeps no command from its work, and no command mends it.
func TestListsBesideABrokenPolicy(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", "mode: enforce\n")
	k, err := newKeeper(o.config(""), o.logger())
	o.must(err)
	o.write("policy.yaml", "mode: obey\nrules: 3\n")
	k.refresh()
	if _, err := k.change(listChange{List: blockList, Number: "13800138000"}); err != nil {
		t.Fatal(err)
	}
	o.decides(k, "13800138000", screening.RuleBlockList)
	bad := k.bad.Load()
	k.refresh()
	if k.bad.Load() != bad {
		t.Error("what a command has written is read again")
	}
	o.write("state/lists/block.csv", "number,note,expires\n13800138000,,\n13800138001,by hand,\n")
	k.refresh()
	o.decides(k, "13800138001", screening.RuleBlockList)
	want := "enforce, revision " + k.policy().Revision() + " stays in force: " + o.path("policy.yaml") + ":1:7: an error and 1 more; callscreen check tells what is wrong"
	if c := k.check(); c.Fault != want || c.Since.IsZero() {
		t.Errorf("fault %q since %v; want %q", c.Fault, c.Since, want)
	}
	o.write("policy.yaml", "mode: enforce\n# mended\n")
	k.refresh()
	o.decides(k, "13800138000", screening.RuleBlockList)
	if c := k.check(); c.Fault != "" {
		t.Errorf("fault = %q; want none", c.Fault)
	}
}

// Lists that cannot be read keep no process from running, and no command writes over them.
func TestBrokenListsAreLeftOut(t *testing.T) {
	o := newOffice(t)
	o.write("policy.yaml", "mode: enforce\nallow: ['10086']\n")
	o.write("state/lists/block.csv", "number,note,expires\n10010,,\n")
	o.write("state/lists/allow.csv", "number,note,expires\nnobody,,\n")
	p, _ := o.start("")
	o.decides(p.policy, "10086", screening.RuleAllowList)
	if c := p.policy.check(); !strings.Contains(c.Fault, "allow.csv:2:1: an error") {
		t.Errorf("fault = %q; want the place", c.Fault)
	}
	if _, err := p.policy.change(listChange{List: allowList, Number: "10000"}); err == nil || !strings.Contains(err.Error(), "allow.csv:2:1: ") {
		t.Errorf("change = %v; want what is wrong with the list", err)
	}
	o.write("state/lists/allow.csv", "number,note,expires\n10000,,\n")
	o.decides(p.policy, "10000", screening.RuleAllowList)
	o.decides(p.policy, "10010", screening.RuleBlockList)
	if log := o.log.String(); strings.Count(log, "policy not in force as it is written") != 1 {
		t.Errorf("log = %s; want to be told once", log)
	}
}

// The metrics say which policy is in force, and that its files are not.
func TestPolicyMetrics(t *testing.T) {
	o := newOffice(t)
	k, err := newKeeper(o.config(""), o.logger())
	o.must(err)
	in := `callscreen_policy_info{mode="enforce",revision="` + k.policy().Revision() + `"} 1`
	o.gathers(k, in, "callscreen_policy_last_reload_successful 1", `callscreen_policy_reloads_total{result="ok"} 0`)
	o.write("policy.yaml", "mode: obey\n")
	k.refresh()
	o.gathers(k, in, "callscreen_policy_last_reload_successful 0", `callscreen_policy_reloads_total{result="failed"} 1`)
	o.write("policy.yaml", "mode: observe\n")
	k.refresh()
	o.gathers(k, `callscreen_policy_info{mode="observe",revision="`+k.policy().Revision()+`"} 1`, "callscreen_policy_last_reload_successful 1")
}

// gathers checks lines of the metrics.
func (o *office) gathers(c prometheus.Collector, want ...string) {
	o.t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	rec := httptest.NewRecorder()
	promhttp.HandlerFor(r, promhttp.HandlerOpts{}).ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range want {
		if !strings.Contains(rec.Body.String(), "\n"+line+"\n") {
			o.t.Errorf("metrics have no %s:\n%s", line, rec.Body)
		}
	}
}
