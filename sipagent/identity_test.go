package sipagent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"callscreen/screening"
)

// heard makes a Screener that allows every call and keeps what it was told.
func heard(calls chan<- screening.Call) Screener {
	return screenFunc(func(c screening.Call) screening.Decision {
		calls <- c
		return screening.Decision{Call: c}
	})
}

func TestWhoCalls(t *testing.T) {
	const (
		from = `From: "F, \"x\"" <sip:+8613000000001@a;verstat=No>;tag=f`
		pai  = `P-Asserted-Identity: "A" <sip:13000000002@a>`
		rpid = `Remote-Party-ID: "R" <sip:13000000003@a>;party=calling;privacy=off`
		ppi  = `P-Preferred-Identity: "P" <sip:13000000004@a>`
	)
	by := func(header, uri, name string) screening.Call {
		return screening.Call{Header: header, From: uri, Name: name}
	}
	byFrom := by("From", "sip:+8613000000001@a;verstat=No", `F, "x"`)
	withheld := func(c screening.Call) screening.Call {
		c.Withheld = true
		return c
	}
	tests := []struct {
		name               string
		in                 []string
		trusted, untrusted screening.Call
	}{
		{"From alone", []string{from}, byFrom, byFrom},
		{"all four", []string{from, ppi, rpid, pai}, by("P-Asserted-Identity", "sip:13000000002@a", "A"), byFrom},
		{"no P-Asserted-Identity", []string{from, ppi, rpid}, by("Remote-Party-ID", "sip:13000000003@a", "R"), byFrom},
		{"no Remote-Party-ID", []string{from, ppi}, by("P-Preferred-Identity", "sip:13000000004@a", "P"), byFrom},
		{"only with a number", []string{from, `P-Asserted-Identity: <sip:anonymous@a>`, rpid}, by("Remote-Party-ID", "sip:13000000003@a", "R"), byFrom},
		{"none with a number", []string{from, `P-Asserted-Identity: <sip:anonymous@a>`, `Remote-Party-ID: <sip:a>`}, byFrom, byFrom},
		{"the first with a number", []string{from, `P-Asserted-Identity: <sip:boss@a>, "A, 2" <tel:+86-571-5626-4805>`}, by("P-Asserted-Identity", "tel:+86-571-5626-4805", "A, 2"), byFrom},
		{"on the second line", []string{from, `P-Asserted-Identity: <sip:boss@a>`, pai}, by("P-Asserted-Identity", "sip:13000000002@a", "A"), byFrom},
		{"Remote-Party-ID of another party", []string{from, `Remote-Party-ID: <sip:13000000005@a>;party=called`, rpid}, by("Remote-Party-ID", "sip:13000000003@a", "R"), byFrom},
		{"Remote-Party-ID of no party", []string{from, `Remote-Party-ID: <sip:13000000005@a>`}, by("Remote-Party-ID", "sip:13000000005@a", ""), byFrom},
		{"addr-spec", []string{from, `P-Asserted-Identity: tel:10086;phone-context=+86`}, by("P-Asserted-Identity", "tel:10086;phone-context=+86", ""), byFrom},
		{"unreadable", []string{from, `P-Asserted-Identity: "A <sip:13000000002@a>`}, byFrom, byFrom},
		{"token name", []string{"f: Zhang San <sip:1@a>;tag=f"}, by("From", "sip:1@a", "Zhang San"), by("From", "sip:1@a", "Zhang San")},
		{"From without brackets", []string{"From: sip:1@a;tag=f"}, by("From", "sip:1@a", ""), by("From", "sip:1@a", "")},
		{"Privacy: id", []string{from, "Privacy: id"}, withheld(byFrom), withheld(byFrom)},
		{"Privacy: ID;critical", []string{from, "privacy: ID;critical"}, withheld(byFrom), withheld(byFrom)},
		{"Privacy of nothing", []string{from, "Privacy:"}, byFrom, byFrom},
		{"Privacy: none", []string{from, "Privacy: None"}, byFrom, byFrom},
		{"Remote-Party-ID;privacy=full", []string{from, `Remote-Party-ID: <sip:13000000003@a>;privacy=full`}, withheld(by("Remote-Party-ID", "sip:13000000003@a", "")), byFrom},
		{
			"withheld the way carriers do",
			[]string{`From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=f`, pai, "Privacy: id"},
			withheld(by("P-Asserted-Identity", "sip:13000000002@a", "A")),
			withheld(by("From", "sip:anonymous@anonymous.invalid", "Anonymous")),
		},
	}
	for trust, change := range map[bool]func(*Options){true: func(*Options) {}, false: untrusted} {
		calls := make(chan screening.Call, 1)
		r := newRig(t, heard(calls), change)
		for i, tt := range tests {
			c := r.carrier.newCall(fmt.Sprint("who-", i))
			before := time.Now()
			r.carrier.send(strings.Replace(c.request("INVITE", ""), "From: "+c.from, strings.Join(tt.in, "\n"), 1))
			r.carrier.want("SIP/2.0 100")
			inv := r.pbx.want("INVITE ")
			want := tt.untrusted
			if trust {
				want = tt.trusted
			}
			got := <-calls
			if got.At.Before(before) || got.At.After(time.Now()) {
				t.Errorf("%s: At = %v", tt.name, got.At)
			}
			want.At, want.ID, want.Trunk, want.To = got.At, c.id, "carrier", "100"
			want.Claimed, want.Asserted, want.Verstat = got.Claimed, got.Asserted, got.Verstat // see TestWhatPoliciesAsk
			if got != want {
				t.Errorf("%s, trusted %v:\n got %+v\nwant %+v", tt.name, trust, got, want)
			}
			for _, h := range []string{"P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"} {
				has := strings.Contains(strings.Join(tt.in, "\n"), h)
				if got := inv.header(h) != ""; got != (has && trust) {
					t.Errorf("%s, trusted %v: %s passes: %v", tt.name, trust, h, got)
				}
			}
		}
		r.quiet()
	}
}

