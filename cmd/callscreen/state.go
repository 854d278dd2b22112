package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"
)

// sealingKeyFile is where in the state folder the key is that proves branches
// as ours. It outlives the process: with another one, calls that ring during a
// restart are lost to us.
const sealingKeyFile = "sealing.key"

const stateKeyBytes = 32

// openState returns the sealing key of a state folder, and makes folder and key
// where there are none.
func openState(dir string, log zerolog.Logger) (key []byte, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return stateKey(dir, sealingKeyFile, log)
}

// stateKey returns the key in a file of a state folder, and makes it where there is
// none. Of several processes that do so at once, all get the same. One that is no key is
// set aside: without another no call would get through.
func stateKey(dir, name string, log zerolog.Logger) (key []byte, err error) {
	key, err = readOrMakeKey(dir, name)
	if err != nil || len(key) == stateKeyBytes {
		return key, err
	}
	path := filepath.Join(dir, name)
	if err := os.Rename(path, path+".bad"); err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	log.Error().Err(fmt.Errorf("state: %s has %d bytes, not %d, and is now %s.bad: restore it", path, len(key), stateKeyBytes, path)).Msg("another key was made")
	return readOrMakeKey(dir, name)
}

func readOrMakeKey(dir, name string) (key []byte, err error) {
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
