package store

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"callscreen/audit/store/pgtest"
)

// shared is the server that tests share, each with a database of its own.
var shared = sync.OnceValues(func() (*pgtest.Server, error) {
	s, err := pgtest.New()
	if err == nil {
		tidy = s.Remove
	}
	return s, err
})

// tidy removes what the tests share.
var tidy = func() {}

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		child(path)
	}
	code := m.Run()
	tidy()
	os.Exit(code)
}

// engines are the databases that every test of questions runs on.
var engines = map[string]func(t testing.TB) Options{
	"sqlite": func(t testing.TB) Options {
		return Options{File: filepath.Join(t.TempDir(), "record.db")}
	},
	"postgres": func(t testing.TB) Options {
		s, err := shared()
		return Options{URL: pgtest.Needed(t, s, err).Create(t), Spool: filepath.Join(t.TempDir(), "spool")}
	},
}

// onEach runs a test on every database.
func onEach(t *testing.T, test func(t *testing.T, o Options)) {
	for name, engine := range engines {
		t.Run(name, func(t *testing.T) { test(t, engine(t)) })
	}
}
