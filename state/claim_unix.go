//go:build unix

package state

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hold locks a folder, and returns what ends that.
func hold(dir string, how int) (release func() error, err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	err = syscall.Flock(int(d.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state: %s: %w", dir, err), d.Close())
	}
	return d.Close, nil
}

const (
	shared = syscall.LOCK_SH
	alone  = syscall.LOCK_EX
)
