// Package state keeps what a restart must find again in files: each is replaced
// whole or not at all, and one that is torn or foreign is set aside, never half
// read.
//
// It knows nothing of what is in the files.
package state

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// ErrSetAside reports a file that could not be used and now has another name.
var ErrSetAside = errors.New("set aside")

// A file is its kind in the first line, the content, and a sum of both at the end.
const (
	head       = "callscreen "
	sumPrefix  = "\nsha256 "
	sumLength  = len(sumPrefix) + 2*sha256.Size + 1
	asideName  = ".bad"
	tempSuffix = ".tmp"
	tempAge    = time.Minute // of what a crash left behind
)

// File is one file of the state folder. Several processes may save it at once:
// the last one's content stays, whole. The zero File is of no use.
type File struct {
	Path string // its folder must exist
	Kind string // what is in it, and in which version: "cache 1"
}

// Save replaces the content by what write writes. When it returns nil the disk
// has it; on an error, and after a crash at any moment, the file is as it was. What
// root saves belongs to the owner of the folder.
func (f *File) Save(write func(io.Writer) error) error {
	return replace(f.Path, func(temp *os.File) error { return f.fill(temp, write) })
}

// fill writes the whole file.
func (f *File) fill(file *os.File, write func(io.Writer) error) error {
	sum := sha256.New()
	b := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<16)
	if _, err := b.WriteString(f.head()); err != nil {
		return err
	}
	if err := errors.Join(write(b), b.Flush()); err != nil {
		return err
	}
	_, err := file.WriteString(trailer(sum))
	return err
}

func (f *File) head() string { return head + f.Kind + "\n" }

func trailer(sum hash.Hash) string {
	return sumPrefix + hex.EncodeToString(sum.Sum(nil)) + "\n"
}

// Load gives the content to read. A file that is not there yet is no error and is
// not read. One that is torn, of another kind, or refused by read gets the ending
// .bad instead of whichever had it before; the error is then ErrSetAside and says
// why. read sees nothing of a torn file.
func (f *File) Load(read func(io.Reader) error) error {
	file, err := os.Open(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("state: loading: %w", err)
	}
	defer file.Close()
	content, err := f.verify(file)
	if err != nil {
		return fmt.Errorf("state: loading: %w", err)
	}
	if content == nil {
		return f.setAside(errors.New("it is torn, or not a file of callscreen " + f.Kind))
	}
	if err := read(bufio.NewReader(content)); err != nil {
		return f.setAside(err)
	}
	return nil
}

// verify returns the content of a whole file of this kind, nil of any other.
func (f *File) verify(file *os.File) (io.Reader, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	first := int64(len(f.head()))
	end := info.Size() - int64(sumLength)
	if end < first || !info.Mode().IsRegular() {
		return nil, nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(file, 0, end)); err != nil {
		return nil, err
	}
	start, last := make([]byte, first), make([]byte, sumLength)
	if _, err := file.ReadAt(start, 0); err != nil {
		return nil, err
	}
	if _, err := file.ReadAt(last, end); err != nil {
		return nil, err
	}
	if !bytes.Equal(start, []byte(f.head())) || string(last) != trailer(sum) {
		return nil, nil
	}
	return io.NewSectionReader(file, first, end-first), nil
}

func (f *File) setAside(why error) error {
	aside := f.Path + asideName
	if err := os.Rename(f.Path, aside); err != nil {
		return fmt.Errorf("state: loading: %w; %w", why, err)
	}
	return fmt.Errorf("state: %s cannot be used: %w; %w as %s", f.Path, why, ErrSetAside, aside)
}

// Keep saves every so often until ctx ends, and then once more. That a save
// failed is logged once until one succeeds. The error is that of the last save.
func (f *File) Keep(ctx context.Context, every time.Duration, write func(io.Writer) error, log zerolog.Logger) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return f.Save(write)
		case <-tick.C:
		}
		err := f.Save(write)
		if err != nil && !failing {
			log.Error().Str("err", err.Error()).Msg("state not saved")
		}
		failing = err != nil
	}
}
