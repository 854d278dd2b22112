package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// errSpoolFull says that the spool has as many bytes as it may.
var errSpoolFull = errors.New("store: spool full")

// errInUse says that another process writes to the spool.
var errInUse = errors.New("another callscreen has it: give each a state folder of its own")

// errDamaged says that a line of the spool holds no batch.
var errDamaged = errors.New("store: damaged line in spool")

// spool keeps batches that the database does not take, one JSON line each, until
// it does. It hands them out in the order in which they came. It belongs to one
// goroutine.
type spool struct {
	path string
	max  int64 // bytes
	file *os.File
	size int64 // bytes in it
	at   int64 // bytes of them that are written
	next *batch
	end  int64 // where next ends
}

// openSpool opens the spool with what an earlier process left in it. Half of a
// line at its end is what a crash cut off.
func openSpool(path string, limit int64) (*spool, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("store: opening spool: %w", err)
	}
	s := &spool{path: path, max: limit, file: f}
	if err = seize(f); err == nil {
		s.size, err = wholeLines(f)
	}
	if err == nil {
		err = f.Truncate(s.size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: opening spool: %w", err), f.Close())
	}
	return s, nil
}

// wholeLines returns where the last newline of f ends.
func wholeLines(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for end := info.Size(); end > 0; {
		from := max(0, end-int64(len(buf)))
		n, err := f.ReadAt(buf[:end-from], from)
		if err != nil && err != io.EOF {
			return 0, err
		}
		if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		end = from
	}
	return 0, nil
}

// empty reports whether there is nothing to hand out.
func (s *spool) empty() bool { return s.at == s.size }

// left returns how many bytes wait.
func (s *spool) left() int64 { return s.size - s.at }

// put adds a batch. What does not fit on the disk is taken off again.
func (s *spool) put(b *batch) error {
	line, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("store: spooling: %w", err)
	}
	line = append(line, '\n')
	if s.size+int64(len(line)) > s.max {
		return errSpoolFull
	}
	if _, err := s.file.WriteAt(line, s.size); err != nil {
		return errors.Join(fmt.Errorf("store: spooling: %w", err), s.file.Truncate(s.size))
	}
	s.size += int64(len(line))
	return nil
}

// first returns the batch that waits longest, nil when none does. The error is
// errDamaged for a line that cannot be read, which pop skips.
func (s *spool) first() (*batch, error) {
	if s.next != nil || s.empty() {
		return s.next, nil
	}
	b, end, err := s.read(s.at)
	if errors.Is(err, io.EOF) { // somebody else made the file shorter
		s.size, s.end = s.at, s.at
		return nil, errDamaged
	}
	s.next, s.end = b, end
	return b, err
}

// read returns the batch at an offset, and where it ends.
func (s *spool) read(at int64) (*batch, int64, error) {
	line, err := bufio.NewReaderSize(io.NewSectionReader(s.file, at, s.size-at), 64<<10).ReadBytes('\n')
	if err != nil {
		return nil, at, fmt.Errorf("store: reading spool: %w", err)
	}
	var b batch
	end := at + int64(len(line))
	if json.Unmarshal(line, &b) != nil {
		return nil, end, errDamaged
	}
	return &b, end, nil
}

// pop forgets the first batch. An empty spool takes no room.
func (s *spool) pop() error {
	s.at, s.next = s.end, nil
	if s.empty() {
		return s.reset()
	}
	return nil
}

func (s *spool) reset() error {
	s.size, s.at, s.next = 0, 0, nil
	if err := s.file.Truncate(0); err != nil {
		return fmt.Errorf("store: emptying spool: %w", err)
	}
	return nil
}

// remove takes the rows that match out of the spool and returns how many there were.
// The file is written anew, so that nothing of them stays in it.
func (s *spool) remove(match func(*row) bool) (removed int, err error) {
	if s.empty() {
		return 0, nil
	}
	kept, err := openSpool(s.path+".new", s.max)
	if err != nil {
		return 0, err
	}
	if err = kept.reset(); err == nil {
		removed, err = s.copyTo(kept, match)
	}
	if err == nil {
		err = os.Rename(kept.path, s.path)
	}
	if err != nil {
		return 0, errors.Join(err, kept.file.Close(), os.Remove(kept.path))
	}
	old := s.file
	kept.path = s.path
	*s = *kept
	return removed, old.Close()
}

// copyTo puts all that is left into another spool, without the rows that match.
func (s *spool) copyTo(to *spool, match func(*row) bool) (removed int, err error) {
	for at := s.at; at < s.size; {
		b, end, err := s.read(at)
		if err != nil && !errors.Is(err, errDamaged) {
			return 0, err
		}
		at = end
		if err != nil { // whose it is cannot be told
			removed++
			continue
		}
		before := len(b.Rows)
		b.Rows = slices.DeleteFunc(b.Rows, match)
		removed += before - len(b.Rows)
		if err := to.put(b); err != nil {
			return 0, err
		}
	}
	return removed, nil
}

func (s *spool) close() error { return s.file.Close() }
