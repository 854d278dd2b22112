package sipagent

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"callscreen/screening"
	"callscreen/sipagent/wire"
)

const label = "推销×3475"

// untrusted makes the carrier one whose identity headers are nobody's word.
func untrusted(o *Options) { o.Trunks[0].TrustIdentity = false }

// The label goes into the display name of every identity header that the PBX may
// show, and nothing but the display name changes.
func TestLabelGoesIntoEveryIdentity(t *testing.T) {
	const from = "From: <sip:13041439112@carrier.example>;tag=f"
	tests := []struct {
		name     string
		in, want []string
	}{
		{
			"quoted name",
			[]string{`From: "Zhang San" <sip:1@a>;tag=f;x="<y>"`},
			[]string{`From: "推销×3475 Zhang San" <sip:1@a>;tag=f;x="<y>"`},
		},
		{"token name", []string{`From: Zhang San <sip:1@a>;tag=f`}, []string{`From: "推销×3475 Zhang San" <sip:1@a>;tag=f`}},
		{"compact, odd blanks", []string{`f :   Bob  <sip:1@a> ;tag=f`}, []string{`f :   "推销×3475 Bob"  <sip:1@a> ;tag=f`}},
		{"no name: the number", []string{`From: <sip:1@a>;tag=f`}, []string{`From: "推销×3475 13041439112" <sip:1@a>;tag=f`}},
		{"empty name: the number", []string{`From: "" <sip:1@a>;tag=f`}, []string{`From: "推销×3475 13041439112" <sip:1@a>;tag=f`}},
		{"no blank before the bracket", []string{`From:"Bob"<sip:1@a>;tag=f`}, []string{`From:"推销×3475 Bob"<sip:1@a>;tag=f`}},
		{
			"addr-spec: its parameters are From's",
			[]string{`From: sip:1@a;tag=f;x=y`},
			[]string{`From: "推销×3475 13041439112" <sip:1@a>;tag=f;x=y`},
		},
		{"a comma is no list", []string{`From: sip:1@a,b;tag=f`}, []string{`From: "推销×3475 13041439112" <sip:1@a,b>;tag=f`}},
		{"escaped quote", []string{`From: "a \"b\" \\" <sip:1@a>;tag=f`}, []string{`From: "推销×3475 a \"b\" \\" <sip:1@a>;tag=f`}},
		{"quote in a name that is no token", []string{`From: a "b" \ <sip:1@a>;tag=f`}, []string{`From: "推销×3475 a \"b\" \\" <sip:1@a>;tag=f`}},
		{"UTF-8 without quotes", []string{`From: 张三 <sip:1@a>;tag=f`}, []string{`From: "推销×3475 张三" <sip:1@a>;tag=f`}},
		{"GBK", []string{"From: \"\xd5\xc5\xc8\xfd\" <sip:1@a>;tag=f"}, []string{"From: \"推销×3475 \xd5\xc5\xc8\xfd\" <sip:1@a>;tag=f"}},
		{"folded", []string{"From: \"Zhang\n  San\"\n <sip:1@a>;tag=f"}, []string{"From: \"推销×3475 Zhang  San\"\n <sip:1@a>;tag=f"}},
		{"labelled already", []string{`From: "推销×3475 Bob" <sip:1@a>;tag=f`}, []string{`From: "推销×3475 Bob" <sip:1@a>;tag=f`}},
		{"nothing but the label", []string{`From: "推销×3475" <sip:1@a>;tag=f`}, []string{`From: "推销×3475" <sip:1@a>;tag=f`}},
		{"labelled with another number", []string{`From: "推销×34750 Bob" <sip:1@a>;tag=f`}, []string{`From: "推销×3475 推销×34750 Bob" <sip:1@a>;tag=f`}},
		{
			"P-Asserted-Identity",
			[]string{from, `P-Asserted-Identity: "Bob" <sip:1@a;user=phone>`},
			[]string{`From: "推销×3475 13041439112" <sip:13041439112@carrier.example>;tag=f`, `P-Asserted-Identity: "推销×3475 Bob" <sip:1@a;user=phone>`},
		},
		{
			"P-Asserted-Identity without a name gets From's",
			[]string{`From: "Zhang San" <sip:1@a>;tag=f`, `P-Asserted-Identity: <sip:1@a>`},
			[]string{`From: "推销×3475 Zhang San" <sip:1@a>;tag=f`, `P-Asserted-Identity: "推销×3475 Zhang San" <sip:1@a>`},
		},
		{
			"From's escapes and tokens arrive there as they must",
			[]string{`From: "a \"b\"" <sip:1@a>;tag=f`, `P-Asserted-Identity: <sip:1@a>`, `P-Preferred-Identity: sip:1@a`},
			[]string{`From: "推销×3475 a \"b\"" <sip:1@a>;tag=f`, `P-Asserted-Identity: "推销×3475 a \"b\"" <sip:1@a>`, `P-Preferred-Identity: "推销×3475 a \"b\"" <sip:1@a>`},
		},
		{
			"two values on one line, a comma in quotes",
			[]string{from, `p-asserted-identity: "Zhang, San" <sip:1@a>, <tel:+8613041439112>`},
			[]string{`From: "推销×3475 13041439112" <sip:13041439112@carrier.example>;tag=f`, `p-asserted-identity: "推销×3475 Zhang, San" <sip:1@a>, "推销×3475 13041439112" <tel:+8613041439112>`},
		},
		{
			"two lines",
			[]string{from, `P-Asserted-Identity: A <sip:1@a>`, `P-Asserted-Identity: <tel:+8613041439112;phone-context=x>`},
			[]string{`From: "推销×3475 13041439112" <sip:13041439112@carrier.example>;tag=f`, `P-Asserted-Identity: "推销×3475 A" <sip:1@a>`, `P-Asserted-Identity: "推销×3475 13041439112" <tel:+8613041439112;phone-context=x>`},
		},
		{
			"addr-spec of an identity: parameters are the URI's",
			[]string{from, `P-Asserted-Identity: tel:10086;phone-context=+86`, `P-Preferred-Identity: sip:1@a;user=phone`},
			[]string{`From: "推销×3475 13041439112" <sip:13041439112@carrier.example>;tag=f`, `P-Asserted-Identity: "推销×3475 13041439112" <tel:10086;phone-context=+86>`, `P-Preferred-Identity: "推销×3475 13041439112" <sip:1@a;user=phone>`},
		},
		{
			"Remote-Party-ID of the caller, and of others",
			[]string{from, `Remote-Party-ID: "Bob" <sip:1@a>;party=calling;screen=yes;privacy=off`, `Remote-Party-ID: "Eve" <sip:2@a>;party=called`, `Remote-Party-ID: Bob <sip:1@a>`},
			[]string{`From: "推销×3475 13041439112" <sip:13041439112@carrier.example>;tag=f`, `Remote-Party-ID: "推销×3475 Bob" <sip:1@a>;party=calling;screen=yes;privacy=off`, `Remote-Party-ID: "Eve" <sip:2@a>;party=called`, `Remote-Party-ID: "推销×3475 Bob" <sip:1@a>`},
		},
		{
			"unreadable",
			[]string{from, `P-Asserted-Identity: "Bob <sip:1@a>`},
			[]string{`From: "推销×3475 13041439112" <sip:13041439112@carrier.example>;tag=f`, `P-Asserted-Identity: "Bob <sip:1@a>`},
		},
		{
			"the carrier has signed the name (RFC 9795)",
			[]string{`From: "Bob" <sip:1@a>;tag=f`, `P-Asserted-Identity: "Bob" <sip:1@a>`, `Identity: eyJ.x.y;info=<https://a/b;c>;alg=ES256;ppt="rcd"`},
			[]string{`From: "Bob" <sip:1@a>;tag=f`, `P-Asserted-Identity: "Bob" <sip:1@a>`, `Identity: eyJ.x.y;info=<https://a/b;c>;alg=ES256;ppt="rcd"`},
		},
		{
			"the carrier has signed the number alone",
			[]string{`From: "Bob" <sip:1@a>;tag=f`, `Identity: eyJ.x.y;info=<https://a/b;c>;alg=ES256;ppt=shaken`},
			[]string{`From: "推销×3475 Bob" <sip:1@a>;tag=f`, `Identity: eyJ.x.y;info=<https://a/b;c>;alg=ES256;ppt=shaken`},
		},
	}
	r := newRig(t, labelled)
	for i, tt := range tests {
		c := r.carrier.newCall(fmt.Sprint("label-", i))
		sent := strings.Replace(c.request("INVITE", ""), "From: "+c.from, strings.Join(tt.in, "\n"), 1)
		r.carrier.send(sent)
		r.carrier.want("SIP/2.0 100")
		inv := r.pbx.want("INVITE ")
		want := string(sipBytes("\n" + strings.Join(tt.want, "\n") + "\nTo: "))
		if !strings.Contains(string(inv), want) {
			t.Errorf("%s:\n got %q\nwant %q in it", tt.name, inv, want)
		}
		if inv.header("X-Call-Screen") != "tag;rule=sales" {
			t.Errorf("%s: X-Call-Screen = %q", tt.name, inv.header("X-Call-Screen"))
		}
		// The caller gets its own From back, whatever it looked like.
		name, value, _ := strings.Cut(tt.want[0], ":")
		r.pbx.send(strings.Replace(inv.answer("486 Busy Here"), "From: "+inv.header("From"), name+":"+value, 1))
		r.pbx.want("ACK ")
		_, own, _ := strings.Cut(tt.in[0], ":")
		if no := r.carrier.want("SIP/2.0 486"); !strings.Contains(string(no), string(sipBytes(strings.TrimSpace(own)+"\n"))) {
			t.Errorf("%s: answer = %q, want the caller's own %q", tt.name, no, own)
		}
	}
	r.quiet()
}

