package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"callscreen/audit/store"
	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

var replayedCalls = flag.Int("replayed", 3000, "calls that are judged again")

const busyOffice = `mode: enforce
allow: [{number: "1300000*", note: customers}]
block: ["13100001XXX"]
lists: {vip: ["13200002XXX"]}
rules:
  - {id: again, when: {calls: {count: ">=4", within: 6h}, category: sales}, action: reject, status: 480}
  - {id: vip, when: {list: vip}, action: allow, headers: {X-Queue: vip}}
  - {id: fraud, when: {category: fraud, marks: ">=50"}, action: reject}
  - {id: night, when: {time: "20:00-08:00", place: 杭州}, action: divert, to: "sip:voicemail@192.0.2.10"}
  - {id: sales, when: {category: sales}, action: tag}
  - {id: old, when: {age: ">1h", marks: ">0"}, action: tag, label: "旧 {label}"}
  - {id: failed, when: {lookup_failed: [upstream, failed]}, action: tag, label: 查询失败}
  - {id: withheld, when: {withheld: true}, action: tag, label: 匿名}
`

// strictOffice refuses what busyOffice labels, and has no lists.
const strictOffice = `mode: enforce
rules:
  - {id: sales, when: {category: [sales, fraud]}, action: reject}
  - {id: trial, when: {withheld: true}, action: reject, shadow: true}
`

// says is a directory that knows one number in two, and sometimes does not answer.
func says(_ context.Context, n screening.Number) (screening.Reputation, error) {
	last := n.Digits[len(n.Digits)-1] - '0'
	switch {
	case last == 0:
		return screening.Reputation{}, errors.New("no answer")
	case last < 5:
		return screening.Reputation{}, nil
	}
	r := screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 12 * int(last), Place: "浙江杭州移动", Directory: "juhe"}
	if last > 7 {
		r.Category, r.Label = screening.CategoryFraud, "诈骗"
	}
	return r, nil
}

type lookupFunc func(context.Context, screening.Number) (screening.Reputation, error)

func (f lookupFunc) Lookup(ctx context.Context, n screening.Number) (screening.Reputation, error) {
	return f(ctx, n)
}

// screened screens calls of six days as a process does, on a clock of its own, and
// returns their decisions as if the last was made just now.
func (o *office) screened(c *config, calls int) (all []screening.Decision) {
	synctest.Test(o.t, func(*testing.T) {
		cache, err := screening.NewCache(screening.CacheOptions{Directory: lookupFunc(says), Failed: -1})
		o.must(err)
		defer cache.Close()
		memory, err := screening.NewMemory(screening.MemoryOptions{})
		o.must(err)
		policy, err := readPolicy(c)
		o.must(err)
		engine, err := screening.New(c.engine(policy, cache, memory, zerolog.Nop()))
		o.must(err)
		for i := range calls {
			time.Sleep(6 * 24 * time.Hour / time.Duration(calls))
			all = append(all, engine.Screen(context.Background(), screening.Call{
				ID: fmt.Sprintf("%d@replay", i), At: time.Now(), Trunk: "carrier", Header: "From", To: fmt.Sprint(100 + rand.IntN(3)),
				From:     []string{fmt.Sprintf("13%d0000%d%03d", rand.IntN(4), rand.IntN(4), rand.IntN(300)), "110", "1001", "anonymous"}[max(rand.IntN(20)-16, 0)],
				Withheld: rand.IntN(30) == 0,
			}))
		}
	})
	days := time.Since(all[calls-1].Call.At).Truncate(24 * time.Hour) // so that it is the same time of day
	for i := range all {
		all[i].Call.At = all[i].Call.At.Add(days)
	}
	return all
}

// record keeps decisions in the database.
func (o *office) record(c *config, all []screening.Decision) {
	_, err := openState(c.State, zerolog.Nop())
	o.must(err)
	s, err := store.Open(c.store(nil, zerolog.Nop()))
	o.must(err)
	for i := range all {
		for s.State().Queued > 5000 {
			time.Sleep(time.Millisecond)
		}
		s.Record(all[i])
	}
	if !eventually(func() bool { return s.State().Written == uint64(len(all)) }) {
		o.t.Fatalf("%+v; want %d calls written", s.State(), len(all))
	}
	o.must(s.Close())
}

