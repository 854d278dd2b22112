package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/DeRuina/timberjack"
)

// ours is how every line begins.
const ours = `{"v":1,`

// maxTail is more than the longest line takes.
const maxTail = 128 << 10

// files says where the record is written, when a file of it is set aside, and for how
// long it is kept then.
type files struct {
	path      string
	megabytes int
	keep      time.Duration
}

// file is an open file of the record. Only one goroutine writes to it.
type file struct {
	files
	out io.WriteCloser
}

// open opens the file to append to it. What is no regular file, a device or a
// pipe, is never set aside.
func (f files) open() (*file, error) {
	out, err := openAppend(f.path)
	if err != nil {
		return nil, err
	}
	if info, err := out.Stat(); err != nil || !info.Mode().IsRegular() {
		return &file{f, out}, err
	}
	return &file{f, f.rotating()}, out.Close()
}

func (f files) rotating() io.WriteCloser {
	return &timberjack.Logger{
		Filename: f.path, MaxSize: f.megabytes,
		RotateAt: []string{"00:00"}, LocalTime: true, FileMode: 0o640,
	}
}

func (f *file) Write(p []byte) (int, error) { return f.out.Write(p) }

func (f *file) Close() error { return f.out.Close() }

// cut takes the last n bytes off the file. The output is opened anew, since it may
// remember where the file used to end.
func (f *file) cut(n int64) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("audit: cutting record: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("audit: cutting record: %s is no regular file", f.path)
	}
	if info.Size() < n { // it was set aside in between, with the half line in it
		return nil
	}
	if err := f.out.Close(); err != nil {
		return fmt.Errorf("audit: cutting record: %w", err)
	}
	f.out = f.rotating()
	return os.Truncate(f.path, info.Size()-n)
}

func openAppend(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("audit: opening record: %w", err)
	}
	return f, nil
}

// mend makes the file end with a whole line. A last line that only lacks its
// newline gets one; half of a line of ours is cut off, so that every line stays
// JSON. What is not ours is kept, with a newline behind it.
func mend(path string) error {
	f, err := openAppend(path)
	if err != nil {
		return nil // opening it to write will tell
	}
	defer f.Close()
	end, tail, err := lastLine(f)
	if err != nil || len(tail) == 0 {
		return err
	}
	if half(tail) {
		return f.Truncate(end - int64(len(tail)))
	}
	_, err = f.Write([]byte("\n"))
	return err
}

// lastLine returns where f ends, and what stands behind its last newline, as
// far back as maxTail. Devices and pipes have nothing.
func lastLine(f *os.File) (end int64, tail []byte, err error) {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return 0, nil, err
	}
	end = info.Size()
	from := max(0, end-maxTail)
	tail = make([]byte, end-from)
	if _, err := f.ReadAt(tail, from); err != nil && err != io.EOF {
		return 0, nil, fmt.Errorf("audit: reading end of record: %w", err)
	}
	return end, tail[bytes.LastIndexByte(tail, '\n')+1:], nil
}

// half reports whether tail is a line of ours that was not written to its end.
func half(tail []byte) bool {
	n := min(len(tail), len(ours))
	return string(tail[:n]) == ours[:n] && !json.Valid(tail)
}
