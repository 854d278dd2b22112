package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fenced = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// TestLookupPages: what the pages on lookups show loads, and their commands are ones
// that a script runs.
func TestLookupPages(t *testing.T) {
	scripts := ""
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		scripts += readFile(t, file)
	}
	for _, page := range []string{"../../docs/lookups.md", "../../docs/lookups.zh.md"} {
		found := map[string]int{}
		for _, m := range fenced.FindAllStringSubmatch(readFile(t, page), -1) {
			found[m[1]]++
			switch m[1] {
			case "yaml":
				if _, err := parseConfig(page, []byte(examples+m[2])); err != nil {
					t.Error(err)
				}
			case "sh":
				for line := range strings.Lines(m[2]) {
					if !strings.Contains(scripts, "\nexec "+line) {
						t.Errorf("%s: no script runs %q", page, line)
					}
				}
			}
		}
		if found["yaml"] != 2 || found["sh"] != 1 {
			t.Errorf("%s has %v", page, found)
		}
	}
}