// What a caller puts in front of its name to look like a label of ours is taken
// out, whatever is decided, and given back in the answers.
func TestImitationsAreTakenOut(t *testing.T) {
	strip := func(name string) (string, bool) {
		rest, found := strings.CutPrefix(name, "快递×1")
		return strings.TrimPrefix(rest, " "), found
	}
	const pai = "P-Asserted-Identity: "
	tests := []struct {
		name         string
		verdict      screening.Verdict
		mode         screening.Mode
		in, want     string // From, P-Asserted-Identity
		pai, wantPAI string
		header       string
	}{
		{"allow", screening.Verdict{}, screening.Enforce, `"快递×1 Bob" <sip:1@a>;tag=f`, `"Bob" <sip:1@a>;tag=f`, `"快递×1" <sip:1@a>`, `<sip:1@a>`, ""},
		{"allow, not quoted", screening.Verdict{}, screening.Enforce, `快递×1 Bob <sip:1@a>;tag=f`, `"Bob" <sip:1@a>;tag=f`, `<sip:1@a>`, `<sip:1@a>`, ""},
		{"allow, nothing of it", screening.Verdict{}, screening.Enforce, `Bob <sip:1@a>;tag=f`, `Bob <sip:1@a>;tag=f`, `"Bob" <sip:1@a>`, `"Bob" <sip:1@a>`, ""},
		{"allow, one identity alone", screening.Verdict{}, screening.Enforce, `<sip:1@a>;tag=f`, `<sip:1@a>;tag=f`, `"快递×1 Bob" <sip:1@a>`, `"Bob" <sip:1@a>`, ""},
		{"observe", screening.Verdict{}, screening.Observe, `"快递×1 Bob" <sip:1@a>;tag=f`, `"快递×1 Bob" <sip:1@a>;tag=f`, `<sip:1@a>`, `<sip:1@a>`, ""},
		{"tag", screening.Verdict{Action: screening.Tag, Label: label}, screening.Enforce, `"快递×1 Bob" <sip:1@a>;tag=f`, `"推销×3475 Bob" <sip:1@a>;tag=f`, `"快递×1 A" <sip:1@a>`, `"推销×3475 A" <sip:1@a>`, ""},
		{"tag, no other name", screening.Verdict{Action: screening.Tag, Label: label}, screening.Enforce, `"快递×1" <sip:1@a>;tag=f`, `"推销×3475 13041439112" <sip:1@a>;tag=f`, `"快递×1" <sip:1@a>`, `"推销×3475 13041439112" <sip:1@a>`, ""},
		{"divert", screening.Verdict{Action: screening.Divert, Target: "sip:8000@b"}, screening.Enforce, `"快递×1 Bob" <sip:1@a>;tag=f`, `"Bob" <sip:1@a>;tag=f`, `<sip:1@a>`, `<sip:1@a>`, ""},
		{"signed by the carrier", screening.Verdict{}, screening.Enforce, `"快递×1 Bob" <sip:1@a>;tag=f`, `"快递×1 Bob" <sip:1@a>;tag=f`, `<sip:1@a>`, `<sip:1@a>`, "Identity: x;ppt=rcd"},
	}
	for i, tt := range tests {
		for _, restarts := range []bool{false, true} {
			r := newRig(t, screenFunc(func(c screening.Call) screening.Decision {
				return screening.Decision{Call: c, Number: screening.Number{Digits: "13041439112"}, Verdict: tt.verdict, Mode: tt.mode}
			}), func(o *Options) { o.StripLabel = strip })
			c := r.carrier.newCall(fmt.Sprint("imitation-", i))
			c.from, c.extra = tt.in, []string{pai + tt.pai}
			if tt.header != "" {
				c.extra = append(c.extra, tt.header)
			}
			inv := r.invite(c)
			if got := inv.header("From"); got != tt.want {
				t.Errorf("%s: From = %q, want %q", tt.name, got, tt.want)
			}
			if got := inv.header("P-Asserted-Identity"); got != tt.wantPAI {
				t.Errorf("%s: P-Asserted-Identity = %q, want %q", tt.name, got, tt.wantPAI)
			}
			if restarts {
				r.restart()
			}
			r.pbx.send(inv.answer("180 Ringing"))
			if got := r.carrier.want("SIP/2.0 180").header("From"); got != tt.in {
				t.Errorf("%s: From of the answer = %q, want %q", tt.name, got, tt.in)
			}
		}
	}
}