// replay runs the command and returns what it prints.
func (o *office) replay(more ...string) (t retrial) {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	args := append([]string{"replay", "--config", o.path("callscreen.yaml"), "--json"}, more...)
	if code := execute(args, &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		o.t.Fatalf("exit code %d, %s", code, stderr.String())
	}
	var wire struct {
		Calls    int
		Verdicts []struct {
			Action        string
			Before, After int
		}
		Rules   []ruleCount
		Changes []json.RawMessage
		Doubts  map[doubt]int
	}
	o.must(json.Unmarshal(stdout.Bytes(), &wire))
	t = retrial{Calls: wire.Calls, Rules: wire.Rules, Changes: make([]change, len(wire.Changes)), Doubts: wire.Doubts}
	for i, v := range wire.Verdicts {
		t.Verdicts = append(t.Verdicts, verdictCount{screening.Action(i), v.Before, v.After})
	}
	return t
}

// The policy of then comes to what the record says of every call, without a doubt and
// without a query, and another one to what it would have decided.
func TestReplayAgreesWithTheRecord(t *testing.T) {
	sim := juhesim.New()
	server := httptest.NewServer(sim)
	defer server.Close()
	o := newOffice(t)
	o.write("policy.yaml", busyOffice)
	o.write("strict.yaml", strictOffice)
	o.write("callscreen.yaml", o.text()+fmt.Sprintf("juhe: {url: %q, key: k}\n", server.URL+juhesim.Path))
	c, err := loadConfig(o.path("callscreen.yaml"))
	o.must(err)
	all := o.screened(c, *replayedCalls)
	o.record(c, all)

	before := map[screening.Action]int{}
	rules := map[string]int{}
	for i := range all {
		before[all[i].Verdict.Action]++
		rules[all[i].Verdict.Rule]++
	}
	if len(before) < 4 || len(rules) < 10 {
		t.Errorf("actions %v, rules %v; want all of them, or this test shows nothing", before, rules)
	}
	began := time.Now()
	same := o.replay()
	t.Logf("%d calls in %v", same.Calls, time.Since(began))
	if same.Calls != len(all) || len(same.Changes) > 0 || len(same.Doubts) > 0 {
		t.Errorf("%d calls, %d changes, doubts %v; want %d, 0 and none", same.Calls, len(same.Changes), same.Doubts, len(all))
	}
	for _, v := range same.Verdicts {
		if v.Before != before[v.Action] || v.After != v.Before {
			t.Errorf("%v: %d before, %d after; want %d", v.Action, v.Before, v.After, before[v.Action])
		}
	}
	for _, r := range same.Rules {
		if r.Before != rules[r.Rule] || r.After != r.Before {
			t.Errorf("rule %s: %d before, %d after; want %d", r.Rule, r.Before, r.After, rules[r.Rule])
		}
	}
	o.checkStrict(all)
	if n := sim.Queries(); n != 0 {
		t.Errorf("%d queries were made; want 0", n)
	}
}

// checkStrict holds what replay makes of another policy against the decisions themselves.
func (o *office) checkStrict(all []screening.Decision) {
	o.t.Helper()
	strict := mustPolicy(o.t, strictOffice)
	changes, after, doubts := 0, map[screening.Action]int{}, map[doubt]int{}
	for i := range all {
		v, unsure := strict.Judge(all[i].Facts(), false)
		after[v.Action]++
		if effect(v) != effect(all[i].Verdict) {
			changes++
		}
		if unsure != screening.NoDoubt {
			doubts[unsure]++
		}
	}
	got := o.replay("--policy", o.path("strict.yaml"), "--since", "30d")
	if len(got.Changes) != changes || changes == 0 || !cmp.Equal(got.Doubts, doubts) || doubts[screening.NoLookup] == 0 {
		o.t.Errorf("%d changes, doubts %v; want %d, %v", len(got.Changes), got.Doubts, changes, doubts)
	}
	for _, v := range got.Verdicts {
		if v.After != after[v.Action] {
			o.t.Errorf("%v: %d after; want %d", v.Action, v.After, after[v.Action])
		}
	}
}
