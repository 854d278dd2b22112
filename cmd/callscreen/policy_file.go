package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"

	"callscreen/screening"
	"callscreen/screening/strictyaml"
)

// readPolicy reads and compiles the policy that c names, with the lists that commands
// write.
func readPolicy(c *config) (*screening.Policy, error) {
	p, err := c.policy(readText)
	if err != nil {
		return nil, err
	}
	return c.withLists(p)
}

// withLists adds the lists that commands write.
func (c *config) withLists(p *screening.Policy) (*screening.Policy, error) {
	lists, err := c.lists().read(p.Zone(), sums{})
	if err != nil {
		return nil, err
	}
	return lists.on(p), nil
}

// tried reads and compiles the policy in a file that somebody wants to try, or without
// one that of c. The lists that commands write would be in force with it too.
func (c *config) tried(file string) (*screening.Policy, error) {
	if file == "" {
		return readPolicy(c)
	}
	text, err := readText(file)
	if err != nil {
		return nil, exitWith(exitConfiguration, err)
	}
	p, err := compilePolicy(file, text, readText)
	if err != nil {
		return nil, err
	}
	return c.withLists(p)
}

// policy compiles the policy alone; read reads its files.
func (c *config) policy(read func(path string) ([]byte, error)) (*screening.Policy, error) {
	text, err := read(c.Policy)
	if err != nil {
		return nil, c.noPolicy(err)
	}
	return compilePolicy(c.Policy, text, read)
}

// noPolicy returns the error of a policy that cannot be read.
func (c *config) noPolicy(err error) error {
	return c.fault("policy: "+err.Error(), "write the file, or the name of another one", "policy")
}

// compilePolicy compiles the text of a policy file, and reads the lists and
// calendars that it names; relative names begin at its folder. Errors have the
// names that these files have from here.
func compilePolicy(file string, text []byte, read func(path string) ([]byte, error)) (*screening.Policy, error) {
	beside := map[string]string{}
	p, err := screening.LoadPolicy(file, func(name string) ([]byte, error) {
		if name == file {
			return text, nil
		}
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(file), path)
		}
		beside[name] = path
		return read(path)
	})
	var places strictyaml.Errors
	if !errors.As(err, &places) {
		return p, err
	}
	for i := range places {
		if path, ok := beside[places[i].File]; ok {
			places[i].File = path
		}
	}
	return nil, places
}

// sums are what files held when they were read: the SHA-256 of each, and nothing of one
// that could not be read.
type sums map[string]string

// file reads a file and notes what it holds.
func (s sums) file(path string) ([]byte, error) {
	data, err := readText(path)
	s[path] = sumOf(data, err)
	return data, err
}

// stale reports whether one of the files holds something else now.
func (s sums) stale() bool {
	now := sums{}
	for path := range s {
		_, _ = now.file(path) // what cannot be read has no sum
	}
	return !maps.Equal(s, now)
}

func sumOf(data []byte, err error) string {
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(data)
	return string(sum[:])
}

func describePolicy(p *screening.Policy) string {
	return fmt.Sprintf("%v, revision %s", p.Mode(), p.Revision())
}

// printWarnings writes what is odd about a policy, one a line as errors are.
func printWarnings(w io.Writer, odd strictyaml.Errors) error {
	for _, e := range odd {
		e.Text = "warning: " + e.Text
		if _, err := fmt.Fprintln(w, e); err != nil {
			return err
		}
	}
	return nil
}