// A caller who asked not to be named gets the label, and never its number.
func TestLabelOfAWithheldCaller(t *testing.T) {
	r := newRig(t, screenFunc(func(c screening.Call) screening.Decision {
		return screening.Decision{
			Call: c, Mode: screening.Enforce, Number: screening.Number{Digits: "13041439112"},
			Verdict: screening.Verdict{Action: screening.Tag, Rule: "hidden", Label: "匿名"},
		}
	}))
	c := r.carrier.newCall("withheld")
	c.from = "<sip:anonymous@anonymous.invalid>;tag=f"
	c.extra = []string{"Privacy: id", "P-Asserted-Identity: <sip:13041439112@carrier.example>"}
	inv := r.invite(c)
	if got, want := inv.header("From"), `"匿名" <sip:anonymous@anonymous.invalid>;tag=f`; got != want {
		t.Errorf("From = %q, want %q", got, want)
	}
	if got, want := inv.header("P-Asserted-Identity"), `"匿名" <sip:13041439112@carrier.example>`; got != want {
		t.Errorf("P-Asserted-Identity = %q, want %q", got, want)
	}
}

func TestNamesAreCut(t *testing.T) {
	long := strings.Repeat("x", 79-len(label)-1)
	tests := []struct {
		name string
		in   string // display name, as sent
		want string // between the quotes
	}{
		{"fits", `"` + long + `"`, label + " " + long},
		{"one too many", `"` + long + `y"`, label + " " + long},
		{"on a character", `"` + long[2:] + `张"`, label + " " + long[2:]},
		{"a character fits", `"` + long[3:] + `张y"`, label + " " + long[3:] + "张"},
		{"not through an escape", `"` + long[1:] + `\"y"`, label + " " + long[1:]},
		{"an escape fits", `"` + long[2:] + `\"y"`, label + " " + long[2:] + `\"`},
		{"not through an escaped backslash", `"` + long[1:] + `\\y"`, label + " " + long[1:]},
		{"not through what we escape", long[1:] + `"y`, label + " " + long[1:]},
		{"no blank at the end", `"` + long[2:] + `  yyy"`, label + " " + long[2:]},
		{"no escaped blank at the end", `"` + long[2:] + `\ yyy"`, label + " " + long[2:]},
		{"a blank behind an escaped backslash", `"` + long[3:] + `\\ yyy"`, label + " " + long[3:] + `\\`},
		{"blanks that fit stay", `"x\ "`, label + ` x\ `},
		{"a NUL behind a backslash, which needs quotes", "a\\\x00b", label + ` a\\b`},
		{"no UTF-8, kept", "\"\xd5\xc5\xc8\xfd\"", label + " \xd5\xc5\xc8\xfd"},
	}
	for _, tt := range tests {
		w := &work{}
		got := string(w.labelled(label, []byte(tt.in), tt.in[0] == '"'))
		if got != `"`+tt.want+`"` {
			t.Errorf("%s:\n got %s\nwant \"%s\"", tt.name, got, tt.want)
		}
	}
}

