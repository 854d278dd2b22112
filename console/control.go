package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
)

// Route is one thing that a command can ask of the running process.
type Route struct {
	Pattern string                                 // as [http.ServeMux] takes it: "DELETE /cache/{number}"
	Do      func(r *http.Request) (v any, _ error) // v becomes the answer's JSON; what went wrong: [Error], else 500
}

// Error is an answer that says what is wrong with a request. Its text is for
// who sent it.
type Error struct {
	Status int    `json:"-"` // of HTTP
	Text   string `json:"error"`
}

// Error returns the text.
func (e Error) Error() string { return e.Text }

// NotFound is the [Error] of what is not there.
func NotFound(text string) error { return Error{http.StatusNotFound, text} }

// BadRequest is the [Error] of what cannot be done as it was asked for.
func BadRequest(text string) error { return Error{http.StatusBadRequest, text} }

// maxBody bounds what a command sends.
const maxBody = 1 << 20

// ReadBody reads the JSON that came with a request into v. What cannot be read,
// and a key that v does not have, is a [BadRequest].
func ReadBody(r *http.Request, v any) error {
	d := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return BadRequest("the request cannot be read: " + err.Error())
	}
	return nil
}

// Control is the Unix socket by which commands talk to the running process. Who
// may open the socket may do everything; its mode is 0660.
type Control struct {
	http     *http.Server
	listener *net.UnixListener
	path     string
	inode    fs.FileInfo
}

// NewControl opens the socket at path. A socket that is there already is
// replaced: it is a dead process's, or one's that is about to end.
func NewControl(path string, routes []Route, log zerolog.Logger) (*Control, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	c := &Control{path: path}
	if err := c.open(fmt.Sprintf("%s.%d", path, os.Getpid())); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.Pattern, handler(r.Do, log))
	}
	c.http = newHTTP(mux)
	c.http.WriteTimeout = 0 // a purge or an erasure takes its time
	return c, nil
}

// open binds a name of its own and renames it, so that the path is never
// without a socket.
func (c *Control) open(temporary string) (err error) {
	_ = os.Remove(temporary)
	if c.listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: temporary}); err != nil {
		return err
	}
	c.listener.SetUnlinkOnClose(false)
	err = os.Chmod(temporary, 0o660)
	if err == nil {
		c.inode, err = os.Lstat(temporary)
	}
	if err == nil {
		err = os.Rename(temporary, c.path)
	}
	if err != nil {
		return errors.Join(err, c.listener.Close(), os.Remove(temporary))
	}
	return nil
}

// Run serves until ctx ends, gives open requests five seconds to finish and
// removes the socket, unless a successor's has taken its place.
func (c *Control) Run(ctx context.Context) error {
	err := serve(ctx, c.http, c.listener)
	return errors.Join(err, c.remove())
}

// Close closes the socket of a Control that does not run.
func (c *Control) Close() error { return errors.Join(c.listener.Close(), c.remove()) }

func (c *Control) remove() error {
	if now, err := os.Lstat(c.path); err != nil || !os.SameFile(now, c.inode) {
		return nil
	}
	return os.Remove(c.path)
}

func handler(do func(*http.Request) (any, error), log zerolog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r)
		if err == nil {
			writeJSON(w, http.StatusOK, v)
			return
		}
		var told Error
		if !errors.As(err, &told) {
			log.Error().Err(err).Str("request", r.Pattern).Msg("control: request failed")
			told = Error{http.StatusInternalServerError, err.Error()}
		}
		writeJSON(w, told.Status, told)
	}
}
