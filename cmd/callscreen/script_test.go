package main

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"

	"callscreen/juhe/juhesim"
)

func TestMain(m *testing.M) {
	zerolog.ErrorFieldName = "err" // as main has it
	testscript.Main(m, map[string]func(){"callscreen": main})
}

// TestScripts runs the program itself as testdata/script has it. Beside what
// testscript knows, a script has JUHE, the URL of a simulated Juhe that takes the
// key "good" alone, DOWN, one where nobody listens, and ECHO, one that sends back what it is asked.
func TestScripts(t *testing.T) {
	sim := juhesim.New()
	sim.RequireKey("good")
	server := httptest.NewServer(sim)
	defer server.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	echo := faultyServer(t, echoesLate)
	t.Run("", func(t *testing.T) { // ends when all scripts have
		testscript.Run(t, testscript.Params{
			Dir:                 "testdata/script",
			RequireExplicitExec: true,
			Setup: func(e *testscript.Env) error {
				e.Setenv("JUHE", server.URL+juhesim.Path)
				e.Setenv("DOWN", gone.URL+juhesim.Path)
				e.Setenv("ECHO", "http://"+echo+juhesim.Path)
				return nil
			},
			Cmds: map[string]func(*testscript.TestScript, bool, []string){
				"exits": scriptExits, "expand": scriptExpand, "await": scriptAwait, "signal": scriptSignal, "call": scriptCall, "found": scriptFound,
			},
		})
	})
}

// scriptExits runs a command that must end with an exit code: exits 3 callscreen check
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// scriptExpand puts the values of variables into files.
func scriptExpand(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// patience is how long a test waits for what must come, on a busy machine too.
const patience = 30 * time.Second

// scriptAwait waits until a file has text that matches: await FILE PATTERN
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE PATTERN")
	}
	pattern := regexp.MustCompile(args[1])
	var text []byte
	if !eventually(func() bool {
		text, _ = os.ReadFile(ts.MkAbs(args[0])) // may not be there yet
		return pattern.Match(text)
	}) {
		ts.Fatalf("%s has nothing that matches %s:\n%s", args[0], args[1], text)
	}
}

// eventually reports whether ok became true in time.
func eventually(ok func() bool) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return true
		}
	}
	return ok()
}

// scriptSignal sends a signal to what runs in the background: signal HUP
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	s, ok := map[string]syscall.Signal{"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	if neg || len(args) != 1 || !ok {
		ts.Fatalf("usage: signal HUP|INT|TERM")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(s))
	}
}

var readyAt = regexp.MustCompile(`ready: listeners main at udp:([0-9.:]+)`)

// scriptCall places a call, and waits for the answer: call LOG FROM STATUS.
// The log tells where the proxy listens.
func scriptCall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: call LOG FROM STATUS")
	}
	m := readyAt.FindStringSubmatch(ts.ReadFile(args[0]))
	if m == nil {
		ts.Fatalf("%s does not say where the proxy listens", args[0])
	}
	phone, err := newPhone("127.0.0.2")
	ts.Check(err)
	defer phone.Close()
	ts.Check(phone.invite(netip.MustParseAddrPort(m[1]), args[1]))
	got, err := phone.receive("SIP/2.0 " + args[2])
	if err != nil {
		ts.Fatalf("%v; last %q", err, got)
	}
	fmt.Fprintln(ts.Stdout(), got)
}
