package main

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// How much of a file is read: of a regular one more than any list has, of a pipe or a
// device, which may have no end, as much as a policy may have.
const (
	maxFile  = 64 << 20
	maxOther = 1 << 20
)

// readText reads a file that people write, or says that it is too long.
func readText(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that nobody writes to is empty
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	limit := int64(maxOther)
	if info.Mode().IsRegular() {
		limit = maxFile
	}
	if info.Size() > limit {
		return nil, tooLong(path, limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = tooLong(path, limit)
	}
	return data, err
}

func tooLong(path string, limit int64) error {
	return fmt.Errorf("%s is longer than %d MB", path, limit>>20)
}
