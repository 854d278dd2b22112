package screening

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTemplateExecute(t *testing.T) {
	sales := Reputation{Label: "推销", Marks: 3475, Category: CategorySales, Name: "张三", Place: "江苏苏州联通"}
	tests := []struct {
		why      string
		template string
		r        Reputation
		want     string
	}{
		{"the usual label", "{label}×{marks}", sales, "推销×3475"},
		{"with the name", "{label}×{marks} {name}", sales, "推销×3475 张三"},
		{"without marks", "{label}×{marks}", Reputation{Label: "推销"}, "推销"},
		{"without marks in the middle", "{label}×{marks} {name}", Reputation{Label: "推销", Name: "张三"}, "推销 张三"},
		{"without label the marks mean nothing", "{label}×{marks}", Reputation{Marks: 3475}, ""},
		{"a label of forbidden characters is none", "{label}×{marks}", Reputation{Label: "$<>", Marks: 3475}, ""},
		{"a label of separators is none", "{label}×{marks}", Reputation{Label: "×-·", Marks: 3475}, ""},
		{"without label the name stays", "{label}×{marks} {name}", Reputation{Marks: 3475, Name: "张三"}, "张三"},
		{"negative marks are none", "{label}×{marks}", Reputation{Label: "推销", Marks: -1}, "推销"},
		{"nothing known", "{label}×{marks} {name} {place} {category}", Reputation{}, ""},
		{"an ASCII template", "SPAM x{marks}", sales, "SPAM x3475"},
		{"an ASCII template without marks", "SPAM x{marks}", Reputation{Label: "推销"}, "SPAM"},
		{"an x of a word stays", "Fax{marks}", Reputation{}, "Fax"},
		{"category", "{category} X{marks}", Reputation{Category: CategorySales, Marks: 2}, "sales X2"},
		{"a text of its own", "SPAM", Reputation{}, "SPAM"},
		{"place", "{label}-{place}", sales, "推销-江苏苏州联通"},
		{"a separator before nothing", "{label}-{place}", Reputation{Label: "推销"}, "推销"},
		{"a separator behind nothing", "{label}-{place}", Reputation{Place: "江苏"}, "江苏"},
		{"two separators around nothing", "{label}·{marks}-{name}", Reputation{Label: "推销", Name: "张三"}, "推销-张三"},
		{"spaced separators around nothing", "{label} - {place} - {name}", Reputation{Label: "推销", Name: "张三"}, "推销 - 张三"},
		{"full-width forms", "{label}", Reputation{Label: "ＡＢ　１２（推销）"}, "AB 12推销"},
		{"24 columns", "{label}", Reputation{Label: "一二三四五六七八九十一二三"}, "一二三四五六七八九十一二"},
		{"24 columns of ASCII", "{label}", Reputation{Label: "abcdefghijklmnopqrstuvwxyz"}, "abcdefghijklmnopqrstuvwx"},
		{"40 bytes before 24 columns", "{label}", Reputation{Label: strings.Repeat("𠮷", 11)}, strings.Repeat("𠮷", 10)},
		{"40 bytes of two-byte letters", "{label}", Reputation{Label: strings.Repeat("é", 24)}, strings.Repeat("é", 20)},
		{"no half of a wide character", "a{label}", Reputation{Label: strings.Repeat("推", 12)}, "a" + strings.Repeat("推", 11)},
		{"no dangling end after the cut", "{label} {name}", Reputation{Label: "一二三四五六七八九十一二", Name: "张"}, "一二三四五六七八九十一二"},
		{"no part of a number", "{label}×{marks}", Reputation{Label: "一二三四五六七八九十", Marks: 123456}, "一二三四五六七八九十"},
		{"a number that is all there is", "{label}", Reputation{Label: strings.Repeat("1", 30)}, strings.Repeat("1", 24)},
		{"header injection", "{label}", Reputation{Label: "推销\"\r\nX-Evil: 1"}, "推销 X-Evil 1"},
		{"a dialplan's variable", "{label}×{marks}", Reputation{Label: "${system(reboot)}", Marks: 7}, "systemreboot×7"},
		{"a placeholder is no placeholder in a value", "{label}", Reputation{Label: "{marks}", Marks: 7}, "marks"},
		{"500 characters", "{label}×{marks}", Reputation{Label: strings.Repeat("推", 500), Marks: 7}, strings.Repeat("推", 12)},
		{"right-to-left override", "{label}", Reputation{Label: "推\u202e销\u2066\u200f"}, "推销"},
		{"zero width", "{label}", Reputation{Label: "推\u200b\u200d\ufeff\u2060销"}, "推销"},
		{"private use", "{label}", Reputation{Label: "推\ue000\U000f0000销"}, "推销"},
		{"control characters", "{label}", Reputation{Label: "\x00推\x1b[31m销\x7f\u0085"}, "推31m销"},
		{"invalid UTF-8", "{label}", Reputation{Label: "推\xff\xe6\x8e销\xed\xa0\x80\xc0\xaf"}, "推销"},
		{"the replacement character", "{label}", Reputation{Label: "推\ufffd销"}, "推销"},
		{"combining marks", "{label}", Reputation{Label: "Z\u0351a\u0300\u0489lgo"}, "Zalgo"},
		{"letters that run the other way", "{label}", Reputation{Label: "שaعb"}, "ab"},
		{"everything that A.7 forbids", "{label}", Reputation{Label: `a"\<>()/,;:@${}%*#=|&b` + "'`"}, "ab"},
		{"accents", "{name}", Reputation{Name: "Café"}, "Café"},
		{"ligatures", "{label}", Reputation{Label: "oﬃceⅣ"}, "oce"},
		{"emoji", "{label}", Reputation{Label: "⚠️推销☎"}, "推销"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			template, err := ParseTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			if got := template.Execute(tt.r); got != tt.want {
				t.Errorf("Execute(%q, %+v) = %q, want %q", tt.template, tt.r, got, tt.want)
			}
		})
	}
}

