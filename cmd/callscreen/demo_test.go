package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
	"github.com/rs/zerolog"
)

// unhurried is the demo with time for a machine that is busy with other things.
func unhurried(out io.Writer) demo {
	return demo{budget: 4 * time.Second, margin: 30 * time.Second, out: out, log: zerolog.Nop()}
}

// emptyTemp gives the demo a folder for temporary files that must be empty after it.
func emptyTemp(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("the demo left %v, %v; want nothing", left, err)
		}
	})
}

func TestDemo(t *testing.T) {
	emptyTemp(t)
	var out bytes.Buffer
	if err := unhurried(&out).run(t.Context()); err != nil {
		t.Fatalf("demo: %v\n%s", err, &out)
	}
	for _, want := range []string{
		"95204657                 推销×3475                 tag      call-centre-sales  rings: 外呼 推销×3475 95204657  query ",
		"公安局 <+8617000000001>  疑似诈骗×212              reject   fraud              603 Decline                     query ",
		"+86-571-56264805         推销×1478 浙江杭州        tag      unwanted           rings: 推销×1478 057156264805   cache ",
		"Li Si <13900000009>      no answer (timeout)       allow    lookup-failed      rings: Li Si                    query ",
		"\n13 calls: 5 let through, 7 labelled, 1 refused; 10 queries paid, 2 saved by the cache; all 13 outcomes as expected\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("demo printed\n%s\nwant %q in it", &out, want)
		}
	}
}

