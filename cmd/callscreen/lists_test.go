package main

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callscreen/screening"
)

// Commands that write at once lose nothing of each other.
func TestListsAreWrittenOneAfterTheOther(t *testing.T) {
	lists := stateLists{t.TempDir()}
	base := mustPolicy(t, "mode: enforce\n")
	const writers = 20
	var writing sync.WaitGroup
	for i := range writers {
		writing.Go(func() {
			ch := listChange{List: []string{allowList, blockList}[i%2], Number: fmt.Sprint(13800138000 + i)}
			if _, _, err := lists.change(base, ch, time.Now(), sums{}); err != nil {
				t.Error(err)
			}
		})
	}
	writing.Wait()
	pair, err := lists.read(nil, sums{})
	if n := len(pair.entries()); err != nil || n != writers {
		t.Errorf("%d entries, %v; want %d", n, err, writers)
	}
}

// A number is on one list at most, in one spelling, and entries that have ended go when
// the lists are written.
func TestListChange(t *testing.T) {
	lists := stateLists{t.TempDir()}
	base := mustPolicy(t, "mode: enforce\nblock: {entries: ['10010'], even_if_never_reject: true}\n")
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, step := range []struct {
		after  time.Duration
		change listChange
		want   string // the entries then
		remark string
	}{
		{0, listChange{List: allowList, Number: "+86 130 4143 9112", Note: "customer"}, "allow 13041439112 customer;", ""},
		{0, listChange{List: allowList, Number: "13041439112", For: time.Hour}, "allow 13041439112 until 13:00;", ""},
		{0, listChange{List: blockList, Number: "130-4143-9112", For: 30 * time.Minute}, "block 13041439112 until 12:30;", ""},
		{0, listChange{List: blockList, Number: "110"}, "block 13041439112 until 12:30;block 110;", ""}, // the policy says so
		{30 * time.Minute, listChange{List: allowList, Number: "10010"}, "allow 10010;block 110;", ""},
		{0, listChange{Number: "10010"}, "block 110;", "it is on the block list of the policy, and stays there"},
		{0, listChange{Number: "110"}, "", ""},
	} {
		now = now.Add(step.after)
		done, pair, err := lists.change(base, step.change, now, sums{})
		if err != nil {
			t.Fatalf("%+v: %v", step.change, err)
		}
		read, err := lists.read(time.UTC, sums{})
		if err != nil {
			t.Fatal(err)
		}
		if got := entriesText(read); got != step.want || entriesText(pair) != got || done.Remark != step.remark {
			t.Errorf("%+v: the files hold %q, the lists %q, remark %q; want %q, %q", step.change, got, entriesText(pair), done.Remark, step.want, step.remark)
		}
		if step.want == "" && !cmp.Equal(done.Before, []listEntry{{List: blockList, Number: "110"}}) {
			t.Errorf("before = %+v; want 110 on the block list", done.Before)
		}
	}
}

func entriesText(pair listPair) (text string) {
	for _, l := range pair.entries() {
		text += l.List + " " + l.Number
		if l.Expires != nil {
			text += " until " + l.Expires.UTC().Format("15:04")
		}
		if l.Note != "" {
			text += " " + l.Note
		}
		text += ";"
	}
	return text
}

func mustPolicy(t *testing.T, text string) *screening.Policy {
	t.Helper()
	p, err := screening.ParsePolicy("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
