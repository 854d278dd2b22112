package wire

import (
	"slices"
	"strings"
	"testing"
)

func all(raw []byte) Span { return Span{0, int32(len(raw))} }

func TestReadAddress(t *testing.T) {
	for _, tt := range []struct {
		value                string
		display, uri, params string // the URI with its brackets, if it has them
		tag                  string
	}{
		{`"Zhang San" <sip:1@a>;tag=1`, `"Zhang San"`, "<sip:1@a>", ";tag=1", "1"},
		{`"Zhang San"<sip:1@a>`, `"Zhang San"`, "<sip:1@a>", "", ""},
		{`"" <sip:1@a>;tag=1`, `""`, "<sip:1@a>", ";tag=1", "1"},
		{`<sip:1@a>;tag=1`, "", "<sip:1@a>", ";tag=1", "1"},
		{`  <sip:1@a>  `, "", "<sip:1@a>", "", ""},
		{`< sip:1@a >;tag=1`, "", "<sip:1@a>", ";tag=1", "1"},
		{`<sip:1@a;x=1?h=2>;tag=1`, "", "<sip:1@a;x=1?h=2>", ";tag=1", "1"},
		{`Zhang San <sip:1@a>;tag=1`, "Zhang San", "<sip:1@a>", ";tag=1", "1"},
		{`Zhang<sip:1@a>;tag=1`, "Zhang", "<sip:1@a>", ";tag=1", "1"},
		{"token1~` token2'+_ token3*%!.- <sip:1@a>", "token1~` token2'+_ token3*%!.-", "<sip:1@a>", "", ""},
		{`Bell, Alexander <sip:1@a>;tag=43`, "Bell, Alexander", "<sip:1@a>", ";tag=43", "43"},
		{`张三 <sip:1@a>;tag=1`, "张三", "<sip:1@a>", ";tag=1", "1"},

		{`sip:1@a;tag=1`, "", "sip:1@a", ";tag=1", "1"},
		{`sip:1@a ;  tag  =  1 ; x`, "", "sip:1@a", ";  tag  =  1 ; x", "1"},
		{`sip:1@a`, "", "sip:1@a", "", ""},
		{`sip:1@a;x="<sip:2@b>;tag=2";tag=1`, "", "sip:1@a", `;x="<sip:2@b>;tag=2";tag=1`, "1"},
		{`tel:+86-571-56264805;tag=1`, "", "tel:+86-571-56264805", ";tag=1", "1"},
		{`<tel:+8657156264805;phone-context=x>;tag=1`, "", "<tel:+8657156264805;phone-context=x>", ";tag=1", "1"},
		{`isbn:2983792873`, "", "isbn:2983792873", "", ""},
		{`<sip:1@[2001:db8::1]:5060>;tag=1`, "", "<sip:1@[2001:db8::1]:5060>", ";tag=1", "1"},
		{`sip:1@[2001:db8::1];tag=1`, "", "sip:1@[2001:db8::1]", ";tag=1", "1"},

		{`"a \"b\" <sip:2@b>" <sip:1@a>;tag=1`, `"a \"b\" <sip:2@b>"`, "<sip:1@a>", ";tag=1", "1"},
		{`"J \\\"" <sip:1@a>;tag=1`, `"J \\\""`, "<sip:1@a>", ";tag=1", "1"},
		{`"ends in \\" <sip:1@a>;tag=1`, `"ends in \\"`, "<sip:1@a>", ";tag=1", "1"},
		{`"a;tag=2, <b>" <sip:1@a>;tag=1`, `"a;tag=2, <b>"`, "<sip:1@a>", ";tag=1", "1"},
		{"\"\xd5\xc5\xc8\xfd\" <sip:1@a>;tag=1", "\"\xd5\xc5\xc8\xfd\"", "<sip:1@a>", ";tag=1", "1"},       // GBK
		{"\"\x95\\\xc8\xfd\" <sip:1@a>;tag=1", "\"\x95\\\xc8\xfd\"", "<sip:1@a>", ";tag=1", "1"},           // GBK whose second byte is a backslash
		{"\xd5\xc5\xc8\xfd <sip:1@a>;tag=1", "\xd5\xc5\xc8\xfd", "<sip:1@a>", ";tag=1", "1"},               // GBK without quotes
		{"\"Andr\xe9\" <sip:1@a>;tag=1", "\"Andr\xe9\"", "<sip:1@a>", ";tag=1", "1"},                       // Latin-1
		{"\"BEL:\\\a NUL:\\\x00\" <sip:1@a>;tag=1", "\"BEL:\\\a NUL:\\\x00\"", "<sip:1@a>", ";tag=1", "1"}, // quoted pairs

		{`<sip:1@a> ; tag = 1`, "", "<sip:1@a>", "; tag = 1", "1"},
		{`<sip:1@a>;TAG=1`, "", "<sip:1@a>", ";TAG=1", "1"},
		{`<sip:1@a>;;tag=1;`, "", "<sip:1@a>", ";;tag=1;", "1"},
		{`<sip:1@a>;early;tag=1`, "", "<sip:1@a>", ";early;tag=1", "1"},
		{`<sip:1@a>;x="a;tag=2";tag=1`, "", "<sip:1@a>", `;x="a;tag=2";tag=1`, "1"},
		{`<sip:1@a>;x="\";tag=2";tag=1`, "", "<sip:1@a>", `;x="\";tag=2";tag=1`, "1"},
		{`<sip:1@a>;xtag=2;tags=3;tag=1`, "", "<sip:1@a>", ";xtag=2;tags=3;tag=1", "1"},
		{`<sip:1@a>;tag=abc==`, "", "<sip:1@a>", ";tag=abc==", "abc=="},
		{`<sip:1@a>;tag`, "", "<sip:1@a>", ";tag", ""},
		{`<sip:1@a>;x=<;tag=1`, "", "<sip:1@a>", ";x=<;tag=1", "1"},
		{`<sip:1@a;tag=2>`, "", "<sip:1@a;tag=2>", "", ""},
		{"\r\n \"Zhang\r\n\t San\"\r\n <sip:1@a>\r\n ;\r\n tag\r\n = 1\r\n ", "\"Zhang\r\n\t San\"", "<sip:1@a>", ";\r\n tag\r\n = 1", "1"},
		{"Zhang\r\n San <sip:1@a>", "Zhang\r\n San", "<sip:1@a>", "", ""},
	} {
		raw := []byte(tt.value)
		a, ok := ReadAddress(raw, all(raw))
		tag, _ := FindParam(raw, a.Params, "tag")
		uri := string(a.URI.Of(raw))
		if a.Angle {
			uri = "<" + uri + ">"
		}
		if !ok || string(a.Display.Of(raw)) != tt.display || uri != tt.uri ||
			string(a.Params.Of(raw)) != tt.params || string(tag.Value.Of(raw)) != tt.tag {
			t.Errorf("ReadAddress(%q) = %q %q %q, tag %q, %v; want %q", tt.value,
				a.Display.Of(raw), uri, a.Params.Of(raw), tag.Value.Of(raw), ok, tt)
		}
		if got, want := string(a.Value.Of(raw)), strings.Trim(tt.value, " \t\r\n"); got != want {
			t.Errorf("ReadAddress(%q): Value = %q", tt.value, got)
		}
		if got, want := a.Quoted, strings.HasPrefix(tt.display, `"`); got != want {
			t.Errorf("ReadAddress(%q): Quoted = %v", tt.value, got)
		}
	}
}

