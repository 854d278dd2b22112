package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	shellBlock = regexp.MustCompile("(?ms)^```sh\n(.*?)^```$")
	shellWord  = regexp.MustCompile(`'([^']*)'|(\S+)`)
)

// Every command of the guide to policies is one that this program understands, and
// the English and the Chinese one have the same.
func TestPolicyGuideCommands(t *testing.T) {
	var all [2][]string
	for i, page := range []string{"policy.md", "policy.zh.md"} {
		for _, block := range shellBlock.FindAllStringSubmatch(readFile(t, filepath.Join("../../docs", page)), -1) {
			all[i] = append(all[i], strings.Split(strings.TrimSpace(block[1]), "\n")...)
		}
	}
	if len(all[0]) < 8 || strings.Join(all[0], "\n") != strings.Join(all[1], "\n") {
		t.Errorf("the guides have\n%q\nand\n%q", all[0], all[1])
	}
	o := newOffice(t)
	o.write("new.yaml", strictOffice)
	o.write("callscreen.yaml", o.text())
	t.Chdir(o.dir)
	for _, line := range all[0] {
		var args []string
		for _, word := range shellWord.FindAllStringSubmatch(line, -1) {
			args = append(args, word[1]+word[2])
		}
		var stdout, stderr bytes.Buffer
		code := execute(args[1:], &stdout, &stderr)
		told := map[int]bool{0: true, exitTag: true, exitReject: true, exitDivert: true}[code]
		if nothing := args[1] == "replay" && code == exitNothingFound; !told && !nothing {
			t.Errorf("%s: exit code %d, %s", line, code, stderr.String())
		}
	}
	if text := o.read("state/lists/block.csv"); !strings.Contains(text, "1380013XXXX,sells flats,") {
		t.Errorf("the block list holds %q", text)
	}
}
