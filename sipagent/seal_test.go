package sipagent

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

func testSealer(t *testing.T, key string) sealer {
	t.Helper()
	s, err := newSealer(bytes.Repeat([]byte(key), 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	s := testSealer(t, "k")
	plain, call := []byte("\x01f"+label+` "Zhang San" <`), []byte("call-1")
	sealed := s.seal(plain, call)
	if again := testSealer(t, "k").seal(plain, call); !bytes.Equal(again, sealed) {
		t.Errorf("sealed again %q, want %q: a retransmission would differ", again, sealed)
	}
	kind, got, ok := s.open(sealed, call)
	if kind != 'f' || !bytes.Equal(got, plain[2:]) || !ok {
		t.Errorf("open = %q, %q, %v; want 'f', %q", kind, got, ok, plain[2:])
	}
	if bytes.Contains(sealed, []byte("Zhang")) {
		t.Errorf("sealed text can be read: %q", sealed)
	}
	const others = "AB"
	for i := range sealed {
		other := bytes.Clone(sealed)
		if other[i] = others[0]; sealed[i] == others[0] {
			other[i] = others[1]
		}
		if _, got, ok := s.open(other, call); ok && i < len(sealed)-1 { // the last character has bits to spare
			t.Fatalf("open with character %d changed = %q, want nothing", i, got)
		}
	}
	for name, open := range map[string]func() (byte, []byte, bool){
		"another call":    func() (byte, []byte, bool) { return s.open(sealed, []byte("call-2")) },
		"another key":     func() (byte, []byte, bool) { return testSealer(t, "K").open(sealed, call) },
		"another version": func() (byte, []byte, bool) { return s.open(s.seal([]byte("\x02fx"), call), call) },
		"no version":      func() (byte, []byte, bool) { return s.open(s.seal(nil, call), call) },
		"cut":             func() (byte, []byte, bool) { return s.open(sealed[:len(sealed)-8], call) },
		"no base64":       func() (byte, []byte, bool) { return s.open([]byte("!"), call) },
		"nothing":         func() (byte, []byte, bool) { return s.open(nil, call) },
	} {
		if _, got, ok := open(); ok {
			t.Errorf("%s: open = %q, want nothing", name, got)
		}
	}
}

// callerForms are the From of callers, and what a PBX may make of the To of its
// own requests from what it was shown.
var callerForms = []struct {
	name, from, shown, to string // of To without the label: what stands in front of the tag
}{
	{"name", `"Zhang San" <sip:1@a>;tag=f`, "", `"Zhang San" <sip:1@a>`},
	{"Asterisk's blanks", `"Zhang San" <sip:1@a>;tag=f`, `"推销×3475 Zhang San"<sip:1@a>`, `"Zhang San"<sip:1@a>`},
	{"token", `Bob <sip:1@a>;tag=f`, "", `"Bob" <sip:1@a>`},
	{"no quotes", `Bob <sip:1@a>;tag=f`, `推销×3475 Bob <sip:1@a>`, `Bob <sip:1@a>`},
	{"escapes", `"a \"b\" \\" <sip:1@a>;tag=f`, "", `"a \"b\" \\" <sip:1@a>`},
	{"no name", `<sip:1@a>;tag=f`, "", `<sip:1@a>`},
	{"no name, bracket close by", `<sip:1@a>;tag=f`, `"推销×3475 13041439112"<sip:1@a>`, `<sip:1@a>`},
	{"empty name", `"" <sip:1@a>;tag=f`, "", `<sip:1@a>`},
	{"addr-spec", `sip:1@a;tag=f`, "", `<sip:1@a>`},
	{"GBK", "\"\xd5\xc5\xc8\xfd\" <sip:1@a>;tag=f", "", "\"\xd5\xc5\xc8\xfd\" <sip:1@a>"},
	{"nothing but the label", `"推销×3475" <sip:1@a>;tag=f`, "", `<sip:1@a>`},
	{"name changed in mid-call", `"Zhang San" <sip:1@a>;tag=f`, `"Li Si" <sip:1@a>`, `"Li Si" <sip:1@a>`},
	{"number changed in mid-call", `"Zhang San" <sip:1@a>;tag=f`, `"推销×34750 Li Si" <sip:1@a>`, `"推销×34750 Li Si" <sip:1@a>`},
	{"name dropped by the PBX", `"Zhang San" <sip:1@a>;tag=f`, `sip:1@a`, `sip:1@a`},
}

// Whatever the PBX sends in the dialog of a labelled call, the caller's side
// sees no label in it, and the PBX gets the To of its request back, byte for
// byte; also when callscreen was started anew in between, twice.
func TestLabelStaysOutOfTheDialog(t *testing.T) {
	r := newRig(t, labelled)
	for i, tt := range callerForms {
		c := r.carrier.newCall(fmt.Sprint("sealed-", i))
		c.from = tt.from
		inv := r.talk(c)
		back := r.pbx.callee(inv)
		if back.to = inv.header("From"); tt.shown != "" {
			back.to = tt.shown + ";tag=f"
		}
		for _, method := range methods {
			back.cseq++
			sent := back.request(method, method)
			r.pbx.send(sent)
			got := r.carrier.want(method + " ")
			if got.header("To") != tt.to+";tag=f" || got.header("From") != back.from {
				t.Errorf("%s, %s: To = %q, From = %q; want %q, %q", tt.name, method, got.header("To"), got.header("From"), tt.to+";tag=f", back.from)
			}
			r.pbx.send(sent)
			if again := r.carrier.want(method + " "); again != got {
				t.Errorf("%s: %s again = %q, want %q", tt.name, method, again, got)
			}
			if method == "UPDATE" {
				r.restart()
			}
			for _, status := range []string{"183 Session Progress", "200 OK"} {
				r.carrier.send(got.answer(status))
				if ok := r.pbx.want("SIP/2.0 " + status); ok.header("To") != back.to || ok.header("From") != back.from {
					t.Errorf("%s, %s to %s: To = %q, From = %q; want those of the request, %q, %q",
						tt.name, status, method, ok.header("To"), ok.header("From"), back.to, back.from)
				}
			}
			if method == "INVITE" {
				r.pbx.send(back.request("ACK", "ack"))
				if ack := r.carrier.want("ACK "); ack.header("To") != got.header("To") {
					t.Errorf("%s: To of the ACK = %q, want that of the INVITE, %q", tt.name, ack.header("To"), got.header("To"))
				}
			}
		}
	}
	r.quiet()
	trace := strings.ReplaceAll(r.carrier.trace.String(), `"推销×34750 Li Si"`, "") // the callee's own doing
	trace = strings.ReplaceAll(trace, `"推销×3475" <sip:1@a>;tag=f`, "")            // the caller's own
	if at := strings.Index(trace, "推销"); at >= 0 {
		t.Errorf("the caller's side has seen the label: %q", trace[max(0, at-200):min(len(trace), at+100)])
	}
}

// CANCEL, and the ACK of a refusal, go by the re-INVITE that they belong to.
func TestLabelStaysOutOfTheCancel(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("hold")
	inv := r.talk(c)
	back := r.pbx.callee(inv)
	back.to = inv.header("From")
	back.cseq++
	r.pbx.send(back.request("INVITE", "hold"))
	re := r.carrier.want("INVITE ")
	for _, method := range []string{"CANCEL", "ACK"} {
		r.pbx.send(back.request(method, "hold"))
		got := r.carrier.want(method + " ")
		if got.header("To") != c.from || got.header("Via") != re.header("Via") {
			t.Errorf("%s = %q; want To and Via of the INVITE, %q, %q", method, got, c.from, re.header("Via"))
		}
	}
	r.carrier.send(re.answer("487 Request Terminated"))
	if no := r.pbx.want("SIP/2.0 487"); no.header("To") != back.to {
		t.Errorf("To of the 487 = %q, want %q", no.header("To"), back.to)
	}
	r.quiet()
}

// Requests of the caller in the dialog, and their answers, stay as they are.
func TestCallersRequestsStay(t *testing.T) {
	r := newRig(t, labelled)
	c := r.carrier.newCall("caller")
	r.talk(c)
	for _, method := range methods {
		c.cseq++
		r.carrier.send(c.request(method, method))
		got := r.pbx.want(method + " ")
		if got.header("From") != c.from || got.header("To") != c.to {
			t.Errorf("%s: From = %q, To = %q; want %q, %q", method, got.header("From"), got.header("To"), c.from, c.to)
		}
		r.pbx.send(got.answer("200 OK"))
		if ok := r.carrier.want("SIP/2.0 200"); ok.header("From") != c.from || ok.header("To") != c.to {
			t.Errorf("200 to %s: From = %q, To = %q; want %q, %q", method, ok.header("From"), ok.header("To"), c.from, c.to)
		}
	}
	r.quiet()
}

// A set-up that a restart interrupted: its answers bring the caller's own From
// all the same.
func TestAnswersOfAForgottenCall(t *testing.T) {
	r := newRig(t, labelled)
	invs := make([]msg, len(callerForms))
	for i, tt := range callerForms {
		c := r.carrier.newCall(fmt.Sprint("forgotten-", i))
		c.from = tt.from
		invs[i] = r.invite(c)
	}
	r.restart()
	for i, tt := range callerForms {
		for _, status := range []string{"180 Ringing", "200 OK", "486 Busy Here"} {
			r.pbx.send(invs[i].answer(status))
			if got := r.carrier.want("SIP/2.0 " + status); got.header("From") != tt.from {
				t.Errorf("%s, %s: From = %q, want %q", tt.name, status, got.header("From"), tt.from)
			}
		}
	}
	r.quiet()
}

// What is not sealed by us for this dialog is left alone, and nothing is lost
// over it.
func TestForeignSeals(t *testing.T) {
	r := newRig(t, labelled)
	talk := func(id string) (c, back *call) {
		c = r.carrier.newCall(id)
		inv := r.talk(c)
		back = r.pbx.callee(inv)
		back.to = inv.header("From")
		return c, back
	}
	_, other := talk("other")
	_, foreign, _ := strings.Cut(other.routes[0], sealParam+"=")
	changes := map[string]func(back *call, route string) string{
		"tampered": func(_ *call, route string) string { return strings.Replace(route, "cs=", "cs=x", 1) },
		"cut":      func(_ *call, route string) string { return route[:len(route)-3] + ">" },
		"empty":    func(_ *call, route string) string { before, _, _ := strings.Cut(route, "cs="); return before + "cs=>" },
		"none":     func(_ *call, route string) string { before, _, _ := strings.Cut(route, ";cs="); return before + ">" },
		"of another call": func(_ *call, route string) string {
			before, _, _ := strings.Cut(route, "cs=")
			return before + "cs=" + foreign
		},
		"of another version": func(b *call, route string) string {
			before, _, _ := strings.Cut(route, "cs=")
			return before + "cs=" + string(r.agent.seal([]byte("\x02d\x00abcd"+label), []byte(b.id))) + ">"
		},
		"of another kind": func(b *call, route string) string {
			before, _, _ := strings.Cut(route, "cs=")
			return before + "cs=" + string(r.agent.seal([]byte("\x01f\x00abcd"+label), []byte(b.id))) + ">"
		},
		"of the other party": func(b *call, route string) string {
			before, _, _ := strings.Cut(route, "cs=")
			w := r.agent.newWork()
			if err := w.msg.Scan(sipBytes(b.request("BYE", ""))); err != nil {
				t.Fatal(err)
			}
			w.sealMark(&w.msg, mark{label: label, caller: hashTag([]byte("callee"))})
			return before + "cs=" + string(w.mark) + ">"
		},
	}
	for name, change := range changes {
		_, back := talk("foreign-" + name)
		for i := range back.routes {
			back.routes[i] = change(back, back.routes[i])
		}
		back.cseq++
		r.pbx.send(back.request("BYE", "bye"))
		got := r.carrier.want("BYE ")
		if got.header("To") != back.to || strings.Contains(got.header("Via"), sealParam+"=") {
			t.Errorf("%s: To = %q, want it untouched: %q", name, got.header("To"), back.to)
		}
		via := got.header("Via")
		answer := strings.Replace(got.answer("200 OK"), via, via+";cs="+strings.Trim(foreign, ">"), 1)
		r.carrier.send(answer)
		if ok := r.pbx.want("SIP/2.0 200"); ok.header("To") != back.to || ok.header("From") != back.from {
			t.Errorf("%s: 200 = %q, want To and From untouched", name, ok)
		}
	}
	r.quiet()
}

// The label is sealed where others can see it, and in nothing that is not ours.
func TestSealsAreOurs(t *testing.T) {
	for name, tt := range map[string]struct {
		s      Screener
		change func(*Options)
		marks  int
		sealed bool
	}{
		"two addresses":   {labelled, func(*Options) {}, 2, true},
		"one address":     {labelled, sameListener, 1, true},
		"without a label": {allowed, func(*Options) {}, 2, false},
	} {
		r := newRig(t, tt.s, tt.change)
		c := r.carrier.newCall("marks")
		inv := r.invite(c)
		marks := 0
		for _, record := range inv.headers("Record-Route") {
			marks += strings.Count(record, ";lr;cs=")
			if strings.HasSuffix(record, ";lr;cs="+markScreened+">") == tt.sealed {
				t.Errorf("%s: %q", name, record)
			}
		}
		if marks != tt.marks || strings.Contains(inv.headers("Via")[1], "cs=") || strings.Contains(inv.header("Via"), ";cs=") != tt.sealed {
			t.Errorf("%s: %q; want %d Record-Route with a seal, and one in our Via where a label is", name, inv, tt.marks)
		}
	}
}

// A seal that opens to nonsense changes nothing that cannot be read back.
func FuzzRestore(f *testing.F) {
	s, err := newSealer(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		f.Fatal(err)
	}
	for _, tt := range callerForms {
		f.Add(tt.from, tt.to)
	}
	f.Fuzz(func(t *testing.T, from, to string) {
		a := &Agent{sealer: s, key: bytes.Repeat([]byte("k"), 32)}
		w := a.newWork()
		in := "INVITE sip:1@a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: " + from + "\r\nTo: " + to +
			"\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
		if w.msg.Scan([]byte(in)) != nil || w.msg.Flaw != wire.FlawNone {
			return
		}
		own := bytes.Clone(w.msg.Value(wire.From))
		p := &peer{trunk: true}
		w.putNames(&w.msg, p, &screening.Decision{
			Number: screening.Number{Digits: "13041439112"}, Verdict: screening.Verdict{Action: screening.Tag, Label: label},
		}, wholly)
		undo := w.undo
		out := bytes.Clone(w.splice(w.msg.Raw))
		out = append(append([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP b;branch=z9hG4bKy;cs="), undo...), out[bytes.Index(out, []byte("\r\n")):]...)
		if err := w.msg.Scan(out); err != nil {
			t.Fatalf("%q cannot be read: %v", out, err)
		}
		via, _, _ := wire.ReadVia(out, w.msg.First(wire.Via).Value)
		w.restore(&w.msg, via)
		back := bytes.Clone(w.splice(w.msg.Raw))
		if err := w.msg.Scan(back); err != nil || !bytes.Equal(w.msg.Value(wire.From), own) {
			t.Errorf("From = %q, %v; want %q", w.msg.Value(wire.From), err, own)
		}
	})
}