// What only policies look at, on a trunk that is trusted and one that is not.
func TestWhatPoliciesAsk(t *testing.T) {
	const from, claimed = "From: <sip:1@a>;tag=f", "sip:1@a"
	plain := screening.Call{Claimed: claimed}
	by := func(diverter string) screening.Call { return screening.Call{Claimed: claimed, DivertedBy: diverter} }
	verified := func(uri, asserted, verstat string) screening.Call {
		return screening.Call{Claimed: uri, Asserted: asserted, Verstat: verstat}
	}
	tests := []struct {
		name               string
		in                 []string
		trusted, untrusted screening.Call
	}{
		{"nothing", []string{from}, plain, plain},
		{"User-Agent", []string{from, "user-agent: Dialer 1.0 (x)", "User-Agent: second"}, screening.Call{Claimed: claimed, UserAgent: "Dialer 1.0 (x)"}, screening.Call{Claimed: claimed, UserAgent: "Dialer 1.0 (x)"}},
		{"asserted", []string{from, "P-Asserted-Identity: <sip:boss@a>, <tel:2>"}, verified(claimed, "sip:boss@a", ""), verified(claimed, "sip:boss@a", "")},
		{"the topmost Diversion", []string{from, `Diversion: "A" <sip:2@a>;reason=unconditional, <sip:3@a>`, "Diversion: <sip:4@a>", "History-Info: <sip:5@a>;index=1, <sip:6@a>;index=1.1;mp=1"}, by("sip:2@a"), plain},
		{"unreadable Diversion", []string{from, `Diversion: "A <sip:2@a>`, "Diversion: <sip:4@a>"}, by("sip:4@a"), plain},
		{"the last mp", []string{from, "History-Info: <sip:5@a>;index=1,<sip:6@a>;index=1.1;mp=1", "History-Info: <sip:7@a>;index=1.2, <sip:8@a>;index=1.1.1;mp=1.1"}, by("sip:6@a"), plain},
		{"mp to nobody", []string{from, "History-Info: <sip:5@a>;index=1, <sip:6@a>;index=1.1;mp=2"}, plain, plain},
		{"cause without mp", []string{from, "History-Info: <sip:5@a>;index=1, <sip:6@a;cause=302>;index=1.1"}, by("sip:5@a"), plain},
		{"a service number", []string{from, "History-Info: <sip:5@a>;index=1, <sip:6@a;cause=380>;index=1.1"}, plain, plain},
		{"no diversion", []string{from, "History-Info: <sip:5@a>;index=1, <sip:6@a>;index=1.1;rc=1"}, plain, plain},
		{"verstat of From", []string{"From: <sip:1@a;verstat=TN-Validation-Passed-A;x>;tag=f"}, verified("sip:1@a;verstat=TN-Validation-Passed-A;x", "", "TN-Validation-Passed-A"), verified("sip:1@a;verstat=TN-Validation-Passed-A;x", "", "")},
		{"verstat of the number", []string{"From: <sip:+1;npdi;Verstat=TN-Validation-Failed@a;user=phone>;tag=f"}, verified("sip:+1;npdi;Verstat=TN-Validation-Failed@a;user=phone", "", "TN-Validation-Failed"), verified("sip:+1;npdi;Verstat=TN-Validation-Failed@a;user=phone", "", "")},
		{"verstat of who calls", []string{"From: <sip:1@a;verstat=No-TN-Validation>;tag=f", "P-Asserted-Identity: <tel:+2;verstat=TN-Validation-Passed>"}, verified("sip:1@a;verstat=No-TN-Validation", "tel:+2;verstat=TN-Validation-Passed", "TN-Validation-Passed"), verified("sip:1@a;verstat=No-TN-Validation", "tel:+2;verstat=TN-Validation-Passed", "")},
		{"another verstat", []string{from, "P-Asserted-Identity: <tel:+2;xverstat=1>"}, verified(claimed, "tel:+2;xverstat=1", ""), verified(claimed, "tel:+2;xverstat=1", "")},
	}
	for trust, change := range map[bool]func(*Options){true: func(*Options) {}, false: untrusted} {
		calls := make(chan screening.Call, 1)
		r := newRig(t, heard(calls), change)
		for i, tt := range tests {
			c := r.carrier.newCall(fmt.Sprint("asks-", i))
			r.carrier.send(strings.Replace(c.request("INVITE", ""), "From: "+c.from, strings.Join(tt.in, "\n"), 1))
			r.carrier.want("SIP/2.0 100")
			r.pbx.want("INVITE ")
			want := tt.untrusted
			if trust {
				want = tt.trusted
			}
			c1 := <-calls
			got := screening.Call{Claimed: c1.Claimed, Asserted: c1.Asserted, DivertedBy: c1.DivertedBy, Verstat: c1.Verstat, UserAgent: c1.UserAgent}
			if got != want {
				t.Errorf("%s, trusted %v:\n got %+v\nwant %+v", tt.name, trust, got, want)
			}
		}
		r.quiet()
	}
}

