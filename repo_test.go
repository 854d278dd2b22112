// Package callscreen_test holds the rules of the house: who may import whom,
// what every package and every example must have.
package callscreen_test

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "callscreen"

// Every direct dependency. A new one needs a record in docs/decisions.
var modules = []string{
	"github.com/DeRuina/timberjack",
	"github.com/coreos/go-systemd/v22",
	"github.com/emiago/sipgo",
	"github.com/fsnotify/fsnotify",
	"github.com/google/go-cmp",
	"github.com/hashicorp/golang-lru/v2",
	"github.com/jackc/pgx/v5",
	"github.com/pressly/goose/v3",
	"github.com/prometheus/client_golang",
	"github.com/rogpeppe/go-internal",
	"github.com/rs/zerolog",
	"github.com/sony/gobreaker/v2",
	"github.com/spf13/cobra",
	"golang.org/x/sync",
	"golang.org/x/text",
	"golang.org/x/time",
	"gopkg.in/yaml.v3",
	"modernc.org/sqlite",
	"pgregory.net/rapid",
}

// The rooms, and what of the world outside each must not know: a package, or
// with a slash at its end all below it. A package inside a room that needs more
// of the world than the room has a line of its own, and a reason.
var rooms = map[string][]string{
	"screening": {"net", "net/", "os", "database/", "github.com/emiago/"},
	"sipagent":  {"net/http", "database/", "gopkg.in/yaml.v3"},
	"juhe":      {"database/", "github.com/emiago/"},
	"audit":     {"net", "net/", "github.com/emiago/"},
	// Databases are named by URLs; their drivers do the talking.
	"audit/store": {"net", "net/http", "net/netip", "github.com/emiago/"},
	// SIP messages have addresses; hep sends them to Homer.
	"audit/trace": {"net", "net/http", "net/url", "github.com/emiago/"},
	"audit/hep":   {"net/http", "net/url", "github.com/emiago/"},
	// Webhooks are HTTP.
	"audit/notify": {"github.com/emiago/"},
	"console":      {"github.com/emiago/"},
	"directory":    {"github.com/emiago/"},
	"state":        {"net", "net/", "database/", "github.com/emiago/"},
}

// These know every room; no room knows them.
var outside = []string{"cmd", "e2e", "."}

// source is one Go file of the module.
type source struct {
	path    string // slashes, from the root
	dir     string
	imports []string
	doc     string // the package comment, if this file has it
	test    bool
}

var sources = sync.OnceValues(func() ([]source, error) {
	var all []source
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipped(p)
		}
		if path.Ext(p) != ".go" {
			return nil
		}
		s, err := parse(filepath.ToSlash(p))
		all = append(all, s)
		return err
	})
	return all, err
})

// skipped returns [fs.SkipDir] for folders that hold none of the module's code.
func skipped(dir string) error {
	name := filepath.Base(dir)
	if dir != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "dist") {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil && dir != "." {
		return fs.SkipDir
	}
	return nil
}

func parse(p string) (source, error) {
	f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return source{}, err
	}
	s := source{path: p, dir: path.Dir(p), doc: f.Doc.Text(), test: strings.HasSuffix(p, "_test.go")}
	ast.Inspect(f, func(n ast.Node) bool {
		if i, ok := n.(*ast.ImportSpec); ok {
			s.imports = append(s.imports, strings.Trim(i.Path.Value, `"`))
		}
		return true
	})
	return s, nil
}

