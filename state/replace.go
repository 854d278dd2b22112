package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Replace makes data the content of a file that people may read and edit too; its
// folder must exist. When it returns nil the disk has it; on an error, and after a
// crash at any moment, the file is as it was. What root writes belongs to the owner of
// the folder.
func Replace(path string, data []byte) error {
	return replace(path, func(temp *os.File) error {
		_, err := temp.Write(data)
		return err
	})
}

// replace puts what fill writes in the place of a file.
func replace(path string, fill func(*os.File) error) error {
	sweep(path)
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*"+tempSuffix) // mode 0600
	if err != nil {
		return fmt.Errorf("state: saving: %w", err)
	}
	err = fill(temp)
	if err == nil {
		err = errors.Join(give(temp, filepath.Dir(path)), temp.Sync())
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("state: saving: %w", errors.Join(err, os.Remove(temp.Name())))
	}
	return syncDir(filepath.Dir(path))
}

// Folder makes a folder, and those that it is in, unless it is there: for its owner
// alone, who is that of the folder it is in if root makes it.
func Folder(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("state: %w", err)
	}
	if err := errors.Join(give(d, filepath.Dir(dir)), d.Close()); err != nil {
		return fmt.Errorf("state: %w", err)
	}
	return nil
}

// sweep removes what crashes left. Whoever is still writing is younger.
func sweep(path string) {
	left, err := filepath.Glob(quoteGlob(path) + ".*" + tempSuffix)
	if err != nil {
		return // the pattern is ours; nothing to sweep
	}
	for _, name := range left {
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > tempAge {
			os.Remove(name) // or the next time
		}
	}
}

func quoteGlob(path string) string {
	return strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`).Replace(path)
}

// syncDir makes the disk keep the names in a folder.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("state: saving: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("state: saving: %w", err)
	}
	return nil
}
