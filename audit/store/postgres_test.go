package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// server is a PostgreSQL of the tests' own, on a socket of its own.
type server struct {
	bin, dir string
	user     *syscall.SysProcAttr
	run      *exec.Cmd
	stdin    io.Closer
}

// keeper runs a server until its standard input ends: when the tests stop it, or die.
const keeper = `"$@" </dev/null & pid=$!; read _; kill -INT $pid; wait $pid`

// shared is the server that tests share, each with a database of its own.
var shared = sync.OnceValues(func() (*server, error) {
	s, err := newServer()
	if err == nil {
		tidy = s.remove
	}
	return s, err
})

// tidy removes what the tests share.
var tidy = func() {}

var databases atomic.Int64

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	code := m.Run()
	tidy()
	os.Exit(code)
}

// newServer makes a server, or says why there can be none.
func newServer() (*server, error) {
	s := &server{user: &syscall.SysProcAttr{}}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if path, lookErr := exec.LookPath("initdb"); lookErr == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, errors.Join(errors.New("no initdb: install postgresql"), err)
	}
	s.bin = filepath.Dir(slices.Max(found))
	if s.dir, err = os.MkdirTemp("", "callscreen-postgres"); err != nil {
		return nil, err
	}
	if err := s.unprivileged(); err != nil {
		return nil, err
	}
	if out, err := s.command("initdb", "-D", s.data(), "-U", "tests", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return s, s.start()
}

// unprivileged gives the folder to somebody whom PostgreSQL does not refuse to run as.
func (s *server) unprivileged() error {
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	s.user.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

func (s *server) data() string { return filepath.Join(s.dir, "data") }

func (s *server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir, c.SysProcAttr = s.dir, s.user
	return c
}

func (s *server) start() error {
	s.run = exec.Command("/bin/sh", "-c", keeper, "sh", filepath.Join(s.bin, "postgres"), "-D", s.data(),
		"-c", "listen_addresses=", "-c", "unix_socket_directories="+s.dir, "-c", "fsync=off", "-c", "log_min_messages=fatal")
	s.run.Dir, s.run.SysProcAttr = s.dir, s.user
	in, err := s.run.StdinPipe()
	if err != nil {
		return err
	}
	s.stdin = in
	if err := s.run.Start(); err != nil {
		return err
	}
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if err = db.Ping(); err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (s *server) stop() {
	s.stdin.Close()
	s.run.Wait() // its code tells no more than that it was stopped
}

func (s *server) remove() {
	s.stop()
	os.RemoveAll(s.dir)
}

func (s *server) url(database string) string {
	return "postgres://tests@/" + database + "?host=" + url.QueryEscape(s.dir)
}

// create returns the URL of a new database.
func (s *server) create(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("d%d", databases.Add(1))
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.url(name)
}

// needed returns a server, or skips the test where there is no PostgreSQL. CI has one.
func needed(t testing.TB, s *server, err error) *server {
	t.Helper()
	if err == nil {
		return s
	}
	if os.Getenv("CI") == "true" || !strings.Contains(err.Error(), "install postgresql") {
		t.Fatal(err)
	}
	t.Skip(err)
	return nil
}

// engines are the databases that every test of questions runs on.
var engines = map[string]func(t testing.TB) Options{
	"sqlite": func(t testing.TB) Options {
		return Options{File: filepath.Join(t.TempDir(), "record.db")}
	},
	"postgres": func(t testing.TB) Options {
		s, err := shared()
		return Options{URL: needed(t, s, err).create(t), Spool: filepath.Join(t.TempDir(), "spool")}
	},
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(t *testing.T, o Options)) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) { test(t, engine(t)) })
	}
}
