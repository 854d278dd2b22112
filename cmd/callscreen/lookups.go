package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/rs/zerolog"

	"callscreen/directory"
	"callscreen/directory/file"
	"callscreen/directory/http"
	"callscreen/juhe"
	"callscreen/screening"
	"callscreen/screening/strictyaml"
	"callscreen/state"
)

// lookups is whom a configuration has callers looked up with.
type lookups struct {
	own   *file.Directory // the office's own list; nil: there is none
	juhe  *juhe.Client    // nil: there is no key, or it is not to be asked
	asked []named         // who is asked, one after the other
	wrong []wrongFile     // what they lack, in the order of the configuration
	times lookupTimes
}

// named is a directory with its name.
type named struct {
	screening.Directory
	name string
}

// wrongFile is a file that a directory needs and that cannot be used: it goes without.
type wrongFile struct {
	directory string
	error
}

// guarded is what a directory that can be stopped tells of itself.
type guarded interface {
	State() juhe.State
	Unscreened(error)
	KeepWarm(context.Context)
}

// openLookups makes the directories of c. Those that have no key are not among them, and the own
// list is empty while its file cannot be used. low is told of a budget that is nearly spent; it may be nil.
func openLookups(c *config, log zerolog.Logger, low func(period string, spent juhe.Spent)) (l lookups, err error) {
	l.times = newLookupTimes()
	if c.Directories.Own != "" {
		if l.own, err = openOwn(c, log); l.own == nil {
			return l, err
		}
		if err != nil {
			l.wrong = append(l.wrong, wrongFile{ownName, err})
		}
	}
	for _, name := range c.Directories.order() {
		var d screening.Directory
		if name == juhe.Name {
			l.juhe, err = openJuhe(c, log, low)
			d = l.juhe
		} else {
			d, err = openService(c, name, log)
		}
		switch {
		case errors.Is(err, juhe.ErrNoKey):
		case errors.As(err, new(badKey)):
			l.wrong = append(l.wrong, wrongFile{name, err})
		case err != nil:
			return l, errors.Join(err, l.Close())
		default:
			l.asked = append(l.asked, named{d, name})
		}
	}
	return l, nil
}

func openOwn(c *config, log zerolog.Logger) (*file.Directory, error) {
	d, err := file.New(file.Options{Path: c.Directories.Own, Name: ownName, Texts: c.Directories.texts(), Logger: log})
	var places strictyaml.Errors
	if err != nil && !errors.As(err, &places) {
		return d, c.fault("own: "+err.Error(), "write the name of a CSV file, or \"\" for none", "directories", "own")
	}
	return d, err
}

// openJuhe makes the client of Juhe. The error is [juhe.ErrNoKey] when there is
// no key anywhere.
func openJuhe(c *config, log zerolog.Logger, low func(period string, spent juhe.Spent)) (*juhe.Client, error) {
	key, err := c.juheKey()
	if err != nil {
		return nil, err
	}
	return juhe.New(juhe.Options{
		URL: c.Juhe.URL, Key: key, Method: c.Juhe.Method, Country: c.Juhe.Country,
		LandlineFormat: c.Juhe.LandlineFormat, Texts: c.Directories.texts(), Rate: orNone(c.Juhe.Rate), Slow: c.longestBudget(), Dial: c.longestDial(),
		Budget: juhe.Budget(c.Juhe.Budget), Store: &state.File{Path: filepath.Join(c.State, "juhe.spent"), Kind: "spent 1"}, Low: low, Logger: log,
	})
}

// openService makes the client of a service that c names.
func openService(c *config, name string, log zerolog.Logger) (*http.Client, error) {
	for i, s := range c.Directories.Services {
		if s.Name == name {
			key, err := c.serviceKey(i)
			if err != nil {
				return nil, err
			}
			return http.New(c.service(s, key, log))
		}
	}
	return nil, errors.New("no service " + name) // not reached: the order was checked
}

// directory is all of them as one; nil: there is none to ask.
func (l *lookups) directory(c *config) (screening.Directory, error) {
	if len(l.asked) == 0 {
		return nil, nil
	}
	o := directory.Options{Fast: c.longestBudget() / 2}
	for _, a := range l.asked {
		o.Directories = append(o.Directories, timed{a, a.name, l.times.queries})
	}
	return directory.New(o)
}

