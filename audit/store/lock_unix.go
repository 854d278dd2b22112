//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// seize takes a file for this process alone, as long as it is open.
func seize(f *os.File) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errInUse
	}
	return err
}
