package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// sealingKeyFile is where in the state folder the key is that proves branches
// as ours. It outlives the process: with another one, calls that ring during a
// restart are lost to us.
const sealingKeyFile = "sealing.key"

const stateKeyBytes = 32

// openState returns the sealing key of a state folder, and makes folder and key
// where there are none.
func openState(dir string) (key []byte, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return stateKey(dir, sealingKeyFile, "remove it while no call rings")
}

// stateKey returns the key in a file of a state folder, and makes it where there is
// none. Of several processes that do so at once, all get the same. otherwise is what
// to do about a broken one that cannot be restored.
func stateKey(dir, name, otherwise string) (key []byte, err error) {
	path := filepath.Join(dir, name)
	key, err = os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeStateKey(dir, path); err != nil {
			return nil, fmt.Errorf("state: making %s: %w", name, err)
		}
		key, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if len(key) != stateKeyBytes {
		return nil, fmt.Errorf("state: %s has %d bytes, not %d: restore it, or %s", path, len(key), stateKeyBytes, otherwise)
	}
	return key, nil
}

// makeStateKey puts a new key at path, whole or not at all, and leaves one
// that is there already.
func makeStateKey(dir, path string) (err error) {
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	key := make([]byte, stateKeyBytes)
	rand.Read(key) // never fails: it ends the program instead
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the disk keep the names in a folder.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
