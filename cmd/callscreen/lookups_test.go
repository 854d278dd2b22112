package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
	"callscreen/screening"
)

// tagService answers about one number, and counts how often it is asked.
func tagService(t *testing.T, number, tag string) (url string, asked *atomic.Int32) {
	t.Helper()
	asked = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			return
		}
		asked.Add(1)
		if r.URL.Query().Get("tel") != number {
			tag = ""
		}
		fmt.Fprintf(w, `{"code": 0, "tag": %q}`, tag)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/tag?tel={number}", asked
}

func simulated(t *testing.T) (*juhesim.Sim, string) {
	t.Helper()
	sim := juhesim.New()
	s := httptest.NewServer(sim)
	t.Cleanup(s.Close)
	return sim, s.URL + juhesim.Path
}

// screen has a call screened, past SIP and the record. Each is another call.
func (p *process) screen(from string, withheld bool) screening.Decision {
	call := screening.Call{At: time.Now(), Trunk: "carrier", From: from, Withheld: withheld}
	call.ID = fmt.Sprint(call.At.UnixNano())
	call.To = call.ID
	d, ok := p.engine.ScreenNow(call)
	if !ok {
		d = p.engine.Screen(context.Background(), call)
	}
	p.times.observe(&d)
	return d
}

// TestOrderOfDirectories: the first that knows a number answers for it, each is asked
// once, and a table says what their words mean.
func TestOrderOfDirectories(t *testing.T) {
	sim, at := simulated(t)
	first, askedFirst := tagService(t, "13900000001", "营销电话")
	second, askedSecond := tagService(t, "13900000002", "SCAM")
	o := newOffice(t)
	p, _ := o.start(fmt.Sprintf(`
juhe: {url: %q, key: topsecret}
directories:
  order: [first, juhe, second]
  categories: {营销电话: sales, SCAM: fraud, 快递送餐: ""}
  services:
    - {name: first, url: %q, proof: {path: code, value: "0"}, paths: {category: tag}}
    - {name: second, url: %q, proof: {path: code}, paths: {category: tag}}
`, at, first, second))
	for _, tt := range []struct {
		number, directory, category string
		queries                     [3]int // first, juhe, second
	}{
		{"13900000001", "first", "sales", [3]int{1, 0, 0}},
		{"95204657", "juhe", "sales", [3]int{2, 1, 0}},
		{"13900000002", "second", "fraud", [3]int{3, 2, 1}},
		{"13900000003", "", "", [3]int{4, 3, 2}},
		{"13900000001", "first", "sales", [3]int{4, 3, 2}}, // remembered
	} {
		d := p.screen(tt.number, false)
		if d.Reputation.Directory != tt.directory || string(d.Reputation.Category) != tt.category || d.Failed != nil {
			t.Errorf("%s: %+v, %v; want %s of %s", tt.number, d.Reputation, d.Failed, tt.category, tt.directory)
		}
		if got := [3]int{int(askedFirst.Load()), sim.Queries(), int(askedSecond.Load())}; got != tt.queries {
			t.Errorf("%s: %v queries, want %v", tt.number, got, tt.queries)
		}
	}
	if d := p.screen("13041439112", false); d.Reputation.Category != "" || d.Reputation.Label != "" || d.Reputation.Place == "" {
		t.Errorf("a label that says nothing: %+v", d.Reputation)
	}
}