func allSources(t *testing.T) []source {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func room(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

func TestImportsPointInward(t *testing.T) {
	for _, s := range allSources(t) {
		for _, to := range s.imports {
			if why := offence(s, to); why != "" {
				t.Errorf("%s imports %s: %s", s.path, to, why)
			}
		}
	}
}

// The rule itself can fail, both ways.
func TestImportRule(t *testing.T) {
	for _, tt := range []struct {
		from, to string
		allowed  bool
	}{
		{"cmd/callscreen/main.go", "callscreen/sipagent", true},
		{"cmd/callscreen/demo.go", "callscreen/juhe/juhesim", true},
		{"e2e/call_test.go", "callscreen/sipagent/wire", true},
		{"sipagent/agent.go", "callscreen/screening", true},
		{"sipagent/agent.go", "callscreen/sipagent/wire", true},
		{"sipagent/wire/scan.go", "callscreen/screening", false},
		{"sipagent/agent.go", "callscreen/audit", false},
		{"audit/audit.go", "callscreen/sipagent", false},
		{"audit/audit.go", "net/url", false},
		{"audit/store/database.go", "net/url", true},
		{"audit/store/database.go", "net/http", false},
		{"audit/trace/pcap.go", "net/netip", true},
		{"audit/trace/pcap.go", "net", false},
		{"audit/hep/hep.go", "net", true},
		{"audit/hep/hep.go", "net/http", false},
		{"audit/notify/webhook.go", "net/http", true},
		{"audit/export/export.go", "net/netip", false},
		{"audit/store/database.go", "callscreen/audit", true},
		{"audit/store/database.go", "callscreen/juhe", false},
		{"juhe/juhe.go", "callscreen/juhe/juhesim", false},
		{"juhe/juhe_test.go", "callscreen/juhe/juhesim", true},
		{"console/console_test.go", "callscreen/juhe/juhesim", true},
		{"console/console_test.go", "callscreen/juhe", false},
		{"screening/policyfile.go", "callscreen/screening/strictyaml", true},
		{"screening/engine.go", "callscreen/juhe", false},
		{"screening/engine.go", "net/http", false},
		{"screening/engine.go", "net/netip", false},
		{"screening/engine_test.go", "os", true},
		{"screening/engine.go", "callscreen/cmd/callscreen", false},
		{"directory/http/http.go", "net/http", true},
		{"directory/http/http.go", "callscreen/juhe", false},
		{"juhe/ledger.go", "callscreen/state", false},
		{"state/state.go", "net", false},
		{"util/util.go", "callscreen/screening", false},
	} {
		s := source{path: tt.from, dir: path.Dir(tt.from), test: strings.HasSuffix(tt.from, "_test.go")}
		if why := offence(s, tt.to); (why == "") != tt.allowed {
			t.Errorf("%s importing %s: %q; want allowed %v", tt.from, tt.to, why, tt.allowed)
		}
	}
}

// offence says why s may not import to; empty when it may.
func offence(s source, to string) string {
	from := room(s.dir)
	if slices.Contains(outside, from) {
		return ""
	}
	foreign, known := rooms[from]
	if !known {
		return from + " is no room of this house"
	}
	if own, exempt := rooms[s.dir]; exempt {
		foreign = own
	}
	if dir, ours := strings.CutPrefix(to, module+"/"); ours {
		return offenceInside(s, from, dir)
	}
	if s.test {
		return ""
	}
	for _, f := range foreign {
		if to == f || strings.HasSuffix(f, "/") && strings.HasPrefix(to, f) {
			return from + " shall know nothing of it"
		}
	}
	return ""
}

func offenceInside(s source, from, dir string) string {
	switch {
	case dir == "juhe/juhesim":
		if s.test || s.dir == dir {
			return ""
		}
		return "the simulated directory is for cmd and tests"
	case dir == "screening":
		if s.dir == "sipagent/wire" {
			return "wire knows bytes only"
		}
		return ""
	case room(dir) == from, room(dir) == "screening":
		return ""
	case from == "screening":
		return "screening imports nothing of ours"
	}
	return "rooms do not import each other, they meet in cmd/callscreen"
}

func TestPackagesSayWhatTheyAre(t *testing.T) {
	docs := map[string]string{}
	for _, s := range allSources(t) {
		if !s.test || s.dir == "." {
			docs[s.dir] += s.doc
		}
	}
	for dir, doc := range docs {
		if !strings.HasPrefix(doc, "Package ") && !strings.HasPrefix(doc, "Command ") {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}

func TestDirectModules(t *testing.T) {
	direct, all := required(t)
	if !slices.Equal(direct, modules) {
		t.Errorf("go.mod requires directly\n%s\nwant\n%s", strings.Join(direct, "\n"), strings.Join(modules, "\n"))
	}
	used := map[string]bool{}
	for _, s := range allSources(t) {
		for _, i := range s.imports {
			used[moduleOf(i, all)] = true
		}
	}
	delete(used, "")
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, modules) {
		t.Errorf("the code imports from\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(modules, "\n"))
	}
}

// required returns the modules of go.mod: those without "// indirect", and all.
func required(t *testing.T) (direct, all []string) {
	t.Helper()
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/\S+|gopkg\.in/\S+) v\S+(.*)$`).FindAllStringSubmatch(string(mod), -1) {
		all = append(all, m[1])
		if !strings.Contains(m[2], "// indirect") {
			direct = append(direct, m[1])
		}
	}
	slices.Sort(direct)
	return direct, all
}

// moduleOf returns the longest of all that holds the package; empty for ours
// and the standard library's.
func moduleOf(pkg string, all []string) string {
	best := ""
	for _, m := range all {
		if (pkg == m || strings.HasPrefix(pkg, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

var readmes = []string{"README.md", "README.zh.md"}

// block is a fenced block of a page, with the HTML comment right before it.
type block struct {
	page string
	line int
	lang string
	file string // from <!-- file: NAME -->
	text string
}

var fence = regexp.MustCompile("(?ms)(?:^ *<!-- file: (\\S+) -->\n+)?^( *)```(\\w+)\n(.*?)^ *```$")

func blocks(page, text string) []block {
	var out []block
	for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
		b := block{page: page, line: 1 + strings.Count(text[:m[6]], "\n"), lang: text[m[6]:m[7]], text: text[m[8]:m[9]]}
		if indent := text[m[4]:m[5]]; indent != "" { // a step of a list
			b.text = strings.TrimPrefix(strings.ReplaceAll("\n"+b.text, "\n"+indent, "\n"), "\n")
		}
		if m[2] >= 0 {
			b.file = text[m[2]:m[3]]
		}
		out = append(out, b)
	}
	return out
}

func readmeBlocks(t *testing.T, lang string) []block {
	t.Helper()
	var out []block
	for _, page := range readmes {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Error(err)
			continue
		}
		found := blocks(page, string(text))
		found = slices.DeleteFunc(found, func(b block) bool { return b.lang != lang })
		if len(found) == 0 {
			t.Errorf("%s has no %s block", page, lang)
		}
		out = append(out, found...)
	}
	return out
}

func TestBlocksAreFound(t *testing.T) {
	text := "# x\n\n<!-- file: policy.yaml -->\n\n```yaml\na: 1\n```\n\n```sh\nmake\ntest\n```\n\n1. y\n\n   ```sh\n   a\n     b\n   ```\n"
	want := []block{{"p", 5, "yaml", "policy.yaml", "a: 1\n"}, {"p", 9, "sh", "", "make\ntest\n"}, {"p", 16, "sh", "", "a\n  b\n"}}
	if got := blocks("p", text); !slices.Equal(got, want) {
		t.Errorf("blocks = %+v; want %+v", got, want)
	}
}

// A yaml block of a README is a whole file; the comment before it says which:
// <!-- file: policy.yaml --> or <!-- file: callscreen.yaml -->. The binary's
// own check must find nothing wrong with it.
func TestReadmeExamplesLoad(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "callscreen")
	if out, err := exec.Command("go", "build", "-o", bin, "./cmd/callscreen").CombinedOutput(); err != nil {
		t.Fatalf("building callscreen: %v\n%s", err, out)
	}
	for _, b := range readmeBlocks(t, "yaml") {
		dir := t.TempDir()
		copyFile(t, "policy.yaml", dir)
		copyFile(t, "configs/callscreen.yaml", dir)
		if b.file != "policy.yaml" && b.file != "callscreen.yaml" {
			t.Errorf("%s:%d: a comment <!-- file: policy.yaml --> or callscreen.yaml must stand before the block", b.page, b.line)
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, b.file), []byte(b.text), 0o600); err != nil {
			t.Fatal(err)
		}
		check := exec.Command(bin, "check", "--config", "callscreen.yaml")
		check.Dir = dir
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s:%d: %s does not load: %v\n%s", b.page, b.line, b.file, err, out)
		}
	}
}

func copyFile(t *testing.T, from, dir string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, path.Base(from)), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Commands of a README that no script runs as they stand, and why they may be
// there all the same.
var trusted = map[string]string{
	"make run":  "starts the demo, which the tests of cmd/callscreen run",
	"make fuzz": "CI runs it with a shorter time",
}

// Every other command is one that CI or a script of the tests runs.
func TestReadmeCommandsRun(t *testing.T) {
	run := commands(t)
	for _, b := range readmeBlocks(t, "sh") {
		for i, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			line, _, _ = strings.Cut(line, " # ")
			line = strings.TrimPrefix(strings.TrimSpace(line), "./")
			if line == "" || strings.HasPrefix(line, "#") || run[line] || trusted[line] != "" {
				continue
			}
			t.Errorf("%s:%d: no test runs %q: add it to testdata/script, or to trusted with a reason", b.page, b.line+1+i, line)
		}
	}
}

// commands returns the lines of .ci/run, and those that the scripts of the
// tests execute.
func commands(t *testing.T) map[string]bool {
	t.Helper()
	run := map[string]bool{}
	files, err := filepath.Glob("testdata/script/*.txt*")
	more, err2 := filepath.Glob("cmd/callscreen/testdata/script/*.txt*")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	for _, file := range append(append(files, more...), ".ci/run") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "! ")
			run[strings.TrimSuffix(strings.TrimPrefix(line, "exec "), " &")] = true
		}
	}
	return run
}

// Absolute paths of somebody's machine, and of a folder for a day, mean nothing
// to whoever reads the file next.
var machinePath = regexp.MustCompile(`(^|[\s"'=(<` + "`" + `:])/(work|root|home|tmp)/`)

func TestNoMachinePaths(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for _, file := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		if at := machinePath.FindIndex(text); at != nil {
			t.Errorf("%s holds the path of a machine: %q", where(file, text, at[0]), text[at[0]:min(len(text), at[1]+20)])
		}
	}
}

func where(file string, text []byte, at int) string {
	return fmt.Sprintf("%s:%d", file, 1+bytes.Count(text[:at], []byte("\n")))
}
