package wire

import "testing"

// Searching finds what reading finds, in every text of up to six of the characters
// that matter.
func TestUntil(t *testing.T) {
	texts := []string{""}
	for begin := 0; len(texts[begin]) < 6; begin++ {
		for _, c := range `a"\;,` {
			texts = append(texts, texts[begin]+string(c))
		}
	}
	for _, text := range texts {
		raw := []byte(text)
		if got, want := until(raw, all(raw), ';'), untilEither(raw, all(raw), ';', ';'); got != want {
			t.Fatalf("until(%q) = %d, want %d", text, got, want)
		}
	}
}