// TestOwnListComesFirst: it needs no key, beats Juhe, and holds as soon as it changes.
func TestOwnListComesFirst(t *testing.T) {
	for _, more := range []string{"", "juhe: {url: %q, key: topsecret}\n"} {
		sim, at := simulated(t)
		o := newOffice(t)
		o.write("own.csv", "13900000001,,推销\n95204657,客户\n")
		if more != "" {
			more = fmt.Sprintf(more, at)
		}
		p, _ := o.start(more + "directories: {own: own.csv}\n")
		o.call(p, "13900000001", o.carrier, "SIP/2.0 603")
		o.call(p, "95204657", o.pbx, "INVITE ")
		o.write("own.csv", "13900000002,,推销\n95204657,客户\n")
		if !eventually(func() bool { return strings.Contains(o.log.String(), "own has changed: 2 entries in force") }) {
			t.Fatalf("log = %s", o.log.String())
		}
		o.call(p, "13900000002", o.carrier, "SIP/2.0 603")
		o.call(p, "13900000001", o.pbx, "INVITE ")
		p.wantFigures(t, map[string]float64{"lookup_seconds known list": 3})
		o.write("own.csv", "13900000002,,spam\n")
		if !eventually(func() bool { return p.check("own").Status == "degraded" }) || !strings.Contains(p.check("own").Reason, "about line 1; 2 entries stay in force") {
			t.Errorf("health = %+v", p.check("own"))
		}
		if want := strings.Count(more, "juhe"); sim.Queries() != want {
			t.Errorf("%d queries, want %d", sim.Queries(), want)
		}
	}
}

// TestWithheldCallersAreNotAskedAbout unless that is switched on.
func TestWithheldCallersAreNotAskedAbout(t *testing.T) {
	for more, want := range map[string]int{"": 0, "directories: {ask_withheld: true}\n": 1} {
		sim, at := simulated(t)
		p, _ := newOffice(t).start(fmt.Sprintf("juhe: {url: %q, key: topsecret}\n", at) + more)
		p.screen("95204657", true)
		if sim.Queries() != want {
			t.Errorf("%q: %d queries, want %d", more, sim.Queries(), want)
		}
	}
}

// A call is not lost for a file that cannot be used: the process begins without it and says so, and
// check refuses it. Keys are told nowhere.
func TestBeginsWithoutItsFiles(t *testing.T) {
	const service = "juhe: {key: k}\ndirectories: {services: [{name: a, url: \"http://192.0.2.1/{key}{number}\", proof: {path: a}, paths: {marks: b}, key_file: %s}]}\n"
	for _, tt := range []struct{ more, part, want string }{
		{"directories: {own: own.csv}\n", "own", "own.csv:2:14: category \"spam\" is not known"},
		{"directories: {own: none.csv}\n", "own", "callscreen.yaml:10:20: own: directory: open"},
		{fmt.Sprintf(service, "two-words.txt"), "a", "callscreen.yaml:11:122: key_file: does not hold a key"},
		{fmt.Sprintf(service, "none.txt"), "a", "key_file: no such file or directory"},
		{"juhe: {key_file: key}\n", "juhe", "callscreen.yaml:10:18: key_file: no such file or directory"},
		{"juhe: {key_file: two-words.txt}\n", "juhe", "callscreen.yaml:10:18: key_file: does not hold a key"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			o := newOffice(t)
			o.write("own.csv", "13900000001,,推销\n13900000002,,spam\n")
			o.write("two-words.txt", "topsecret topsecret\n")
			p, stop := o.start(tt.more)
			o.call(p, "10010", o.pbx, "INVITE sip:")
			if c := p.check(tt.part); c.Status != "degraded" {
				t.Errorf("health says %+v", c)
			}
			stop()
			_, key := p.c.juheKey()
			said := errors.Join(key, p.c.directories())
			if log := strings.ReplaceAll(o.log.String(), `\"`, `"`); !strings.Contains(log, tt.want) || !strings.Contains(fmt.Sprint(said), tt.want) {
				t.Errorf("check says %v, and the log %s; want %s", said, log, tt.want)
			}
			if strings.Contains(o.log.String()+fmt.Sprint(said), "topsecret") {
				t.Error("the key is told")
			}
		})
	}
}

// Nor is one for the lines of the record.
func TestBeginsWithoutTheLinesOfTheRecord(t *testing.T) {
	o := newOffice(t)
	p, _ := o.startWith(strings.Replace(o.text(), "file: record.jsonl", "file: none/record.jsonl", 1))
	o.call(p, "10010", o.pbx, "INVITE sip:")
	if c := p.check("record"); c.Status != "degraded" || !strings.HasPrefix(c.Reason, "there are no lines: audit: opening record: open ") {
		t.Errorf("health says %+v", c)
	}
}
