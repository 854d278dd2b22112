package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callscreen/juhe/juhesim"
)

// exampleCalls are callers of every kind that the example policies know, with
// what the directory says of them.
var exampleCalls = []struct {
	from, name, to string
	says           juhesim.Reply
}{
	{"13900000001", "Zhang San", "100", juhesim.Reply{}},
	{"95588", "ICBC", "100", juhesim.Reply{}},
	{"10086", "", "100", juhesim.Reply{Type: "推销", Num: 900, FID: 2}},
	{"955888", "", "100", juhesim.Reply{Name: "顺丰"}},
	{"95204657", "Zhang San", "100", juhesim.Reply{Type: "推销", Num: 3475, FID: 2}},
	{"95204658", "", "100", juhesim.Reply{Type: "推销", Num: 49, FID: 2}},
	{"952046578901", "", "100", juhesim.Reply{}},
	{"96110", "", "100", juhesim.Reply{}},
	{"110", "", "100", juhesim.Reply{}},
	{"4006668888", "", "100", juhesim.Reply{}},
	{"+85221234567", "", "100", juhesim.Reply{}},
	{"+14155550100", "Smith", "100", juhesim.Reply{}},
	{"057188991122", "", "100", juhesim.Reply{Type: "推销", Num: 99, FID: 2}},
	{"13900139000", "", "100", juhesim.Reply{}},
	{"13041439112", "公安局", "100", juhesim.Reply{Type: "疑似诈骗", Num: 900, FID: 5}},
	{"13041439113", "", "100", juhesim.Reply{Type: "推销", Num: 60, FID: 2}},
	{"13041439114", "", "100", juhesim.Reply{Type: "快递送餐", Num: 45, FID: 4}},
	{"13041439115", "", "057188990000", juhesim.Reply{Type: "推销", Num: 60, FID: 2}},
	{"13041439116", "", "057188990112", juhesim.Reply{Place: "江苏苏州联通"}},
	{"13041439117", "", "057188990200", juhesim.Reply{Type: "推销", Num: 60, FID: 2}},
	{"13041439118", "", "100", juhesim.Reply{Code: 10014}},
	{"anonymous", "Anonymous", "100", juhesim.Reply{}},
}

// Every example policy, over SIP: in observe mode not a byte is another one than
// without a policy; in enforce mode happens what "callscreen explain" said, and
// nothing else.
func TestExamplePolicies(t *testing.T) {
	files, err := filepath.Glob("../configs/policies/*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatalf("example policies %q, %v; want 6 at least", files, err)
	}
	for _, file := range files {
		trunks := []string{"carrier"}
		if strings.Contains(file, "call-centre") {
			trunks = []string{"hotline-400", "international"}
		}
		for _, trunk := range trunks {
			t.Run(filepath.Base(file)+"/"+trunk, func(t *testing.T) {
				t.Parallel()
				newExample(t, file, trunk).try()
			})
		}
	}
}

// example is an office whose policy changes between calls that stay the same.
type example struct {
	*office
	mode  func(mode string) string // the policy in a mode
	timed bool                     // it depends on the time of day
	plain []exchange               // the calls without a policy
}

// exchange is what of a call came to the PBX and to the carrier, in order.
type exchange struct {
	pbx, carrier []message
}

func newExample(t *testing.T, file, trunk string) *example {
	t.Helper()
	o := newOffice(t, setting{policy: "mode: observe\nrules: []\n", trunk: trunk})
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	beside, err := filepath.Glob("../configs/policies/*.[ct][sx][vt]")
	calendars, err2 := filepath.Glob("../configs/calendars/*.yaml")
	if err != nil || err2 != nil || len(calendars) == 0 {
		t.Fatalf("calendars %q, %v, %v", calendars, err, err2)
	}
	for _, f := range append(beside, calendars...) {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		o.write(filepath.Base(f), string(content))
	}
	for _, c := range exampleCalls {
		o.juhe.Set(c.from, c.says)
	}
	policy := strings.ReplaceAll(string(text), "../calendars/", "")
	modes := regexp.MustCompile(`(?m)^mode: \w+$`)
	return &example{office: o, timed: strings.Contains(policy, "{time: "), mode: func(mode string) string { return modes.ReplaceAllString(policy, "mode: "+mode) }}
}

func (e *example) try() {
	e.t.Helper()
	e.plain = e.callAll()
	e.change("observe")
	for i, got := range e.callAll() {
		if diff := cmp.Diff(e.plain[i], got, cmp.AllowUnexported(exchange{})); diff != "" {
			e.t.Errorf("%s: observed, the call is another one (-without policy +observed):\n%s", exampleCalls[i].from, diff)
		}
	}
	e.change("enforce")
	done := map[string]int{}
	for i := range exampleCalls {
		if action := e.enforced(i); action != "" {
			done[action]++
		}
	}
	e.t.Logf("done as explained: %v", done)
	if len(done) < 2 && !e.timed {
		e.t.Errorf("done as explained: %v: these calls show nothing of the policy", done)
	}
}

// change puts the policy in force, in a mode.
func (e *example) change(mode string) {
	e.t.Helper()
	e.stop()
	e.write("policy.yaml", e.mode(mode))
	e.carrier.calls = 0
	clear(e.carrier.seen) // what was seen before comes again
	clear(e.pbx.seen)
	e.start()
}

