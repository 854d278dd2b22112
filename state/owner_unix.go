//go:build unix

package state

import (
	"os"
	"syscall"
)

// give lets a file belong to whom its folder does: what root saves by a command
// must be readable to a process that is not root's.
func give(file *os.File, dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 && owner.Gid == 0 {
		return nil
	}
	return file.Chown(int(owner.Uid), int(owner.Gid))
}

// Foreign reports whether a folder is another user's, and this process is root: what
// it leaves there, that user may not be able to read.
func Foreign(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil || os.Geteuid() != 0 {
		return false
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	return ok && owner.Uid != 0
}