// guarded yields the directories that can be stopped, by name.
func (l *lookups) guarded(yield func(string, guarded) bool) {
	for _, a := range l.asked {
		if g, ok := a.Directory.(guarded); ok && !yield(a.name, g) {
			return
		}
	}
}

// unscreened tells all of them of a call that went on without an answer.
func (l *lookups) unscreened(err error) {
	for _, g := range l.guarded {
		g.Unscreened(err)
	}
}

// Close saves what was spent.
func (l *lookups) Close() error {
	if l.juhe == nil {
		return nil
	}
	return l.juhe.Close()
}

// directories reports what is wrong with the files that c names for lookups.
func (c *config) directories() error {
	var err error
	if c.Directories.Own != "" {
		_, err = openOwn(c, zerolog.Nop())
	}
	for i := range c.Directories.Services {
		_, bad := c.serviceKey(i)
		err = errors.Join(err, bad)
	}
	return err
}

// openCache opens the directories and the cache before them, with what was saved of
// it. Without any there is no cache.
func (p *process) openCache() (err error) {
	if p.lookups, err = openLookups(p.c, p.log, func(period string, spent juhe.Spent) { p.record.low(period, spent) }); err != nil {
		return err
	}
	for _, w := range p.wrong {
		for _, err := range single(w.error) {
			p.log.Error().Err(err).Msg(w.directory + " does without a file that cannot be used")
		}
	}
	if p.juhe == nil && p.c.asksJuhe() {
		p.log.Warn().Msg("no key of juhe: " + p.withoutJuhe())
	}
	if p.cache, err = p.newCache(p.c, p.log); p.cache == nil {
		return err
	}
	p.saved = p.c.cacheFile()
	if err := p.saved.Load(p.cache.Restore); err != nil {
		p.log.Error().Err(err).Msg("the cache begins empty")
	}
	return nil
}

// withoutJuhe says what there is where Juhe has no key.
func (l *lookups) withoutJuhe() string {
	if l.own == nil && len(l.asked) == 0 {
		return "numbers are not looked up"
	}
	return "numbers are looked up without it"
}

// newCache returns an empty cache before the directories; nil: there is none to ask.
func (l *lookups) newCache(c *config, log zerolog.Logger) (*screening.Cache, error) {
	d, err := l.directory(c)
	if err != nil || d == nil && l.own == nil {
		return nil, err
	}
	o := c.cache(d, log)
	o.Unscreened = l.unscreened
	if l.own != nil {
		o.Own = l.own
	}
	return screening.NewCache(o)
}

// asksJuhe reports whether Juhe is in the order.
func (c *config) asksJuhe() bool {
	for _, name := range c.Directories.order() {
		if name == juhe.Name {
			return true
		}
	}
	return false
}

// cacheFile is where the cache outlives the process.
func (c *config) cacheFile() *state.File {
	return &state.File{Path: filepath.Join(c.State, "cache"), Kind: screening.CacheFile}
}

// hasState reports whether there is a folder to leave anything in.
func (c *config) hasState() bool {
	info, err := os.Stat(c.State)
	return err == nil && info.IsDir()
}

// close saves what a command spent, where there is a folder for it.
func (c *config) close(l *lookups) error {
	if !c.hasState() {
		return nil
	}
	return l.Close()
}

// runLookups does what lookups need done in the background, until ctx ends.
func (p *process) runLookups(ctx context.Context, running *sync.WaitGroup) {
	for _, g := range p.guarded {
		running.Go(func() { g.KeepWarm(ctx) })
	}
	if p.own != nil {
		running.Go(func() {
			if err := p.own.Run(ctx); err != nil {
				p.log.Error().Err(err).Msg("the own list is not followed")
			}
		})
	}
	if p.cache != nil {
		running.Go(func() {
			if err := p.saved.Keep(ctx, saveEvery, p.cache.Save, p.log); err != nil {
				p.log.Error().Err(err).Msg("the cache is not saved")
			}
		})
	}
}
