package screening

import (
	"regexp"
	"strings"
	"testing"
)

func TestStripLabel(t *testing.T) {
	const standard = "{label}×{marks}"
	tests := []struct {
		template, name, want string // want "": nothing is found
	}{
		{standard, "快递×12 Bob", "Bob"},
		{standard, "快递×12", "-"},
		{standard, "  快递 × 12  Bob  Smith", "Bob Smith"},
		{standard, "快递x12 Bob", "Bob"},
		{standard, "快递✕12 Bob", "Bob"},
		{standard, "快递＊12 Bob", "Bob"},
		{standard, "快\u200b递×１２ Bob", "Bob"},
		{standard, "\u202e快递×12\u202c Bob", "Bob"},
		{standard, "快递×1 推销×2 Bob", "Bob"},
		{standard, "广告推销×9 Bob", "Bob"},
		{standard, "杭州分公司 王×3", ""}, // a name of its own
		{standard, "王×3", ""},
		{standard, "快递×12Bob", ""},
		{standard, "快递×", ""},
		{standard, "×12 Bob", ""},
		{standard, "Bob", ""},
		{standard, "Bob 13041439112", ""},
		{standard, "张三", ""},
		{standard, "\xd5\xc5\xc8\xfd", ""},
		{standard, "", ""},
		{"SPAM x{marks}", "spam X7 Bob", "Bob"},
		{"SPAM x{marks}", "SPAM Bob", ""},
		{"骚扰电话", "骚扰电话 Bob", "Bob"},
		{"骚扰电话", "骚扰电话局", ""},
		{"骚扰 {label}", "骚扰 快递 Bob", "Bob"},
		{"{label}", "快递 Bob", ""},
		{"{label} {marks}", "Room 12", ""},
		{"{label}-{name}", "Li-Ning", ""},
		{"{label}·{name}", "阿·卜杜拉", ""},
	}
	for _, tt := range tests {
		p, err := ParsePolicy("p", []byte("mode: enforce\nlabel: \""+tt.template+"\"\nrules:\n"+
			"  - {id: a, when: {category: sales}, action: allow}\n  - {id: b, when: {category: fraud}, action: tag}\n"))
		if err != nil {
			t.Fatal(err)
		}
		want, found := tt.want, tt.want != ""
		switch tt.want {
		case "":
			want = tt.name
		case "-":
			want = ""
		}
		if got, ok := p.StripLabel(tt.name); got != want || ok != found {
			t.Errorf("%s: StripLabel(%q) = %q, %v; want %q, %v", tt.template, tt.name, got, ok, want, found)
		}
	}
}

// Labels of any rule count, and of the default; a policy that puts none there
// has nothing to imitate.
func TestStripLabelOfEveryRule(t *testing.T) {
	const rules = "mode: enforce\nrules:\n  - {id: a, when: {category: sales}, action: tag, label: \"推销 {marks}\"}\n" +
		"  - {id: b, when: {category: fraud}, action: tag, label: \"诈骗 {marks}\"}\ndefault: {action: tag, label: \"未知\"}\n"
	p, err := ParsePolicy("p", []byte(rules))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{Policy: p})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := e.StripLabel("诈骗 3 未知 推销 12 Bob"); got != "Bob" || !ok {
		t.Errorf("StripLabel = %q, %v; want Bob", got, ok)
	}
	if p, err = ParsePolicy("p", []byte(strings.NewReplacer("tag, label: \"推销 {marks}\"", "allow", "tag, label: \"诈骗 {marks}\"", "allow",
		"{action: tag, label: \"未知\"}", "allow").Replace(rules))); err != nil {
		t.Fatal(err)
	}
	e.SetPolicy(p)
	if got, ok := e.StripLabel("诈骗 3 Bob"); ok {
		t.Errorf("StripLabel = %q, want nothing found", got)
	}
}

// So do labels in ASCII.
func TestStripLabelInASCII(t *testing.T) {
	p, err := ParsePolicy("p", []byte("mode: enforce\nascii: \"SPAM x{marks}\"\nrules: [{id: a, when: {category: sales}, action: tag}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := p.StripLabel("推销×3 spam x12 Bob"); got != "Bob" || !ok {
		t.Errorf("StripLabel = %q, %v; want Bob", got, ok)
	}
}

// Every label that a template makes whole, of a word that services use, is one
// that a caller cannot imitate.
func FuzzStripLabel(f *testing.F) {
	f.Add("推销", 3475, "Bob")
	f.Add("广告推销", 1, "x2 ")
	labels := regexp.MustCompile("(?i)^" + labelWords + "×[0-9]+$")
	f.Fuzz(func(t *testing.T, label string, marks int, name string) {
		p, err := ParsePolicy("p", []byte("mode: enforce\nrules: [{id: a, when: {category: sales}, action: tag}]\n"))
		if err != nil {
			t.Fatal(err)
		}
		made := p.rules[0].template.Execute(Reputation{Label: label, Marks: marks})
		if !labels.MatchString(made) {
			return
		}
		if rest, ok := p.StripLabel(made + " " + name); !ok || strings.Contains(rest, made+" ") {
			t.Errorf("StripLabel(%q) = %q, %v", made+" "+name, rest, ok)
		}
	})
}