func TestParseTemplateRefuses(t *testing.T) {
	const all = "{label}, {marks}, {name}, {place} or {category}"
	const nothing = "template shows nothing: write for example {label}×{marks}"
	const long = "template is too long: write at most 24 columns, of which a Chinese character takes two"
	tests := []struct{ template, want string }{
		{"{count}", `unknown placeholder "{count}": write ` + all},
		{"{Label}×{marks}", `unknown placeholder "{Label}": write ` + all},
		{"{}", `unknown placeholder "{}": write ` + all},
		{"{ label }", `unknown placeholder "{ label }": write ` + all},
		{"{a\nb}", `unknown placeholder "{a\nb}": write ` + all},
		{"{label", `"{" without "}": write a placeholder, ` + all},
		{"{", `"{" without "}": write a placeholder, ` + all},
		{"{label{marks}", `"{" without "}": write a placeholder, ` + all},
		{"{{label}}", `"{" without "}": write a placeholder, ` + all},
		{"{label}}", `"}" without "{": write a placeholder, ` + all},
		{"label}", `"}" without "{": write a placeholder, ` + all},
		{"[{label}]", `'[' cannot stand in a label: write letters, digits, Chinese characters, spaces, ×, · or -`},
		{"{label}：{marks}", `'：' cannot stand in a label: write letters, digits, Chinese characters, spaces, ×, · or -`},
		{"Ａ{label}", `'Ａ' cannot stand in a label: write letters, digits, Chinese characters, spaces, ×, · or -`},
		{"{label}\t{marks}", `'\t' cannot stand in a label: write letters, digits, Chinese characters, spaces, ×, · or -`},
		{"{label}\ufffd", `'�' cannot stand in a label: write letters, digits, Chinese characters, spaces, ×, · or -`},
		{"{label}\xff", "text is not UTF-8: write it in UTF-8"},
		{"", nothing},
		{" ", nothing},
		{" × -", nothing},
		{"一二三四五六七八九十一二{label}", long},
		{"abcdefghijklmnopqrstuvwxy", long},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			got, err := ParseTemplate(tt.template)
			if err == nil || err.Error() != tt.want {
				t.Errorf("ParseTemplate(%q) = %v, error %v; want error %s", tt.template, got, err, tt.want)
			}
		})
	}
}

