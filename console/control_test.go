package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// control runs a Control until the test or stop ends it.
func control(t *testing.T, path string, routes ...Route) (stop func()) {
	t.Helper()
	c, err := NewControl(path, routes, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }() // ends by cancel
	stop = func() {
		cancel()
		if err, ok := <-done; ok && err != nil {
			t.Errorf("Run = %v", err)
		}
		close(done)
	}
	return stop
}

var echo = Route{"PUT /numbers/{number}", func(r *http.Request) (any, error) {
	var in struct{ Note string }
	if err := ReadBody(r, &in); err != nil {
		return nil, err
	}
	switch r.PathValue("number") {
	case "none":
		return nil, NotFound("no such number")
	case "broken":
		return nil, errors.New("the disk is full")
	}
	return map[string]string{r.PathValue("number"): in.Note}, nil
}}

func TestControl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "c.sock")
	stop := control(t, path, echo)
	defer stop()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("socket: %v, %v; want mode 0660", info.Mode(), err)
	}
	type note struct{ Note string }
	for _, test := range []struct {
		path string
		in   any
		want string // of the answer, or of the error
		code int
	}{
		{path: "/numbers/" + url.PathEscape("+86/1"), in: note{"客户"}, want: `{"+86/1":"客户"}`},
		{path: "/numbers/none", in: note{}, want: "no such number", code: 404},
		{path: "/numbers/broken", in: note{}, want: "the disk is full", code: 500},
		{path: "/numbers/1", in: map[string]int{"Age": 1}, want: `the request cannot be read: json: unknown field "Age"`, code: 400},
		{path: "/elsewhere", in: note{}, want: "the running process answers 404 Not Found: is it of the same version?", code: 404},
	} {
		var out json.RawMessage
		err := Client{path}.Do(t.Context(), "PUT", test.path, test.in, &out)
		var told Error
		switch {
		case test.code == 0 && (err != nil || string(out) != test.want):
			t.Errorf("PUT %s = %s, %v; want %s", test.path, out, err, test.want)
		case test.code != 0 && (!errors.As(err, &told) || told != Error{test.code, test.want}):
			t.Errorf("PUT %s = %v, want %d %s", test.path, err, test.code, test.want)
		}
	}
}

// A successor takes the path over while its predecessor ends, and keeps it.
func TestControlIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.sock")
	who := func(name string) Route {
		return Route{"GET /who", func(*http.Request) (any, error) { return name, nil }}
	}
	stopFirst := control(t, path, who("first"))
	stopSecond := control(t, path, who("second"))
	stopFirst()
	var got string
	if err := (Client{path}).Do(t.Context(), "GET", "/who", nil, &got); err != nil || got != "second" {
		t.Errorf("GET /who = %q, %v; want the second", got, err)
	}
	stopSecond()
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestNotRunning(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	c, err := NewControl(dead, nil, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	c.listener.Close() // as kill -9 leaves it
	for _, path := range []string{"", filepath.Join(dir, "none.sock"), dead} {
		if err := (Client{path}).Do(t.Context(), "GET", "/", nil, nil); !errors.Is(err, ErrNotRunning) {
			t.Errorf("Do(%q) = %v, want ErrNotRunning", path, err)
		}
	}
	stop := control(t, dead, echo)
	defer stop()
	if err := (Client{dead}).Do(t.Context(), "PUT", "/numbers/1", struct{}{}, nil); err != nil {
		t.Errorf("Do after a dead process = %v", err)
	}
}

func TestNewControlRefuses(t *testing.T) {
	for _, path := range []string{"/proc/none/c.sock", filepath.Join(t.TempDir(), strings.Repeat("x", 200))} {
		if _, err := NewControl(path, nil, zerolog.Nop()); err == nil || !strings.HasPrefix(err.Error(), "console: ") {
			t.Errorf("NewControl(%q) = %v", path, err)
		}
	}
}