func TestNoAddress(t *testing.T) {
	for _, value := range []string{
		``,
		`   `,
		`<>`,
		`< >;tag=1`,
		`;tag=1`,
		`"Zhang San"`,
		`"Zhang San";tag=1`,
		`"Zhang San" sip:1@a`,
		`"Zhang San <sip:1@a>;tag=1`,
		`"Zhang San\" <sip:1@a>;tag=1`,
		"\"\x95\\\" <sip:1@a>;tag=1", // GBK that ends in a backslash escapes the quote: every reader after us has it so
		`<sip:1@a;tag=1`,
		`Zhang <sip:1@a`,
		`<sip:1@a>tag=1`,
		`<sip:1@a> x;tag=1`,
		`<<sip:1@a>>;tag=1`,
		`<sip:1@a>;x="y;tag=1`,
		`<sip:1@a>;x="y\";tag=1`,
		`sip:1@a;x="y;tag=1`,
		`sip:1@a>;tag=1`,
		`sip:1"2"@a;tag=1`,
	} {
		raw := []byte(value)
		if a, ok := ReadAddress(raw, all(raw)); ok {
			t.Errorf("ReadAddress(%q) = URI %q, want none", value, a.URI.Of(raw))
		}
	}
}

func TestNextValue(t *testing.T) {
	for _, tt := range []struct {
		list string
		want []string
	}{
		{``, nil},
		{`<sip:a>`, []string{`<sip:a>`}},
		{`<sip:a>,<sip:b>`, []string{`<sip:a>`, `<sip:b>`}},
		{` <sip:a> , <sip:b> `, []string{`<sip:a>`, `<sip:b>`}},
		{"<sip:a>\r\n ,\r\n\t<sip:b>", []string{`<sip:a>`, `<sip:b>`}},
		{`"a, b" <sip:a,b;x=",">;y=",", "c\", d" <tel:1>`, []string{`"a, b" <sip:a,b;x=",">;y=","`, `"c\", d" <tel:1>`}},
		{"\"\xd5\x2c\" <sip:a>, b", []string{"\"\xd5\x2c\" <sip:a>", "b"}},
		{`"a, b`, []string{`"a, b`}},
		{`<sip:a, sip:b`, []string{`<sip:a, sip:b`}},
		{`<sip:a,b>,<sip:c,"d>,<tel:1>`, []string{`<sip:a,b>`, `<sip:c,"d>`, `<tel:1>`}},
		{`a <b,c> <d,e> f, g`, []string{`a <b,c> <d,e> f`, `g`}},
		{`a,`, []string{`a`}},
		{`a, ,b`, []string{`a`, ``, `b`}},
		{`,a`, []string{``, `a`}},
	} {
		raw := []byte(tt.list)
		var got []string
		for rest := all(raw); !rest.Empty(); {
			var v Span
			v, rest = NextValue(raw, rest)
			got = append(got, string(v.Of(raw)))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("NextValue over %q = %q, want %q", tt.list, got, tt.want)
		}
	}
}

