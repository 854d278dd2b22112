package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"callscreen/screening"
	"callscreen/screening/strictyaml"
)

// readPolicy reads and compiles the policy that c names.
func readPolicy(c *config) (*screening.Policy, error) {
	text, err := os.ReadFile(c.Policy)
	if err != nil {
		return nil, c.noPolicy(err)
	}
	return compilePolicy(c.Policy, text)
}

// noPolicy returns the error of a policy that cannot be read.
func (c *config) noPolicy(err error) error {
	return c.fault("policy: "+err.Error(), "write the file, or the name of another one", "policy")
}

// compilePolicy compiles the text of a policy file, and reads the lists and
// calendars that it names; relative names begin at its folder. Errors have the
// names that these files have from here.
func compilePolicy(file string, text []byte) (*screening.Policy, error) {
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
		return os.ReadFile(path)
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

// warn logs what is odd about a policy that is to be in force.
func (p *process) warn(policy *screening.Policy) {
	for _, odd := range policy.Warnings(time.Now()) {
		p.log.Warn().Err(odd).Msg("policy is odd")
	}
}
