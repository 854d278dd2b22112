package sipagent

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"callscreen/screening"
)

var update = flag.Bool("update", false, "write what arrives into the golden files")

const golden = "../testdata/sip/golden"

// TestFidelity plays the scripts of testdata/sip/golden: each folder is one, and
// its files are whole messages, in the order of their numbers, that the carrier
// or the PBX sends or gets. A folder's name begins with the verdict, or with
// "policy" where a policy.yaml in it decides. Everything that differs between what one side sends and the other gets is our doing, and
// has to be meant. README.md there names the placeholders.
func TestFidelity(t *testing.T) {
	verdicts := map[string]Screener{"allow": allowed, "tag": labelled, "reject": refused}
	scripts, err := filepath.Glob(golden + "/*/01-*")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, first := range scripts {
		dir := filepath.Dir(first)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			verdict, _, _ := strings.Cut(filepath.Base(dir), "-")
			screener := verdicts[verdict]
			if screener == nil {
				screener = engineOf(t, filepath.Join(dir, "policy.yaml"))
			}
			r := newRig(t, screener, func(o *Options) { o.Timers.T1 = time.Hour })
			newPlay(t, r).all(dir)
		})
	}
}

// engineOf returns the engine that screens by a policy, and whose directory takes
// everybody for a seller.
func engineOf(t *testing.T, policy string) *screening.Engine {
	t.Helper()
	p, err := screening.LoadPolicy(policy, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	return engineBy(t, p, sellers{})
}

// engineBy returns the engine that screens by a policy and asks d.
func engineBy(t *testing.T, p *screening.Policy, d screening.Directory) *screening.Engine {
	t.Helper()
	cache, err := screening.NewCache(screening.CacheOptions{Directory: d, Known: time.Nanosecond, Unknown: time.Nanosecond, Stale: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cache.Close)
	e, err := screening.New(screening.Options{Policy: p, Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// sellers is a directory.
type sellers struct{}

func (sellers) Lookup(context.Context, screening.Number) (screening.Reputation, error) {
	return screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: 3475, Directory: "test"}, nil
}

// play is a script being played.
type play struct {
	t     *testing.T
	rig   *rig
	words []string // placeholder, value, placeholder, value, ...
	ours  int      // how many branches and tags of ours have been seen
}

func newPlay(t *testing.T, r *rig) *play {
	p := &play{t: t, rig: r}
	for _, w := range []struct {
		name string
		addr fmt.Stringer
		port uint16
	}{
		{"carrier", r.carrier.addr, r.carrier.addr.Port()},
		{"pbx", r.pbx.addr, r.pbx.addr.Port()},
		{"trunk", r.carrier.proxy, 0},
		{"office", r.pbx.proxy, 0},
	} {
		p.words = append(p.words, "{"+w.name+"}", w.addr.String())
		if w.port != 0 {
			p.words = append(p.words, "rport={"+w.name+" port}", fmt.Sprintf("rport=%d", w.port))
		}
	}
	return p
}

// all plays the files of a folder, and checks that nothing else was sent.
func (p *play) all(dir string) {
	p.t.Helper()
	files, err := filepath.Glob(dir + "/*.sip")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, file := range files {
		_, step, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".sip"), "-")
		who, does, _ := strings.Cut(step, "-")
		phone := map[string]*phone{"carrier": p.rig.carrier, "pbx": p.rig.pbx}[who]
		switch {
		case phone != nil && does == "sends":
			p.send(file, phone)
		case phone != nil && does == "gets":
			p.get(file, phone)
		default:
			p.t.Fatalf("%s: write NN-carrier-sends.sip, NN-pbx-gets.sip, ...", file)
		}
	}
	for _, side := range [][2]*phone{{p.rig.carrier, p.rig.pbx}, {p.rig.pbx, p.rig.carrier}} {
		c := side[0].newCall("behind-" + side[0].addr.String())
		side[0].send(c.request("OPTIONS", ""))
		got, options := side[1].until("OPTIONS ", c.id)
		side[1].send(options.answer("200 OK"))
		answers, _ := side[0].until("SIP/2.0 200", c.id)
		if got = append(got, answers...); len(got) > 0 {
			p.t.Errorf("behind the script came %q", got)
		}
	}
}

func (p *play) send(file string, from *phone) {
	p.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	sent := strings.NewReplacer(p.words...).Replace(string(text))
	if at := strings.IndexByte(sent, '{'); at >= 0 {
		p.t.Fatalf("%s: nothing is known yet for %.20q", file, sent[at:])
	}
	from.sendRaw([]byte(sent))
}

func (p *play) get(file string, to *phone) {
	p.t.Helper()
	m, ok := to.next(patience)
	if !ok {
		p.t.Fatalf("%s: nothing came", file)
	}
	p.learn(m)
	var back []string
	for i := 0; i < len(p.words); i += 2 {
		back = append(back, p.words[i+1], p.words[i])
	}
	got := []byte(strings.NewReplacer(back...).Replace(string(m)))
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		p.t.Errorf("%s: got\n%q\nwant\n%q", file, got, want)
	}
}

var (
	ourBranch = regexp.MustCompile(`z9hG4bK[rs][0-9a-z]{2}[A-Za-z0-9_-]{24}`)
	ourTag    = regexp.MustCompile(`(?m)^To: .*;tag=([A-Za-z0-9_-]{16})\r$`)
)

// learn gives the branches and tags of ours in a message their placeholders, in
// the order in which they are seen.
func (p *play) learn(m msg) {
	found := ourBranch.FindAllString(string(m), -1)
	for _, tag := range ourTag.FindAllStringSubmatch(string(m), -1) {
		found = append(found, tag[1])
	}
	for _, value := range found {
		if known := strings.Join(p.words, "\n"); strings.Contains(known, value) {
			continue
		}
		p.ours++
		p.words = append(p.words, fmt.Sprintf("{ours %d}", p.ours), value)
	}
}
