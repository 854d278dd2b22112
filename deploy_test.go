package callscreen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The blocks of the guides to deployment are whole files, and the same ones in
// both languages.
func TestDeployExamplesLoad(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "callscreen")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/callscreen").CombinedOutput(); err != nil {
		t.Fatalf("building callscreen: %v\n%s", err, out)
	}
	english, chinese := deployBlocks(t, "docs/deploy.md"), deployBlocks(t, "docs/deploy.zh.md")
	if len(english) == 0 || len(english) != len(chinese) {
		t.Fatalf("%d blocks in English, %d in Chinese", len(english), len(chinese))
	}
	for i, b := range english {
		if chinese[i].text != b.text {
			t.Errorf("%s:%d says otherwise than %s:%d", chinese[i].page, chinese[i].line, b.page, b.line)
		}
		dir := t.TempDir()
		copyFile(t, "policy.yaml", dir)
		if err := os.WriteFile(filepath.Join(dir, "callscreen.yaml"), []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.Command(bin, "check", "--config", "callscreen.yaml")
		check.Dir = dir
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s:%d does not load: %v\n%s", b.page, b.line, err, out)
		}
	}
}

func deployBlocks(t *testing.T, page string) (found []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(page, string(text)) {
		switch {
		case b.lang == "yaml" && b.file == "callscreen.yaml":
			found = append(found, b)
		case b.lang != "text":
			t.Errorf("%s:%d: a block that no test loads", page, b.line)
		}
	}
	return found
}
