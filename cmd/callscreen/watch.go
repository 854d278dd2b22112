package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"callscreen/state"
)

const (
	// settle is how long nothing may happen to the files before they are read: editors
	// write in several steps.
	settle = 250 * time.Millisecond
	// compareEvery is how often the files are compared without being told of a change, for
	// file systems that tell of none and folders that were replaced whole.
	compareEvery = time.Minute
)

// watch reads the policy's files again whenever they change, until ctx ends.
func (k *keeper) watch(ctx context.Context) {
	if err := state.Folder(k.lists.dir); err != nil {
		k.log.Error().Err(err).Msg("commands cannot write lists")
	}
	k.mu.Lock()
	k.save()
	k.mu.Unlock()
	watched := watching{links: map[string]bool{}}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		k.log.Warn().Err(err).Msg("policy is looked at every minute only")
		w = &fsnotify.Watcher{} // of which nothing comes
	} else {
		defer w.Close() // no error of it matters any more
		watched.w = w
	}
	changed := time.NewTimer(0) // something may have changed before the first folder was watched
	defer changed.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-w.Events:
			if watched.links[e.Name] {
				changed.Reset(settle)
			}
		case err := <-w.Errors:
			k.log.Warn().Err(err).Msg("watching the policy")
			changed.Reset(settle)
		case <-changed.C:
			for again := true; again; again = k.refresh() { // what was read may name further files
				watched.follow(k.files())
			}
			changed.Reset(compareEvery)
		}
	}
}

// files returns the names of the files that the policy is made of.
func (k *keeper) files() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Keys(k.read))
}

// watching is what a Watcher looks at.
type watching struct {
	w     *fsnotify.Watcher // nil: nothing can be watched
	links map[string]bool   // what may change what the files are
}

// follow watches the folders of what may change what the files are. A file itself is not
// watched: editors and commands put another one in its place.
func (l *watching) follow(files []string) {
	if l.w == nil {
		return
	}
	clear(l.links)
	folders := map[string]bool{}
	for _, file := range files {
		for _, link := range links(file) {
			l.links[link] = true
			folders[filepath.Dir(link)] = true
		}
	}
	for _, dir := range l.w.WatchList() {
		if !folders[dir] {
			_ = l.w.Remove(dir) // it may be gone
		}
	}
	for dir := range folders {
		_ = l.w.Add(dir) // it may be gone; compareEvery sees to that
	}
}

// links returns the paths whose change can make a file another one: its own, and those of
// the symbolic links on the way to it. Kubernetes, for one, replaces a link to a folder.
func links(file string) []string {
	path, err := filepath.Abs(file)
	if err != nil {
		return nil
	}
	var all []string
	for range 40 { // as many links as Linux follows
		link, target := firstLink(path)
		all = append(all, link)
		if link == path && target == "" {
			break
		}
		path = target
	}
	return all
}

// firstLink returns the first symbolic link in a path, and the path with what it
// stands for; without a link the path and nothing.
func firstLink(path string) (link, target string) {
	for end := 0; end < len(path); {
		if next := strings.IndexByte(path[end+1:], filepath.Separator); next >= 0 {
			end += 1 + next
		} else {
			end = len(path)
		}
		to, err := os.Readlink(path[:end])
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			continue
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path[:end]), to)
		}
		return path[:end], filepath.Join(to, path[end:])
	}
	return path, ""
}