func TestTemplateString(t *testing.T) {
	const text = "{label}×{marks} {name}"
	template, err := ParseTemplate(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := template.String(); got != text {
		t.Errorf("ParseTemplate(%q).String() = %q", text, got)
	}
}

func TestCleanText(t *testing.T) {
	tests := []struct {
		text     string
		maxBytes int
		want     string
	}{
		{"  中国移动 \t 统一客服 ", 79, "中国移动 统一客服"},
		{"中国移动", 11, "中国移"},
		{"中国 移动", 7, "中国"},
		{"a b", 2, "a"},
		{"a", 0, ""},
		{"a", -1, ""},
		{"", 40, ""},
		{"-×-", 40, "-×-"},
		{"\u00a0a\u3000b\u2028c\r\nd", 40, "a b c d"},
		{"阿·凡提〇々", 40, "阿·凡提〇々"},
		{strings.Repeat("<", 4096) + "a", 40, ""},
		{strings.Repeat("a", 4096), 4096, strings.Repeat("a", maxText)},
	}
	for _, tt := range tests {
		if got := CleanText(tt.text, tt.maxBytes); got != tt.want {
			t.Errorf("CleanText(%.40q, %d) = %q, want %q", tt.text, tt.maxBytes, got, tt.want)
		}
	}
}

func FuzzLabel(f *testing.F) {
	f.Add("{label}×{marks} {name}", "推销", "张三", "江苏", "sales", 3475)
	f.Add("SPAM x{marks}", "推销\"\r\nX-Evil: 1", "${system(reboot)}", "\u202e", "", 0)
	f.Add("{place} - {category} - {name}", strings.Repeat("推", 500), "\xff\xfe", "a- -b", "××", -1)
	f.Fuzz(func(t *testing.T, text, label, name, place, category string, marks int) {
		template, err := ParseTemplate(text)
		if err != nil {
			if msg := err.Error(); !strings.Contains(msg, ": write ") || strings.ContainsAny(msg, "\r\n") {
				t.Errorf("ParseTemplate(%q): error %q does not say in a line what to write", text, msg)
			}
			return
		}
		r := Reputation{Label: label, Name: name, Place: place, Category: Category(category), Marks: marks}
		got := template.Execute(r)
		checkLabel(t, got)
		if clean := CleanText(got, labelBytes); clean != got {
			t.Errorf("Execute(%q, %+v) = %q, but CleanText makes %q of it", text, r, got, clean)
		}
		if clean := CleanText(label, 79); len(clean) > 79 || CleanText(clean, 79) != clean {
			t.Errorf("CleanText(%q, 79) = %q, which is not clean", label, clean)
		}
	})
}

// checkLabel holds a finished label to the whitelist, written out anew.
func checkLabel(t *testing.T, s string) {
	t.Helper()
	columns := 0
	for _, r := range s {
		columns++
		switch {
		case r > 0x2e80:
			columns++
			if r >= 0xe000 && r < 0xf900 || r >= 0xfe00 && r < 0x20000 && (r < 0x16fe0 || r > 0x16fff) || r > 0x3ffff {
				t.Errorf("label %q holds %U", s, r)
			}
		case strings.ContainsRune(`"\<>()/,;:@${}%*#=|&'+.?!~^_[]`+"`", r), r < ' ', 0x7f <= r && r < 0xa0,
			0x590 <= r && r < 0x900, 0x2000 <= r && r < 0x2070, r == 0xad, 0x300 <= r && r < 0x370:
			t.Errorf("label %q holds %U", s, r)
		}
	}
	if !utf8.ValidString(s) || len(s) > 40 || strings.TrimFunc(s, isFiller) != s || strings.Contains(s, "  ") {
		t.Errorf("label %q of %d bytes is not finished", s, len(s))
	}
	if columns > 24 {
		t.Errorf("label %q takes %d columns", s, columns)
	}
}

func TestASCIITemplate(t *testing.T) {
	known := Reputation{Category: CategorySales, Label: "推销", Marks: 3475, Name: "SOHO 中国", Place: "江苏 Suzhou"}
	tests := []struct {
		text string
		rep  Reputation
		want string
	}{
		{"SPAM x{marks}", known, "SPAM x3475"},
		{"SPAM x{marks}", Reputation{}, "SPAM"},
		{"{category} x{marks}", known, "sales x3475"},
		{"{label}-{category}", known, "sales"},
		{"{name}", known, "SOHO"},
		{"{place} {name}", known, "Suzhou SOHO"},
		{"{label}", known, ""},
	}
	for _, tt := range tests {
		tmpl, err := ParseASCIITemplate(tt.text)
		if err != nil {
			t.Errorf("ParseASCIITemplate(%q): %v", tt.text, err)
			continue
		}
		if got := tmpl.Execute(tt.rep); got != tt.want {
			t.Errorf("%q of %+v = %q; want %q", tt.text, tt.rep, got, tt.want)
		}
	}
}
