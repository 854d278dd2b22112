package main

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rs/zerolog"

	"callscreen/directory"
	"callscreen/directory/http"
	"callscreen/juhe"
	"callscreen/screening"
)

// ownName is what the record calls the office's own list.
const ownName = "own"

// directoriesConfig is whom to ask about callers, beside Juhe.
type directoriesConfig struct {
	Own         string            `yaml:"own"` // empty: none
	Order       []string          `yaml:"order,one"`
	AskWithheld bool              `yaml:"ask_withheld"`
	Categories  map[string]string `yaml:"categories"`
	Services    []serviceConfig   `yaml:"services,secret"`
}

// serviceConfig is one service that answers in JSON; see [http.Options].
type serviceConfig struct {
	Name    string            `yaml:"name"`
	URL     string            `yaml:"url,secret"`
	Method  string            `yaml:"method"`
	Body    string            `yaml:"body,secret"`
	Header  map[string]string `yaml:"header,secret"`
	Key     secret            `yaml:"key,secret"`
	KeyFile string            `yaml:"key_file"`
	Rate    float64           `yaml:"rate"` // 0: any number
	Unknown []int             `yaml:"unknown,one"`
	Proof   proofConfig       `yaml:"proof"`
	Paths   pathsConfig       `yaml:"paths"`
}

type proofConfig struct {
	Path  string `yaml:"path"`
	Value string `yaml:"value"`
}

type pathsConfig struct {
	Category    string `yaml:"category"`
	Label       string `yaml:"label"`
	Marks       string `yaml:"marks"`
	Name        string `yaml:"name"`
	Description string `yaml:"description"`
	Place       string `yaml:"place"`
}

// SetDefaults makes s what an entry without keys is.
func (s *serviceConfig) SetDefaults() { *s = serviceConfig{Rate: 5} }

// texts is the table of categories as the directories take it.
func (d *directoriesConfig) texts() map[string]screening.Category {
	table := make(map[string]screening.Category, len(d.Categories))
	for text, category := range d.Categories {
		table[text] = screening.Category(category)
	}
	return table
}

// order names who is asked, one after the other.
func (d *directoriesConfig) order() []string {
	if len(d.Order) > 0 {
		return d.Order
	}
	all := []string{juhe.Name}
	for _, s := range d.Services {
		all = append(all, s.Name)
	}
	return all
}

// paths are the names of files, for who makes them begin at the configuration.
func (d *directoriesConfig) paths() []*string {
	all := []*string{&d.Own}
	for i := range d.Services {
		all = append(all, &d.Services[i].KeyFile)
	}
	return all
}

func (c *config) service(s serviceConfig, key string, log zerolog.Logger) http.Options {
	return http.Options{
		Name: s.Name, URL: s.URL, Method: s.Method, Body: s.Body, Header: s.Header, Key: key,
		Proof: http.Proof(s.Proof), Paths: http.Paths(s.Paths), Unknown: s.Unknown, Texts: c.Directories.texts(),
		Slow: c.longestBudget(), Dial: c.longestDial(), Rate: orNone(s.Rate), Logger: log,
	}
}

// serviceKey returns the key of the i-th service; empty: it has none.
func (c *config) serviceKey(i int) (string, error) {
	s := c.Directories.Services[i]
	if s.KeyFile == "" {
		return string(s.Key), nil
	}
	key, err := juhe.ReadKey(s.KeyFile)
	if err != nil {
		return "", badKey{c.fault("key_file: "+reason(err), keyHint(err), "directories", "services", i, "key_file")}
	}
	return key, nil
}

func (k checker) directories() {
	d := k.c.Directories
	for text, category := range d.Categories {
		if _, err := directory.NewCategories(map[string]screening.Category{text: screening.Category(category)}); err != nil {
			what, hint, _ := strings.Cut(strings.TrimPrefix(err.Error(), "directory: "), ": ")
			k.doc.Report(what, hint, "directories", "categories", text)
		}
	}
	taken := map[string]bool{juhe.Name: true, ownName: true}
	for i, s := range d.Services {
		k.name(s.Name, taken, "directories", "services", i)
		k.service(i, s)
	}
	k.order(taken)
}

// order checks that everybody who is configured is asked, and once.
func (k checker) order(known map[string]bool) {
	d := k.c.Directories
	if len(d.Order) == 0 {
		return
	}
	for i, name := range d.Order {
		switch {
		case !known[name] || name == ownName:
			k.doc.Report("order has "+strconv.Quote(name)+", and there is no such service", "write juhe or a name of services", "directories", "order", i)
		case slices.Contains(d.Order[:i], name):
			k.doc.Report("order has "+strconv.Quote(name)+" twice", "keep one of the two", "directories", "order", i)
		}
	}
	for i, s := range d.Services {
		if s.Name != "" && !slices.Contains(d.Order, s.Name) {
			k.doc.Report("service "+strconv.Quote(s.Name)+" is not in order", "add it there, or remove it here", "directories", "services", i, "name")
		}
	}
}

// serviceHints are what to write instead, by the word that an error begins with:
// mostly the key that is wrong.
var serviceHints = map[string]string{
	"url": `write it as in "https://example.com/tag?tel={number}"`, "method": "write get or post", "body": "write a form or JSON",
	"header": "write name: value", "key": "write the key as the service shows it", "rate": "write queries a second, or 0 for any number",
	"proof": `write it as in {path: code, value: "0"}`, "paths": "write at least one of category, label, marks, name, description, place",
	"path": "write names and places in lists with dots between them", "get": "leave the body out, or write post",
	"there": "write it after key, or the name of its file after key_file",
}

// service reports what [http.New] refuses, key by key.
func (k checker) service(i int, s serviceConfig) {
	at := []any{"directories", "services", i}
	if s.Key != "" && s.KeyFile != "" {
		k.doc.Report("key and key_file are both there", "keep one of the two", append(at, "key_file")...)
	}
	if s.Rate < 0 {
		k.doc.Report("rate is negative", serviceHints["rate"], append(at, "rate")...)
	}
	key := string(s.Key)
	if s.KeyFile != "" {
		key = "0" // read later
	}
	o := k.c.service(s, key, zerolog.Nop())
	o.Name, o.Texts = "service", nil // both have been checked
	for _, err := range eachOf(errors.Unwrap(second(http.New(o)))) {
		text, told, _ := strings.Cut(err.Error(), ": write ")
		hint := serviceHints[firstWord(text)]
		if told != "" {
			hint = "write " + told
		}
		k.doc.Report(text, hint, append(at, where(text)...)...)
	}
}

func second[T any](_ T, err error) error { return err }

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

// where is the key that an error of [http.New] is about, by its first word.
func where(text string) []any {
	switch word := firstWord(text); word {
	case "url", "method", "body", "header", "key", "rate", "proof", "paths":
		return []any{word}
	case "path":
		return []any{"paths"}
	case "there":
		return []any{"key"}
	case "get":
		return []any{"method"}
	}
	return nil
}

// eachOf returns the errors that were joined to err.
func eachOf(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, eachOf(e)...)
	}
	return all
}
