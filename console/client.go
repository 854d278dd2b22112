package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
)

// ErrNotRunning says that no process listens at the control socket.
var ErrNotRunning = errors.New("callscreen is not running")

// Client asks a running process; see [Control]. Its zero value but for Path is
// ready for use.
type Client struct {
	Path string // of the Unix socket
}

// Do sends a request with in as its JSON and reads the answer's JSON into out;
// nil: nothing is sent, or the answer is not read. The error is [ErrNotRunning]
// when nobody listens, and [Error] when the process refuses. The path's parts must
// be escaped: [net/url.PathEscape].
func (c Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://callscreen"+path, &body)
	if err != nil {
		return err
	}
	t := &http.Transport{DialContext: c.dial, DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: t}).Do(req)
	switch {
	case errors.Is(err, ErrNotRunning), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return ErrNotRunning
	case err != nil:
		return fmt.Errorf("control socket: %w", errors.Unwrap(err))
	}
	defer resp.Body.Close()
	return read(resp, out)
}

func (c Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if c.Path == "" {
		return nil, ErrNotRunning
	}
	return new(net.Dialer).DialContext(ctx, "unix", c.Path)
}

func read(resp *http.Response, out any) error {
	if resp.StatusCode != http.StatusOK {
		told := Error{Status: resp.StatusCode}
		text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if err == nil && (json.Unmarshal(text, &told) != nil || told.Text == "") {
			told.Text = fmt.Sprintf("the running process answers %s: is it of the same version?", resp.Status)
		}
		return errors.Join(err, told)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
