//go:build unix

// Package pgtest runs a PostgreSQL for tests: Debian's, with nothing but a socket in
// a folder of its own.
//
// It knows nothing of calls.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Server is a PostgreSQL that runs until Remove, or until the tests die.
type Server struct {
	bin, dir string
	user     *syscall.SysProcAttr
	run      *exec.Cmd
	stdin    io.Closer
	made     atomic.Int64 // databases
}

// keeper runs a server until its standard input ends: when the tests stop it, or die.
const keeper = `"$@" </dev/null & pid=$!; read _; kill -INT $pid; wait $pid`

// New makes a server and starts it, or says why there can be none.
func New() (*Server, error) {
	s := &Server{user: &syscall.SysProcAttr{}}
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
	return s, s.Start()
}

// Needed returns a server, or skips the test where there is no PostgreSQL. CI has one.
func Needed(t testing.TB, s *Server, err error) *Server {
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

// unprivileged gives the folder to somebody whom PostgreSQL does not refuse to run as.
func (s *Server) unprivileged() error {
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

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir, c.SysProcAttr = s.dir, s.user
	return c
}

// Start starts a server that was stopped, and waits until it answers.
func (s *Server) Start() error {
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
	db, err := sql.Open("pgx", s.URL("postgres"))
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

// Stop stops the server at once; its data stay.
func (s *Server) Stop() {
	s.stdin.Close()
	s.run.Wait() // its code tells no more than that it was stopped
}

// Remove stops the server and deletes its data.
func (s *Server) Remove() {
	s.Stop()
	os.RemoveAll(s.dir)
}

// URL returns the URL of a database.
func (s *Server) URL(database string) string {
	return "postgres://tests@/" + database + "?host=" + s.dir
}

// Create makes a database and returns its URL.
func (s *Server) Create(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", s.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("d%d", s.made.Add(1))
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.URL(name)
}
