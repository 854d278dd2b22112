package main

import (
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"callscreen/screening"
	"callscreen/state"
)

// lastGood is the text of every file that a policy was made of, by the file's name. A
// process that begins while the files are broken screens by it, rather than keeping
// all calls from ringing.
type lastGood map[string][]byte

// of returns a reader of files that notes what read reads.
func (g lastGood) of(read func(string) ([]byte, error)) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		text, err := read(path)
		if err == nil {
			g[path] = text
		}
		return text, err
	}
}

func (g lastGood) file(path string) ([]byte, error) {
	if text, ok := g[path]; ok {
		return text, nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
}

func (c *config) lastGoodFile() *state.File {
	return &state.File{Path: filepath.Join(c.State, "policy.good"), Kind: "policy 1"}
}

// keepGood saves the texts of the policy in force.
func (c *config) keepGood(g lastGood) error {
	return c.lastGoodFile().Save(func(w io.Writer) error { return json.NewEncoder(w).Encode(g) })
}

// lastGood returns the policy that was last in force and came from the file that c names;
// nil: there is none.
func (c *config) lastGood() (p *screening.Policy, err error) {
	saved := lastGood{}
	err = c.lastGoodFile().Load(func(r io.Reader) error { return json.NewDecoder(r).Decode(&saved) })
	if err != nil || saved[c.Policy] == nil {
		return nil, err
	}
	return c.policy(saved.file)
}
