package state

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"callscreen/screening"
)

// savesInto tells the test's own program to save into that file until it is killed.
const savesInto = "CALLSCREEN_TEST_SAVES_INTO"

const savedNumbers = 300

func TestMain(m *testing.M) {
	if path := os.Getenv(savesInto); path != "" {
		fmt.Fprintln(os.Stderr, saveForever(&File{Path: path, Kind: screening.CacheFile}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// generation is a directory that marks every number with what it is.
type generation int

func (g *generation) Lookup(context.Context, screening.Number) (screening.Reputation, error) {
	return screening.Reputation{Category: screening.CategorySales, Label: "推销", Marks: int(*g)}, nil
}

func cacheOf(g *generation) (*screening.Cache, error) {
	return screening.NewCache(screening.CacheOptions{Directory: g})
}

func number(i int) screening.Number {
	return screening.Number{Country: "86", Digits: fmt.Sprint(13000000000 + i), Class: screening.ClassMobile}
}

// saveForever saves one generation after another, and says so once.
func saveForever(f *File) error {
	var g generation
	for g = 1; ; g++ {
		c, err := cacheOf(&g)
		if err != nil {
			return err
		}
		for i := range savedNumbers {
			if _, err := c.Lookup(context.Background(), number(i)); err != nil {
				return err
			}
		}
		for range 20 {
			if err := f.Save(c.Save); err != nil {
				return err
			}
			if g == 1 {
				fmt.Println("saved")
			}
		}
	}
}

var kills = flag.Int("kills", 10, "how often TestKilledWhileSaving kills")

// TestKilledWhileSaving kills a process that saves a cache, a hundred times with
// -kills 100: what it leaves loads, whole and of one generation.
func TestKilledWhileSaving(t *testing.T) {
	f := &File{Path: filepath.Join(t.TempDir(), "cache"), Kind: screening.CacheFile}
	torn := 0
	for range *kills {
		saveAndKill(t, f.Path)
		var none generation
		c, err := cacheOf(&none)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Load(c.Restore); err != nil || c.Len() != savedNumbers {
			t.Fatalf("after kill -9: %v, %d numbers; want %d", err, c.Len(), savedNumbers)
		}
		first, _ := c.Get(number(0))
		for i := range savedNumbers {
			if e, ok := c.Get(number(i)); !ok || e.Marks != first.Marks || e.Marks == 0 {
				t.Fatalf("after kill -9: %+v beside generation %d", e, first.Marks)
			}
		}
		c.Close()
		torn += forgetTemps(t, f)
	}
	if torn == 0 && *kills >= 100 {
		t.Error("no save was interrupted")
	}
	t.Logf("%d of %d kills interrupted a save", torn, *kills)
}

// forgetTemps removes what an interrupted save left, and counts it.
func forgetTemps(t *testing.T, f *File) int {
	t.Helper()
	temps, err := filepath.Glob(f.Path + ".*" + tempSuffix)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range temps {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
	return len(temps)
}

// saveAndKill lets a process save, and kills it at any moment.
func saveAndKill(t *testing.T, path string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), savesInto+"="+path)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "saved\n" {
		t.Errorf("the process said %q, %v", line, err)
	}
	time.Sleep(time.Duration(rand.IntN(int(30 * time.Millisecond))))
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait() // killed: always an error
}
