package file

import (
	"os"
	"strings"
	"testing"
)

// TestDocumentedListsLoad reads the examples of the pages for users.
func TestDocumentedListsLoad(t *testing.T) {
	for _, page := range []string{"../../docs/lookups.md", "../../docs/lookups.zh.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		_, example, _ := strings.Cut(string(text), "```csv\n")
		example, _, ok := strings.Cut(example, "```")
		l, err := Parse(page, []byte(example), shanghai, nil)
		if !ok || err != nil || l.Len() != 4 {
			t.Errorf("%s: %v", page, err)
		}
	}
}
