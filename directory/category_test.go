package directory

import (
	"strings"
	"testing"

	"callscreen/screening"
)

func TestCategories(t *testing.T) {
	c, err := NewCategories(map[string]screening.Category{"G_FRAUD": "fraud", "A_LEGITIMATE": "", "推销": "harassment"})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		want screening.Category
		ok   bool
	}{
		"fraud": {"fraud", true}, " Sales ": {"sales", true}, "快递": {"delivery", true}, "g_fraud": {"fraud", true},
		"A_LEGITIMATE": {"", true}, "推销": {"harassment", true}, "nonsense": {"", false}, "": {"", false},
	}
	for text, want := range tests {
		if got, ok := c.Find(text); got != want.want || ok != want.ok {
			t.Errorf("Find(%q) = %q, %v; want %q, %v", text, got, ok, want.want, want.ok)
		}
	}
	for _, category := range categories {
		if got, ok := c.Find(string(category)); got != category || !ok {
			t.Errorf("Find(%q) = %q, %v", category, got, ok)
		}
	}
}

func TestCategoriesRefuse(t *testing.T) {
	for _, category := range []screening.Category{"spam", "Fraud", "推销"} {
		if _, err := NewCategories(map[string]screening.Category{"x": category}); err == nil || !strings.Contains(err.Error(), string(category)) {
			t.Errorf("a text for %q: %v", category, err)
		}
	}
}
