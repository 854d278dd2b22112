package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"callscreen/juhe"
	"callscreen/screening/strictyaml"
)

func newCheck() *cobra.Command {
	var named string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Find what is wrong with the configuration and the policy",
		Long: "Reads the configuration and the files that it names, or else just the files that are given, and\n" +
			"tells everything that is wrong with them as file:line:column, and warns of what is odd about a policy.\n" +
			"A policy is checked with the lists and calendars that it names. It changes nothing and asks nobody.\n\n" +
			"Exit code 3: something is wrong.",
		RunE: func(cmd *cobra.Command, files []string) error {
			var r report
			if err := r.all(files, named); err != nil {
				return err
			}
			print := r.print
			if asJSON {
				print = r.printJSON
			}
			return errors.Join(print(cmd.OutOrStdout()), r.warn(cmd.ErrOrStderr()), r.verdict())
		},
	}
	configFlag(cmd, &named)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// report is what check says of each file.
type report []checked

type checked struct {
	file  string
	found string            // what is in it
	odd   strictyaml.Errors // what may be meant otherwise
	err   error             // what is wrong with it
}

// all checks the files, or else the configuration that is named or found with
// what it takes to run it.
func (r *report) all(files []string, named string) error {
	if len(files) == 0 || named != "" {
		file, text, err := readConfigFile(named)
		if err != nil {
			return err
		}
		r.installation(file, text)
	}
	for _, file := range files {
		text, err := readText(file)
		switch {
		case err != nil:
			r.add(file, "", err)
		case isPolicy(file, text):
			r.policy(file, text)
		default:
			r.config(file, text)
		}
	}
	return nil
}

// isPolicy tells a policy from a configuration by its keys, and a file that has
// none of either by its name.
func isPolicy(file string, text []byte) bool {
	var keys map[string]yaml.Node
	_ = strictyaml.Decode(file, text, &keys) // what is wrong with it comes later
	for _, key := range []string{"listen", "trunks", "pbx", "juhe", "state"} {
		if _, ok := keys[key]; ok {
			return false
		}
	}
	for _, key := range []string{"mode", "rules", "default", "label"} {
		if _, ok := keys[key]; ok {
			return true
		}
	}
	return strings.Contains(filepath.Base(file), "policy")
}

// installation checks a configuration with the files that it names.
func (r *report) installation(file string, text []byte) {
	c, err := decodeConfig(file, text)
	lookups := ", numbers are looked up"
	_, noKey := c.juheKey()
	if errors.Is(noKey, juhe.ErrNoKey) {
		noKey, lookups = nil, ", no key of juhe: numbers are not looked up"
	}
	policy, missing := readText(c.Policy)
	if missing != nil {
		missing = c.noPolicy(missing)
	}
	r.add(file, c.describe()+lookups, errors.Join(err, noKey, c.certificates(), c.directories(), missing))
	if missing == nil {
		r.policy(c.Policy, policy)
	}
	r.lists(c.lists())
}

// lists checks the lists that commands write, if they have written any.
func (r *report) lists(s stateLists) {
	pair, err := s.read(nil, sums{})
	if errors.Is(err, fs.ErrPermission) {
		r.add(s.dir, "lists, not checked: you may not read them", nil)
		return
	}
	if all := pair.entries(); err != nil || len(all) > 0 {
		r.add(s.dir, "lists, "+countOf(len(all), "entry", "entries"), err)
	}
}

func (r *report) config(file string, text []byte) {
	c, err := decodeConfig(file, text)
	r.add(file, c.describe(), err)
}

func (r *report) policy(file string, text []byte) {
	p, err := compilePolicy(file, text, readText)
	if err != nil {
		r.add(file, "", err)
		return
	}
	*r = append(*r, checked{file: file, found: "policy, " + describePolicy(p), odd: p.Warnings(time.Now())})
}

func (r *report) add(file, found string, err error) {
	if err != nil {
		found = ""
	}
	*r = append(*r, checked{file: file, found: found, err: err})
}

func (c *config) describe() string {
	return fmt.Sprintf("configuration, %s, %s", count(len(c.Listen), "listener"), count(len(c.Trunks), "trunk"))
}

func count(n int, what string) string { return countOf(n, what, what+"s") }

func countOf(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// verdict returns all that is wrong.
func (r report) verdict() error {
	var all []error
	for _, c := range r {
		all = append(all, c.err)
	}
	return exitWith(exitConfiguration, errors.Join(all...))
}

// warn tells what is odd about the files.
func (r report) warn(w io.Writer) error {
	for _, c := range r {
		if err := printWarnings(w, c.odd); err != nil {
			return err
		}
	}
	return nil
}

func (r report) print(w io.Writer) error {
	for _, c := range r {
		if c.err != nil {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: ok: %s\n", c.file, c.found); err != nil {
			return err
		}
	}
	return nil
}

func (r report) printJSON(w io.Writer) error {
	type place struct { // a strictyaml.Error
		File   string `json:"file"`
		Line   int    `json:"line,omitempty"`
		Column int    `json:"column,omitempty"`
		Text   string `json:"text"`
		Hint   string `json:"hint,omitempty"`
	}
	type file struct {
		File     string  `json:"file"`
		OK       bool    `json:"ok"`
		Found    string  `json:"found,omitempty"`
		Warnings []place `json:"warnings,omitempty"`
		Errors   []place `json:"errors,omitempty"`
	}
	all := make([]file, len(r))
	for i, c := range r {
		all[i] = file{File: c.file, OK: c.err == nil, Found: c.found}
		for _, odd := range c.odd {
			all[i].Warnings = append(all[i].Warnings, place(odd))
		}
		for _, err := range single(c.err) {
			at := strictyaml.Error{File: c.file, Text: err.Error()}
			errors.As(err, &at)
			all[i].Errors = append(all[i].Errors, place(at))
		}
	}
	return printJSON(w, all)
}
