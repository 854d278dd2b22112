package main

import (
	"strings"
	"testing"
)

// Every YAML block of the guides on targets is a configuration.
func TestTargetGuidesLoad(t *testing.T) {
	for _, file := range []string{"../../docs/targets.md", "../../docs/targets.zh.md"} {
		blocks := strings.Split(readFile(t, file), "```yaml\n")[1:]
		if len(blocks) < 2 {
			t.Errorf("%s has %d blocks, want the list and the shares", file, len(blocks))
		}
		for _, b := range blocks {
			text, _, _ := strings.Cut(b, "```")
			mustConfig(t, file, "trunks: [{name: carrier, networks: 203.0.113.0/24, targets: \"sip:203.0.113.10:5060\"}]\n"+text)
		}
	}
}