// A demo in which every lookup comes too late is not as expected, and says so.
func TestDemoThatFails(t *testing.T) {
	emptyTemp(t)
	var out bytes.Buffer
	d := unhurried(&out)
	d.budget = time.Millisecond
	d.stay = true // not after this
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := d.run(ctx); !errors.Is(err, errOutcome) {
		t.Fatalf("demo without time for lookups = %v, want %v\n%s", err, errOutcome, &out)
	}
	for _, want := range []string{
		"Not as expected:\n",
		`  公安局 <+8617000000001>: answer to INVITE is "200", want "603"`,
		`  95204657: phone is "95204657", want "外呼 推销×3475 95204657"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("demo printed\n%s\nwant %q in it", &out, want)
		}
	}
	if strings.Contains(out.String(), "as expected\n") {
		t.Errorf("demo printed\n%s\nwhich says that all went well", &out)
	}
}

func TestDemoInterrupted(t *testing.T) {
	emptyTemp(t)
	why := errors.New("told to end")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	var out bytes.Buffer
	if err := unhurried(&out).run(ctx); !errors.Is(err, why) || errors.Is(err, errOutcome) {
		t.Errorf("interrupted demo = %v, want %v", err, why)
	}
}

func TestDemoEndsWithCallscreen(t *testing.T) {
	emptyTemp(t)
	d := unhurried(io.Discard)
	s := &stage{}
	ctx, err := d.set(t.Context(), s)
	if err != nil {
		t.Fatal(errors.Join(err, s.close()))
	}
	stopped := make(chan error, 1)
	go func() { stopped <- d.remain(ctx, s) }() // ends with the stage
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if err := <-stopped; !errors.Is(err, errScreenEnded) {
		t.Errorf("demo whose callscreen ended = %v, want %v", err, errScreenEnded)
	}
}

// softphone is somebody who takes the carrier's part while the demo stays.
func softphone(t *testing.T) *simulatedCarrier {
	t.Helper()
	c, err := newCarrier()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestDemoStays(t *testing.T) {
	emptyTemp(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	printed, out := io.Pipe()
	d := unhurried(out)
	d.stay = true
	ended := make(chan error, 1)
	go func() { // ends by cancel
		err := d.run(ctx)
		out.Close()
		ended <- err
	}()
	lines := bufio.NewScanner(printed)
	trunk := netip.MustParseAddrPort(find(t, lines, `call     sip:`+officeNumber+`@(\S+)$`))
	find(t, lines, "Calls as they are decided:$")

	phone := softphone(t)
	callAndHold(t, phone, trunk)
	find(t, lines, `^  95204657: tag by call-centre-sales, 推销×3475 \(cache\)$`)

	a, err := phone.invite(t.Context(), trunk, caller{user: "17000000001"})
	if err != nil || a.status != 603 {
		t.Errorf("call of a fraud = %+v, %v; want status 603", a, err)
	}
	find(t, lines, `^  17000000001: reject by fraud, 疑似诈骗×212 \(cache\)$`)

	cancel()
	for lines.Scan() {
		t.Errorf("demo printed %q after its end", lines.Text())
	}
	if err := <-ended; err != nil {
		t.Errorf("demo that stayed = %v, want no error", err)
	}
}

// find reads lines until one matches, and returns what its group holds.
func find(t *testing.T, lines *bufio.Scanner, pattern string) string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	for lines.Scan() {
		if m := wanted.FindStringSubmatch(lines.Text()); m != nil {
			return m[len(m)-1]
		}
	}
	t.Fatalf("demo ended without a line that matches %q", pattern)
	return ""
}

// callAndHold calls as a call centre, puts the phone on hold and hangs up.
func callAndHold(t *testing.T, phone *simulatedCarrier, trunk netip.AddrPort) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := phone.invite(ctx, trunk, caller{user: "95204657"})
	if err != nil || a.status != 200 {
		t.Fatalf("call while the demo stays = %+v, %v; want status 200", a, err)
	}
	if err := a.session.Ack(ctx); err != nil {
		t.Fatal(err)
	}
	hold := sip.NewRequest(sip.INVITE, a.session.InviteResponse.Contact().Address)
	hold.AppendHeader(sip.NewHeader("Content-Type", "application/sdp"))
	hold.SetBody(silentOffer)
	if r, err := a.session.Do(ctx, hold); err != nil || r.StatusCode != 200 {
		t.Errorf("hold = %v, %v; want 200", r, err)
	}
	if err := a.session.Bye(ctx); err != nil {
		t.Errorf("BYE = %v", err)
	}
}

// The demo's policy is the one an office starts with, but for its mode.
func TestDemoPolicy(t *testing.T) {
	office, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(office), "\nmode: observe\n", "\nmode: enforce\n", 1)
	if string(demoPolicy) != want || want == string(office) {
		t.Error("demo/policy.yaml is not ../../policy.yaml with mode: enforce")
	}
}

// good is a result that is as m wants it.
func (m member) good() callResult {
	r := callResult{
		recordLine: recordLine{Verdict: m.want.verdict, Rule: m.want.rule, Source: m.want.source, Failed: m.want.failed, Mode: "enforce"},
		said:       m.want.said, status: m.want.status, first: time.Second, shown: m.want.shown,
	}
	if r.passed() {
		r.bye = 200
	}
	return r
}

func TestProblems(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*callResult)
		want  string
	}{
		{"nothing", func(*callResult) {}, ""},
		{"what Juhe said", func(r *callResult) { r.said = "推销×1" }, `Juhe's answer is "推销×1"`},
		{"verdict", func(r *callResult) { r.Verdict = "divert" }, `verdict is "divert"`},
		{"rule", func(r *callResult) { r.Rule = "other" }, `rule is "other"`},
		{"source", func(r *callResult) { r.Source = "stale" }, `source is "stale"`},
		{"failure", func(r *callResult) { r.Failed = "quota" }, `failed is "quota"`},
		{"mode", func(r *callResult) { r.Mode = "observe" }, `mode is "observe"`},
		{"status", func(r *callResult) { r.status = 480 }, `answer to INVITE is "480"`},
		{"phone", func(r *callResult) { r.shown = "other" }, `phone is "other"`},
		{"too late", func(r *callResult) { r.first += time.Millisecond }, "first answer after 1.001s, want 1s at the most"},
		{"error", func(r *callResult) { *r = callResult{err: errors.New("no ACK came")} }, "no ACK came"},
	}
	for _, tt := range tests {
		for _, m := range cast {
			r := m.good()
			tt.spoil(&r)
			got := strings.Join(m.problems(r, time.Second), "\n")
			want := fmt.Sprintf("%s: %s", m.caller, tt.want)
			if tt.want == "" && got != "" || tt.want != "" && (!strings.HasPrefix(got, want) || strings.Contains(got, "\n")) {
				t.Errorf("%s of %s spoilt: %q, want only %q", tt.name, m.caller, got, want)
			}
		}
	}
}

func TestProblemOfBye(t *testing.T) {
	for _, m := range cast {
		r := m.good()
		r.bye = 481
		if got := m.problems(r, time.Second); (len(got) == 1) != r.passed() {
			t.Errorf("BYE of %s answered 481: %q", m.caller, got)
		}
	}
}

func TestTally(t *testing.T) {
	var got tally
	for _, m := range cast {
		got.add(m, m.good())
	}
	got.queries = 10
	want := tally{calls: 13, allowed: 5, tagged: 7, refused: 1, queries: 10, cached: 2, wanted: 10}
	if got != want || got.problems() != nil {
		t.Errorf("tally = %+v %q, want %+v", got, got.problems(), want)
	}
	got.queries = 11
	if p := got.problems(); len(p) != 1 {
		t.Errorf("one query too many = %q, want a problem", p)
	}
}
