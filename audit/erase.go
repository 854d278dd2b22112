package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"callscreen/audit/queue"
	"callscreen/screening"
)

// Erase takes every line that holds n out of the File, and out of those that were
// set aside of it, and returns how many there were. Where callers are masked, lines
// of those who share n's mask go with them. What went to a Writer is out of reach.
// One line says that it was done, with hash in the place of the number.
func (l *Log) Erase(n screening.Number, hash string) (removed int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.done:
		return 0, queue.ErrClosed
	default:
	}
	l.flush()
	if l.file != nil {
		removed, err = l.rewrite(n)
	}
	if err == nil {
		l.erasure(time.Now(), hash)
		l.flush()
	}
	return removed, err
}

// rewrite closes the file, for as long as its lines are chosen.
func (l *Log) rewrite(n screening.Number) (removed int, err error) {
	if err := l.file.Close(); err != nil {
		return 0, fmt.Errorf("audit: erasing: %w", err)
	}
	removed, err = eraseLines(l.files.path, l.privacy, n)
	f, openErr := l.files.open()
	if openErr != nil {
		return removed, errors.Join(err, openErr)
	}
	l.file, l.out = f, f
	return removed, err
}

// eraseLines does what [Log.Erase] does to a file that is not open.
func eraseLines(path string, p Privacy, n screening.Number) (removed int, err error) {
	aside, err := setAside(path)
	if err != nil {
		return 0, fmt.Errorf("audit: erasing: %w", err)
	}
	holds := p.holding(n)
	for _, file := range append(aside, path) {
		took, err := filter(file, func(line []byte) bool { return !holds(line) })
		removed += took
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return removed, fmt.Errorf("audit: erasing: %w", err)
		}
	}
	return removed, nil
}

// setAside returns the files that were set aside of a file.
func setAside(path string) ([]string, error) {
	ext := filepath.Ext(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	var found []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, strings.TrimSuffix(filepath.Base(path), ext)+"-") && strings.HasSuffix(name, ext) {
			found = append(found, filepath.Join(filepath.Dir(path), name))
		}
	}
	return found, err
}

// holding returns what tells whether a line holds n.
func (p Privacy) holding(n screening.Number) func(line []byte) bool {
	texts := [][]byte{
		[]byte(`"from":"` + n.Digits + `"`), []byte(`"to":"` + n.Digits + `"`), []byte(`"from":"` + p.Number(n.Digits) + `"`),
	}
	if core := Core(n); core != "" {
		texts = append(texts, []byte(core))
	}
	return func(line []byte) bool {
		for _, text := range texts {
			if bytes.Contains(line, text) {
				return true
			}
		}
		return false
	}
}

// filter writes a file anew with the lines that are kept, if one is not.
func filter(path string, keep func(line []byte) bool) (removed int, err error) {
	from, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0, err
	}
	to, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return 0, err
	}
	removed, err = copyLines(to, from, keep)
	err = errors.Join(err, to.Close())
	if err == nil && removed > 0 {
		return removed, os.Rename(to.Name(), path)
	}
	return 0, errors.Join(err, os.Remove(to.Name()))
}

func copyLines(to io.Writer, from io.Reader, keep func(line []byte) bool) (removed int, err error) {
	r, w := bufio.NewReaderSize(from, maxTail), bufio.NewWriterSize(to, maxTail)
	for {
		line, err := r.ReadBytes('\n')
		switch {
		case len(line) > 0 && !keep(line):
			removed++
		case len(line) > 0:
			if _, err := w.Write(line); err != nil {
				return removed, err
			}
		}
		if err == io.EOF {
			return removed, w.Flush()
		}
		if err != nil {
			return removed, err
		}
	}
}
