// Package file is the office's own list: what people there know of numbers, in a
// CSV file.
//
// It knows the file and when it changes, and no policy: whether a number on the
// list rings is for the rules to say.
package file

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"callscreen/directory"
	"callscreen/screening"
)

const maxBytes = 64 << 20

// shanghai is the zone of dates in a file that names none.
var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Options configures a [Directory]. A zero field takes the default named beside it.
type Options struct {
	Path   string                        // of the CSV file, required; see [Parse]
	Name   string                        // what Reputation.Directory says; default "file"
	Zone   *time.Location                // of dates; nil: Asia/Shanghai
	Texts  map[string]screening.Category // see [directory.NewCategories]
	Logger zerolog.Logger                // zero: discard
}

// Directory answers from a file, at once, as it is in force. It is a
// [screening.OwnList] and a [screening.Directory], and safe for concurrent use.
type Directory struct {
	o          Options
	categories directory.Categories
	list       atomic.Pointer[List]
	seen       sight                 // the file that New read
	wrong      atomic.Pointer[error] // with the file as it is; nil: it is in force
}

// New reads the file. The error says what is wrong with it, line by line, or which
// option is.
func New(o Options) (*Directory, error) {
	if o.Path == "" {
		return nil, errors.New("directory: file without a path")
	}
	o.Name, o.Zone = cmp.Or(o.Name, "file"), cmp.Or(o.Zone, shanghai)
	c, err := directory.NewCategories(o.Texts)
	if err != nil {
		return nil, err
	}
	d := &Directory{o: o, categories: c, seen: look(o.Path)}
	none, err := parse(o.Path, nil, o.Zone, c)
	if err != nil {
		return nil, err
	}
	d.list.Store(none)
	return d, d.Reload()
}

// Reload puts the file in force as it is now. On an error the list in force stays.
func (d *Directory) Reload() error {
	l, err := d.load()
	if err != nil {
		d.wrong.Store(&err)
		return err
	}
	d.list.Store(l)
	d.wrong.Store(nil)
	return nil
}

// Err returns why the file is not in force as it was when it was last read; nil: it is.
func (d *Directory) Err() error {
	if err := d.wrong.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *Directory) load() (*List, error) {
	data, err := read(d.o.Path)
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return parse(d.o.Path, data, d.o.Zone, d.categories)
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err == nil && len(data) > maxBytes {
		err = fmt.Errorf("%s is longer than 64 MB", path)
	}
	return data, err
}

// Len returns how many entries are in force, expired ones among them.
func (d *Directory) Len() int { return d.list.Load().Len() }

// Find returns what the file says of n: under the number itself, or else under the
// pattern that says most about it.
func (d *Directory) Find(n screening.Number) (screening.Reputation, bool) {
	r, _, ok := d.find(n)
	return r, ok
}

func (d *Directory) find(n screening.Number) (screening.Reputation, time.Duration, bool) {
	now := time.Now()
	r, expires, ok := d.list.Load().Find(n, now)
	if !ok {
		return screening.Reputation{}, 0, false
	}
	r.Directory = d.o.Name
	if expires.IsZero() {
		return r, 0, true
	}
	return r, expires.Sub(now), true
}

// Lookup is Find for a place in a list of directories. What it returns keeps no
// longer than the entry does. It never fails.
func (d *Directory) Lookup(_ context.Context, n screening.Number) (screening.Reputation, error) {
	r, left, ok := d.find(n)
	if !ok {
		return screening.Reputation{Directory: d.o.Name}, nil
	}
	r.Keep = left
	return r, nil
}
