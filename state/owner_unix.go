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
