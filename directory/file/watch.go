package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	lookEach  = 10 * time.Second       // how often Run looks at the file by itself: network disks tell of no change
	settleFor = 250 * time.Millisecond // for how long a file must stay as it is to be whole
)

// Run puts the file in force whenever it has changed, until ctx ends. It is told by
// the folder, so that it also works when the file is exchanged by another or by a
// link. It waits until a change is complete, and what is wrong with a file is logged.
func (d *Directory) Run(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		d.o.Logger.Warn().Str("err", err.Error()).Msg(d.o.Name + " is looked at every ten seconds: the system does not tell of changes")
		d.follow(ctx, nil)
		return nil
	}
	if err := w.Add(filepath.Dir(d.o.Path)); err != nil {
		d.o.Logger.Warn().Str("err", err.Error()).Msg(d.o.Name + " is looked at every ten seconds: the system does not tell of changes")
	}
	changes := make(chan struct{}, 1)
	var nudging sync.WaitGroup
	nudging.Go(func() { nudge(w, changes) }) // ends when w is closed
	d.follow(ctx, changes)
	err = w.Close()
	nudging.Wait()
	return err
}

// nudge tells that something in the folder has changed. What w complains of was
// missed; to look is never wrong.
func nudge(w *fsnotify.Watcher, changes chan<- struct{}) {
	for open := true; open; {
		select {
		case _, open = <-w.Events:
		case _, open = <-w.Errors:
		}
		select {
		case changes <- struct{}{}:
		default:
		}
	}
}

// follow looks at the file whenever changes says so, and every now and then, and
// puts it in force when it has changed and stayed so.
func (d *Directory) follow(ctx context.Context, changes <-chan struct{}) {
	tick, settled := time.NewTicker(lookEach), time.NewTimer(settleFor)
	defer tick.Stop()
	defer settled.Stop()
	inForce := d.seen
	before := look(d.o.Path)
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		case <-tick.C:
		case <-settled.C:
			if !before.same(inForce) && look(d.o.Path).same(before) {
				inForce = before
				d.reload()
			}
		}
		if now := look(d.o.Path); !now.same(before) {
			before = now
			settled.Reset(settleFor)
		}
	}
}

func (d *Directory) reload() {
	if err := d.Reload(); err != nil {
		d.o.Logger.Error().Str("err", err.Error()).Msg(d.o.Name + " has changed and cannot be used: the list in force stays")
		return
	}
	d.o.Logger.Info().Msg(fmt.Sprintf("%s has changed: %d entries in force", d.o.Name, d.Len()))
}

// sight is what tells one state of a file from another.
type sight struct {
	info os.FileInfo // nil: there is none
	err  string
}

func look(path string) sight {
	info, err := os.Stat(path)
	if err != nil {
		return sight{err: err.Error()}
	}
	return sight{info: info}
}

// same reports whether nothing has happened between two looks. A file that is
// exchanged within one tick of the disk's clock is another all the same.
func (s sight) same(o sight) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info && s.err == o.err
	}
	return s.info.Size() == o.info.Size() && s.info.ModTime().Equal(o.info.ModTime()) && os.SameFile(s.info, o.info)
}