func (e *example) callAll() (all []exchange) {
	e.t.Helper()
	for i := range exampleCalls {
		all = append(all, e.call(i))
	}
	return all
}

// call places a call of the examples, lets it be answered where it rings, and
// ends it. A call has the same bytes whenever it is placed.
func (e *example) call(i int) (x exchange) {
	e.t.Helper()
	c := exampleCalls[i]
	d := e.carrier.dial(c.from)
	d.id, d.branch = fmt.Sprint("example-", i), fmt.Sprint("z9hG4bKexample", i)
	d.target = fmt.Sprintf("sip:%s@%s", c.to, e.proxy)
	d.remote = "<" + d.target + ">"
	d.local = strings.Replace(d.local, `"Zhang San" `, strings.TrimPrefix(fmt.Sprintf("%q ", c.name), `"" `), 1)
	invite := d.invite()
	if c.from == "anonymous" {
		invite = message(strings.Replace(string(invite), "Max-Forwards: 70\r\n", "Max-Forwards: 70\r\nPrivacy: id\r\n", 1))
	}
	e.carrier.send(invite)
	got, refusal := e.either()
	if got == "" {
		e.carrier.send(d.ack(refusal))
		x.carrier = append(x.carrier, refusal)
		return x
	}
	own := func(status string) message { // wherever the call went
		return message(strings.Replace(string(got.answer(status)), "Contact: <"+got.uri()+">", "Contact: <sip:desk@"+e.pbx.addr.String()+">", 1))
	}
	e.pbx.send(own("180 Ringing"), own("200 OK"))
	x.carrier = append(x.carrier, e.carrier.want("SIP/2.0 180 "), e.carrier.want("SIP/2.0 200 "))
	e.carrier.send(d.ack(x.carrier[1]))
	x.pbx = append(x.pbx, got, e.pbx.want("ACK "))
	e.carrier.send(d.bye())
	bye := e.pbx.want("BYE ")
	e.pbx.send(bye.answer("200 OK"))
	x.pbx, x.carrier = append(x.pbx, bye), append(x.carrier, e.carrier.want("SIP/2.0 200 "))
	return x
}

// explained is what the command says of a call.
type explained struct {
	Verdict struct{ Action, Rule string }
	Wire    []string
}

// enforced asks what will become of a call, places it, and compares. It returns
// the action; none where the night began in between.
func (e *example) enforced(i int) string {
	e.t.Helper()
	before := e.explain(i)
	x := e.call(i)
	switch after := e.explain(i); {
	case cmp.Equal(before, after):
	case e.timed:
		return ""
	default:
		e.t.Errorf("%s: explained as %v, and after the call as %v", exampleCalls[i].from, before, after)
	}
	if before.Verdict.Action == "reject" {
		if len(x.pbx) != 0 || !strings.HasPrefix(string(x.carrier[0]), before.Wire[0]+"\r\n") {
			e.t.Errorf("%s: explained as %v, got %q and %d messages at the PBX", exampleCalls[i].from, before, x.carrier, len(x.pbx))
			return before.Verdict.Action
		}
		e.undo(i, before.Wire[1:], x.carrier[0], "")
		return before.Verdict.Action
	}
	if len(x.pbx) == 0 {
		e.t.Errorf("%s: explained as %v, got %q", exampleCalls[i].from, before, x.carrier)
		return before.Verdict.Action
	}
	if got, want := e.undo(i, before.Wire, x.pbx[0], e.plain[i].pbx[0]), e.plain[i].pbx[0]; got != want {
		e.t.Errorf("%s: explained as %v; without that the PBX got another call (-without policy +enforced):\n%s",
			exampleCalls[i].from, before, cmp.Diff(string(want), string(got)))
	}
	for j, m := range x.carrier {
		if m.unsealed() != e.plain[i].carrier[j].unsealed() {
			e.t.Errorf("%s: the carrier got another answer:\n%s", exampleCalls[i].from, cmp.Diff(string(e.plain[i].carrier[j]), string(m)))
		}
	}
	return before.Verdict.Action
}

// explain runs the command for a call.
func (e *example) explain(i int) (x explained) {
	e.t.Helper()
	c := exampleCalls[i]
	cmd := exec.Command(binary, "explain", "--config", "callscreen.yaml", "--from", c.from, "--name", c.name, "--to", c.to, "--json")
	cmd.Dir = e.dir
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &x)
	}
	if err != nil {
		e.t.Fatalf("callscreen explain of %s: %v\n%s", c.from, err, out)
	}
	return x
}

// undo takes out of a message the lines that were explained, each of which must
// be there, and puts back what stood in their place in the plain one.
func (e *example) undo(i int, wire []string, got, plain message) message {
	e.t.Helper()
	s := string(got)
	for _, line := range wire {
		found := "\r\n" + line + "\r\n"
		instead := "\r\n"
		switch name, _, _ := strings.Cut(line, " "); name {
		case "From:":
			own, _, _ := strings.Cut(plain.header("From"), "<")
			found, instead = "\r\n"+line+" <", "\r\nFrom: "+own+"<"
		case "INVITE":
			found, instead = line+"\r\n", "INVITE "+plain.uri()+" SIP/2.0\r\n"
		}
		if !strings.Contains(s, found) {
			e.t.Errorf("%s: %q was explained, and is not in\n%s", exampleCalls[i].from, line, got)
		}
		s = strings.Replace(s, found, instead, 1)
	}
	return message(s).unsealed()
}
