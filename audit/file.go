package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// ours is how every line begins.
const ours = `{"v":1,`

// maxTail is more than the longest line takes.
const maxTail = 128 << 10

func openAppend(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o640)
	if err != nil {
		return nil, fmt.Errorf("audit: opening record: %w", err)
	}
	return f, nil
}

// mend makes f end with a whole line. A last line that only lacks its newline
// gets one; half of a line of ours is cut off, so that every line stays JSON.
// What is not ours is kept, with a newline behind it.
func mend(f *os.File) error {
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
