//go:build unix

package state

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Lock waits until no other process holds the lock of a folder, and takes it. unlock
// gives it back; so does the end of the process.
func Lock(dir string) (unlock func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("state: locking: %w", err)
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("state: locking %s: %w", dir, errors.Join(err, d.Close()))
	}
	return d.Close, nil
}
