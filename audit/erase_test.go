package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"callscreen/screening"
)

// The lines of a number go, from the file in use and from those set aside, and no
// others do.
func TestEraseLines(t *testing.T) {
	n := screening.Number{Country: "86", Digits: "057188991122", Class: screening.ClassLandline}
	for _, tt := range []struct {
		name    string
		p       Privacy
		line    string
		removed bool
	}{
		{"its calls", Privacy{Level: Full}, `"from":"057188991122"`, true},
		{"its name", Privacy{Level: Full}, `"name":"+86 57188991122"`, true},
		{"calls to it", Privacy{}, `"to":"057188991122"`, true},
		{"a Call-ID", Privacy{}, `"call":"57188991122@pbx"`, true},
		{"its mask", Privacy{}, `"from":"057****1122"`, true},
		{"its hash", Privacy{Hash, key}, `"from":"` + Digest(key, "057188991122") + `"`, true},
		{"another's mask", Privacy{}, `"from":"057****1123"`, false},
		{"another's hash", Privacy{Hash, key}, `"from":"` + Digest(key, "057188991123") + `"`, false},
		{"another's number", Privacy{Level: Full}, `"from":"057188991123"`, false},
		{"other digits", Privacy{Level: Full}, `"call":"0571-8899-1122"`, false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "record.jsonl")
		aside, another := filepath.Join(dir, "record-2026-11-23T00-00-00.000-time.jsonl"), filepath.Join(dir, "other.jsonl")
		text := "{\"v\":1,\"call\":\"before\"}\n{\"v\":1," + tt.line + "}\n{\"v\":1,\"call\":\"after\"}\n"
		for _, file := range []string{path, aside, another} {
			if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		removed, err := eraseLines(path, tt.p, n)
		if err != nil || removed != map[bool]int{true: 2}[tt.removed] {
			t.Errorf("%s: %d lines removed, %v; want %v", tt.name, removed, err, tt.removed)
		}
		for file, want := range map[string]int{path: 2, aside: 2, another: 3} {
			if !tt.removed {
				want = 3
			}
			got, err := os.ReadFile(file)
			if err != nil || strings.Count(string(got), "\n") != want || !strings.HasSuffix(string(got), "after\"}\n") {
				t.Errorf("%s: %s holds %s, %v; want %d lines", tt.name, filepath.Base(file), got, err, want)
			}
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 3 {
			t.Errorf("%s: the folder holds %v, %v; want the three files", tt.name, left, err)
		}
	}
}

const hashed = "#2c26b46b68ffc68f"

// What went to a Writer stays there, and that something was erased is told.
func TestEraseFromAWriter(t *testing.T) {
	var out bytes.Buffer
	l := open(t, Options{Writer: &out})
	l.Record(example())
	removed, err := l.Erase(example().Number, hashed)
	if err != nil || removed != 0 {
		t.Errorf("%d lines erased, %v; want none", removed, err)
	}
	shut(t, l)
	written(t, out.Bytes(), 2)
	_, got, _ := bytes.Cut(out.Bytes(), []byte("\n"))
	golden(t, "erased.jsonl", regexp.MustCompile(`"time":"[^"]*"`).ReplaceAll(got, []byte(`"time":"2026-11-24T09:30:05.123+08:00"`)))
}

func TestEraseWhileRecording(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record.jsonl")
	l := open(t, Options{File: path, Numbers: Full})
	for i := range 10 {
		d := example()
		d.Call.ID = fmt.Sprint(i)
		if i%2 == 0 {
			d.Number.Digits, d.Call.Name = "13900000000", ""
		}
		l.Record(d)
	}
	removed, err := l.Erase(example().Number, hashed)
	if err != nil || removed != 5 {
		t.Errorf("%d lines erased, %v; want 5", removed, err)
	}
	l.Record(decision("behind"))
	shut(t, l)
	got := read(t, path, 7)
	if done := got[len(got)-2]; done["event"] != "erased" || done["hash"] != hashed {
		t.Errorf("the line behind the others is %v; want that a number was erased", done)
	}
	if last := got[len(got)-1]; last["call"] != "behind" {
		t.Errorf("the last line is %v; want behind", last)
	}
	if _, err := l.Erase(example().Number, hashed); err == nil {
		t.Error("Erase of a closed Log succeeded; want an error")
	}
	if n, err := eraseLines(path+".none", Privacy{}, example().Number); n != 0 || err != nil {
		t.Errorf("erasing a file that is not there: %d, %v; want nothing", n, err)
	}
}
