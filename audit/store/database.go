package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/rs/zerolog"
	"modernc.org/sqlite"
)

//go:embed migrations
var migrations embed.FS

// database is where the calls are kept: a file of SQLite's, or PostgreSQL.
type database struct {
	file string // SQLite's; empty: PostgreSQL
	url  string // PostgreSQL's
	log  zerolog.Logger
}

// role is what a connection is for.
type role int

const (
	reading role = iota // questions
	writing             // new calls: it does not wait long for others
	mending             // retention, erasure, migration: it does
)

// open returns connections for a role. It does not connect yet.
func (d database) open(r role) (*sql.DB, error) {
	driver, source := "pgx", d.url
	if d.file != "" {
		driver, source = "sqlite", d.sqlite(r)
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, fmt.Errorf("store: opening database: %w", err)
	}
	conns := 1
	if r == reading {
		conns = 4
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	if r == reading {
		db.SetConnMaxLifetime(time.Second) // the file may have been set aside, and another be in its place
	}
	return db, nil
}

// sqlite returns the name of the file with what SQLite shall do for a role. A
// commit is not synced by itself: what a power cut takes is the last seconds, and
// never more than that.
func (d database) sqlite(r role) string {
	wait := 5 * time.Second
	if r == writing {
		wait = busyWait
	}
	options := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds()), "synchronous(NORMAL)",
			"secure_delete(1)", "cache_size(-16384)", "wal_autocheckpoint(4000)", "journal_size_limit(67108864)",
		},
		"_txlock": {"immediate"},
	}
	own := "journal_mode(WAL)" // it stays with the file; a reader that set it, too, would get in the way of its making
	if r == reading {
		own = "query_only(1)"
	}
	options["_pragma"] = append(options["_pragma"], own)
	return (&url.URL{Scheme: "file", Opaque: url.PathEscape(d.file), RawQuery: options.Encode()}).String()
}

// connect opens the database for writing, and makes or changes its tables to what
// this version needs. A file that is no database, or no longer one, is set aside
// under another name first.
func (d database) connect(ctx context.Context) (*conn, error) {
	err := d.migrate(ctx)
	if broken(err) {
		if err = d.setAside(err); err == nil {
			err = d.migrate(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	db, err := d.open(writing)
	if err != nil {
		return nil, err
	}
	return newConn(ctx, db, d.file == "")
}

// reachWithin is how long a database may take to answer at all.
const reachWithin = 5 * time.Second

func (d database) migrate(ctx context.Context) error {
	if err := d.create(); err != nil {
		return err
	}
	db, err := d.open(mending)
	if err != nil {
		return err
	}
	defer db.Close()
	reach, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	if err := db.PingContext(reach); err != nil {
		return fmt.Errorf("store: connecting: %w", err)
	}
	dialect, dir := goose.DialectPostgres, "migrations/postgres"
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.file != "" {
		dialect, dir = goose.DialectSQLite3, "migrations/sqlite"
	} else {
		// Several screeners may start at once, and share the database.
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600)) // every second, 600 times
		if err != nil {
			return fmt.Errorf("store: migrating: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return fmt.Errorf("store: migrating: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, options...)
	if err != nil {
		return fmt.Errorf("store: migrating: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("store: migrating: %w", err)
	}
	return nil
}

// create makes SQLite's file, if there is none, for nobody else to read: it holds
// whole numbers. SQLite's log beside it is as the file is.
func (d database) create() error {
	if d.file == "" {
		return nil
	}
	f, err := os.OpenFile(d.file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("store: opening database: %w", err)
	}
	return f.Close()
}

// Result codes of SQLite, https://sqlite.org/rescode.html.
const (
	sqliteError      = 1
	sqliteCorrupt    = 11
	sqliteSchema     = 17
	sqliteTooBig     = 18
	sqliteConstraint = 19
	sqliteMismatch   = 20
	sqliteNotADB     = 26
)

// broken reports whether err says that a file of SQLite's is damaged.
func broken(err error) bool {
	code := sqliteCode(err)
	return code == sqliteCorrupt || code == sqliteNotADB
}

// rejects reports whether err says that a value cannot be written, now or later.
func rejects(err error) bool {
	switch sqliteCode(err) {
	case sqliteTooBig, sqliteConstraint, sqliteMismatch:
		return true
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	class := pg.Code[:min(2, len(pg.Code))]
	return class == "22" || class == "23" || class == "54" // data, constraint, program limit
}

// missing reports whether err says that there is no such table.
func missing(err error) bool {
	switch sqliteCode(err) {
	case sqliteError, sqliteSchema: // they say no more than that the statement is wrong, or no longer right
		return strings.Contains(err.Error(), "no such table: ")
	}
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42P01" // undefined_table
}

// sqliteCode returns the primary result code of an error of SQLite's, else 0.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// setAside gives the database's files other names.
func (d database) setAside(why error) error {
	suffix := time.Now().Format(".damaged-20060102-150405.000")
	for _, part := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(d.file+part, d.file+suffix+part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("store: setting aside a damaged database (%w): %w", why, err)
		}
	}
	d.log.Error().Err(why).Msg("damaged record set aside as " + d.file + suffix + ", a new one begun")
	return nil
}

// redact takes what is secret out of an error about the database.
func (d database) redact(err error) error {
	u, parse := url.Parse(d.url)
	if parse != nil || d.url == "" {
		return err
	}
	password, set := u.User.Password()
	if set && password != "" && strings.Contains(err.Error(), password) {
		return errors.New(strings.ReplaceAll(err.Error(), password, "…"))
	}
	return err
}
