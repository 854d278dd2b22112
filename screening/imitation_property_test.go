package screening

import (
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

var drawnTemplates = []string{
	"{label}×{marks}", "{label} × {marks}", "SPAM x{marks}", "骚扰电话", "Risk-{category} {marks}", "{name}·sk9 {label}", "{label}·{name}", "ß ×K",
}

// drawImitation draws a name that begins with what a template would make, or nearly
// so, in any letters and widths, with invisible characters between them.
func drawImitation(t *rapid.T, template *Template) string {
	var b strings.Builder
	for _, p := range template.parts {
		text := p.text
		switch p.name {
		case "":
		case "marks":
			text = rapid.StringMatching("[0-9]{0,3}").Draw(t, "marks")
		default:
			text = rapid.SampledFrom([]string{"推销", "广告推销", "spam", "fraud", "Bob", ""}).Draw(t, p.name)
		}
		for _, r := range text {
			b.WriteString(rapid.SampledFrom([]string{"", "", "", "", "", "\u200b", "\xff", " "}).Draw(t, "gap"))
			b.WriteRune(drawDisguise(t, r))
		}
	}
	return b.String() + rapid.OneOf(rapid.SampledFrom([]string{"", " Bob", "Bob", " spam×1"}), rapid.String()).Draw(t, "rest")
}

func drawDisguise(t *rapid.T, r rune) rune {
	for range rapid.IntRange(0, 2).Draw(t, "folds") {
		r = unicode.SimpleFold(r)
	}
	times := []rune("×xX✕✖⨯⨉╳х*＊ｘ")
	switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
	case r == '×':
		return rapid.SampledFrom(times).Draw(t, "times")
	case kind < 3 && '!' <= r && r <= '~':
		return r - '!' + '！'
	case kind == 9:
		return rapid.Rune().Draw(t, "another")
	}
	return r
}

// A look at the characters of a name, which spares most names the rest, changes
// nothing of what is found.
func TestStripLabelMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SampledFrom(drawnTemplates).Draw(t, "template")
		p, err := ParsePolicy("p", []byte("mode: enforce\ndefault: {action: tag, label: \""+text+"\"}\n"))
		if err != nil {
			t.Fatal(err)
		}
		name := drawImitation(t, p.fallback.template)
		rest, found := p.StripLabel(name)
		if want, is := p.strip(name); rest != want || found != is {
			t.Errorf("%s: StripLabel(%q) = %q, %v; want %q, %v", text, name, rest, found, want, is)
		}
	})
}