// The called number as carriers write it.
func TestWhoIsCalled(t *testing.T) {
	calls := make(chan screening.Call, 1)
	r := newRig(t, heard(calls))
	for uri, want := range map[string]string{
		"sip:100@pbx.example": "100", "sips:+8657188991122@pbx.example;user=phone": "+8657188991122",
		"sip:pbx.example": "", "tel:+86-571-8899;phone-context=x": "+86-571-8899;phone-context=x",
		"sip:100:secret@pbx.example": "100", "sip:0571%2D1@pbx.example": "0571%2D1",
	} {
		c := r.carrier.newCall("called-" + uri[:3] + fmt.Sprint(len(uri)))
		c.uri = uri
		r.invite(c)
		if got := <-calls; got.To != want {
			t.Errorf("%s: To = %q, want %q", uri, got.To, want)
		}
	}
}

// An untrusted trunk cannot say who calls, whatever becomes of its calls: the
// PBX never sees its identity headers.
func TestUntrustedIdentitiesNeverPass(t *testing.T) {
	ids := []string{
		`P-Asserted-Identity: "Police" <sip:110@a>, <tel:110>`, `p-asserted-identity: <sip:110@a>`,
		`Remote-Party-ID: "Police" <sip:110@a>`, "P-Preferred-Identity:\n <sip:110@a>",
	}
	decide := func(d screening.Decision) Screener {
		return screenFunc(func(c screening.Call) screening.Decision {
			d.Call = c
			return d
		})
	}
	label := screening.Verdict{Action: screening.Tag, Rule: "sales", Label: "x"}
	for name, s := range map[string]Screener{
		"enforce":    decide(screening.Decision{Mode: screening.Enforce, Verdict: label}),
		"observe":    decide(screening.Decision{Verdict: label}),
		"failed":     decide(screening.Decision{Mode: screening.Enforce, Failed: errors.New("x")}),
		"panic":      screenFunc(func(screening.Call) screening.Decision { panic("broken") }),
		"late panic": decide(screening.Decision{Mode: screening.Enforce, Verdict: label}),
	} {
		r := newRig(t, s, untrusted, func(o *Options) {
			if name == "late panic" {
				o.Recorder = recordFunc(func(screening.Decision) { panic("broken") })
			}
		})
		c := r.carrier.newCall("untrusted")
		c.extra = ids
		for _, method := range []string{"INVITE", "MESSAGE"} {
			r.carrier.send(c.request(method, method))
			inv := r.pbx.want(method + " ")
			for _, h := range []string{"P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"} {
				if got := inv.headers(h); len(got) != 0 {
					t.Errorf("%s: %s has %s: %q", name, method, h, got)
				}
			}
		}
	}
}