// Whatever the name, what comes out is one quoted string that ends where it
// should and keeps to its length.
func TestLabelledIsOneQuotedString(t *testing.T) {
	pieces := []string{"x", "Zhang San", " ", "\t", `\\`, `\"`, `\ `, `"`, `\`, "张", "\xd5\xc5", "<", ">", ",", ";", label}
	random := rand.New(rand.NewPCG(1, 2))
	read := 0
	for range 50000 {
		name := ""
		for range random.IntN(40) {
			name += pieces[random.IntN(len(pieces))]
		}
		if random.IntN(2) == 0 {
			name = `"` + name + `"`
		}
		raw := []byte(name + "<sip:a@b>")
		in, ok := wire.ReadAddress(raw, wire.Span{End: int32(len(raw))})
		if !ok || in.Display.Empty() {
			continue
		}
		read++
		w := &work{}
		got := w.labelled(label, in.Display.Of(raw), in.Quoted)
		out := append(bytes.Clone(got), "<sip:a@b>"...)
		a, ok := wire.ReadAddress(out, wire.Span{End: int32(len(out))})
		if !ok || !a.Quoted || string(a.Display.Of(out)) != string(got) || string(a.URI.Of(out)) != "sip:a@b" || len(got) > maxName+2 {
			t.Fatalf("%q becomes %q, %d bytes", name, got, len(got)-2)
		}
		if utf8.ValidString(name) && !utf8.Valid(got) {
			t.Fatalf("%q becomes %q, which is no UTF-8", name, got)
		}
	}
	if read < 10000 {
		t.Errorf("%d names could be read, want more", read)
	}
}

// What the PBX's dialplan is told, and what a carrier cannot tell it.
func TestVerdictHeaders(t *testing.T) {
	known := screening.Reputation{Category: screening.CategorySales, Marks: 3475, Directory: "juhe"}
	tests := []struct {
		name string
		d    screening.Decision
		want string
	}{
		{"allow", screening.Decision{Verdict: screening.Verdict{Rule: "friends"}}, "X-Call-Screen: allow;rule=friends"},
		{
			"tag",
			screening.Decision{Reputation: known, Verdict: screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "x"}},
			"X-Call-Screen: tag;rule=sales\nX-Spam-Class: sales\nX-Spam-Count: 3475\nX-Spam-Source: juhe",
		},
		{"divert", screening.Decision{Verdict: screening.Verdict{Action: screening.Divert, Rule: "menu", Target: "sip:8000@192.0.2.10"}}, "X-Call-Screen: divert;rule=menu"},
		{"error", screening.Decision{Failed: errors.New("secret"), Verdict: screening.Verdict{Rule: "default"}}, "X-Call-Screen: error;rule=default"},
		{"error, and a rule for it", screening.Decision{Failed: errors.New("secret"), Verdict: screening.Verdict{Action: screening.Tag, Rule: "failed", Label: "?"}}, "X-Call-Screen: tag;rule=failed"},
	}
	copies := []string{
		"X-Call-Screen: allow;rule=mine", "x-call-screen: allow", "X-SPAM-CLASS: none", "X-Spam-Count: 0", "x-Spam-Source: me",
		"X-Screen-Trunk: other", "X-Screen-Call-ID: other", "X-AUTH-IP: 192.0.2.1", "X-Auth-Port: 1",
	}
	kept := []string{"X-Call-Screens: 1", "X-Spam: 2", "X-Auth: 3", "X-AUTH-IP2: 4"}
	for _, mode := range []screening.Mode{screening.Observe, screening.Enforce} {
		for _, tt := range tests {
			r := newRig(t, screenFunc(func(c screening.Call) screening.Decision {
				d := tt.d
				d.Call, d.Mode = c, mode
				return d
			}))
			c := r.carrier.newCall("headers")
			c.extra = append(append([]string(nil), copies...), kept...)
			inv := r.invite(c)
			want := strings.Join(kept, "\n") + "\nContent-Length: 0\n"
			if mode == screening.Enforce {
				want += tt.want + "\n"
			}
			if !strings.HasSuffix(string(inv), string(sipBytes("\n"+want+"\n"))) {
				t.Errorf("%v, %s:\n got %q\nwant at its end %q", mode, tt.name, inv, want)
			}
			if mode == screening.Observe && inv.header("From") != c.from {
				t.Errorf("%s: From = %q", tt.name, inv.header("From"))
			}
		}
	}
}

// Copies of our own headers go from every request of a trunk, and from none of
// the PBX.
func TestOurHeadersAreStripped(t *testing.T) {
	r := newRig(t, allowed)
	c := r.carrier.newCall("info")
	c.extra = []string{"X-Call-Screen: allow"}
	r.carrier.send(c.request("MESSAGE", ""))
	if got := r.pbx.want("MESSAGE "); got.header("X-Call-Screen") != "" {
		t.Errorf("MESSAGE of a trunk keeps %q", got.header("X-Call-Screen"))
	}
	c = r.pbx.newCall("out")
	c.extra = []string{"X-Call-Screen: allow"}
	r.pbx.send(c.request("MESSAGE", ""))
	if got := r.carrier.want("MESSAGE "); got.header("X-Call-Screen") != "allow" {
		t.Errorf("MESSAGE of the PBX has X-Call-Screen %q", got.header("X-Call-Screen"))
	}
}

// The same of the answers of a trunk, to a call and in its dialog: what it says
// of who answers is its word only where it is trusted (RFC 3325 section 5).
func TestAnswersAreStripped(t *testing.T) {
	extra := []string{"X-Call-Screen: allow", `P-Asserted-Identity: "Eve" <sip:1@a>`, "X-Other: 1"}
	for _, trust := range []bool{true, false} {
		r := newRig(t, allowed, func(o *Options) { o.Trunks[0].TrustIdentity = trust })
		check := func(got msg) {
			t.Helper()
			if got.header("X-Call-Screen") != "" || got.header("X-Other") != "1" || (got.header("P-Asserted-Identity") != "") != trust {
				t.Errorf("trusted %v: the PBX gets %q", trust, got)
			}
		}
		c := r.pbx.newCall("out")
		r.pbx.send(c.request("INVITE", ""))
		r.pbx.want("SIP/2.0 100")
		r.carrier.send(r.carrier.want("INVITE ").answer("200 OK", extra...))
		check(r.pbx.want("SIP/2.0 200"))
		r.pbx.send(c.request("INFO", "info"))
		r.carrier.send(r.carrier.want("INFO ").answer("200 OK", extra...))
		check(r.pbx.want("SIP/2.0 200"))

		in := r.invite(r.carrier.newCall("in"))
		r.pbx.send(in.answer("200 OK", extra...))
		if got := r.carrier.want("SIP/2.0 200"); len(got.headers("X-Call-Screen"))+len(got.headers("P-Asserted-Identity")) != 2 {
			t.Errorf("an answer of the PBX loses headers: %q", got)
		}
	}
}

func TestDivert(t *testing.T) {
	r := newRig(t, verdict(screening.Verdict{Action: screening.Divert, Rule: "menu", Target: "sip:8000@192.0.2.10;x=y"}))
	c := r.carrier.newCall("diverted")
	inv := r.invite(c)
	if !strings.HasPrefix(string(inv), "INVITE sip:8000@192.0.2.10;x=y SIP/2.0\r\n") || inv.header("To") != c.to || inv.header("From") != c.from {
		t.Errorf("diverted call = %q", inv)
	}
	r.pbx.send(inv.answer("180 Ringing"))
	r.carrier.want("SIP/2.0 180")
	r.cancel(c)
	checkFollows(t, r.pbx.want("CANCEL "), inv, "CANCEL", inv.header("To"))
	r.pbx.send(inv.answer("487 Request Terminated"))
	checkFollows(t, r.pbx.want("ACK "), inv, "ACK", inv.header("To")+";tag=callee")
	r.carrier.want("SIP/2.0 487")
	r.quiet()
}