func TestNextParam(t *testing.T) {
	for _, tt := range []struct {
		params string
		want   []string // name=value of each, and what it covers
	}{
		{"", nil},
		{";lr", []string{"lr=", ";lr"}},
		{";a=1;b=2", []string{"a=1", ";a=1", "b=2", ";b=2"}},
		{"; a = 1 ; b ", []string{"a=1", "; a = 1 ", "b=", "; b "}},
		{";;a", []string{"=", ";", "a=", ";a"}},
		{";a=", []string{"a=", ";a="}},
		{";a=b=c", []string{"a=b=c", ";a=b=c"}},
		{`;a="b;c=\"d"; e`, []string{`a="b;c=\"d"`, `;a="b;c=\"d"`, "e=", "; e"}},
		{`;"a=b"=c`, []string{`"a=b"=c`, `;"a=b"=c`}},
		{";a=<b;c>;d", []string{"a=<b", ";a=<b", "c>=", ";c>", "d=", ";d"}},
		{";a\r\n =\r\n\t1", []string{"a=1", ";a\r\n =\r\n\t1"}},
	} {
		raw := []byte(tt.params)
		var got []string
		p, rest, ok := NextParam(raw, all(raw))
		for ; ok; p, rest, ok = NextParam(raw, rest) {
			got = append(got, string(p.Name.Of(raw))+"="+string(p.Value.Of(raw)), string(p.All.Of(raw)))
		}
		if !slices.Equal(got, tt.want) || !rest.Empty() {
			t.Errorf("NextParam over %q = %q, rest %q; want %q", tt.params, got, rest.Of(raw), tt.want)
		}
	}
	raw := []byte("tag=1")
	if _, rest, ok := NextParam(raw, all(raw)); ok || rest != all(raw) {
		t.Errorf("NextParam(%q) = %v, %v; want nothing", raw, rest, ok)
	}
}

func TestFindParam(t *testing.T) {
	raw := []byte(`;Tag=1;x;tag=2;y=""`)
	for _, tt := range []struct {
		name, value string
		found       bool
	}{{"tag", "1", true}, {"x", "", true}, {"y", `""`, true}, {"z", "", false}, {"", "", false}} {
		if p, ok := FindParam(raw, all(raw), tt.name); ok != tt.found || string(p.Value.Of(raw)) != tt.value {
			t.Errorf("FindParam(%q) = %q, %v; want %q, %v", tt.name, p.Value.Of(raw), ok, tt.value, tt.found)
		}
	}
}

func TestAppendName(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{`"Zhang San" <sip:1@a>`, "Zhang San"},
		{`"a \"b\" \\ \c" <sip:1@a>`, `a "b" \ c`},
		{"\"Zhang\r\n San\" <sip:1@a>", "Zhang San"},
		{"Zhang\r\n\tSan <sip:1@a>", "Zhang\tSan"},
		{`back\slash <sip:1@a>`, `back\slash`},
		{`"" <sip:1@a>`, ""},
		{`<sip:1@a>`, ""},
		{"\"\xd5\xc5\xc8\xfd\" <sip:1@a>", "\xd5\xc5\xc8\xfd"},
	} {
		raw := []byte(tt.value)
		a, ok := ReadAddress(raw, all(raw))
		if got := string(a.AppendName([]byte("> "), raw)); !ok || got != "> "+tt.want {
			t.Errorf("AppendName of %q = %q, want %q", tt.value, got, "> "+tt.want)
		}
	}
}
