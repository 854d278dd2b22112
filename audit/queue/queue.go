// Package queue keeps lines for a writer that may be slow or stuck, so that nobody
// who has something to say waits for it.
//
// It knows nothing of what the lines say, and does not write them.
package queue

import (
	"errors"
	"sync"
	"time"
)

// gather is what a line waits for others: waking up costs more than a line.
const gather = 50 * time.Millisecond

// ErrFull says that lines come faster than they are written.
var ErrFull = errors.New("queue full")

// ErrClosed says that a line came after Close.
var ErrClosed = errors.New("queue closed")

// Lines are lines that wait to be written together. One goroutine takes them, as
// many as like add to them.
type Lines struct {
	most   int
	tap    chan struct{} // on the shoulder of who waits
	ending chan struct{} // closed by Close

	mu     sync.Mutex
	text   []byte
	n      int
	closed bool
}

// New returns an empty queue of at most so many lines.
func New(most int) *Lines {
	return &Lines{most: most, tap: make(chan struct{}, 1), ending: make(chan struct{})}
}

// Add adds a copy of a line, which ends with a newline, unless it returns ErrFull or
// ErrClosed.
func (q *Lines) Add(line []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case q.n == q.most:
		return ErrFull
	}
	q.text = append(q.text, line...)
	if q.n++; q.n == 1 || q.n == q.most/2 {
		q.Wake()
	}
	return nil
}

// Len returns how many lines wait.
func (q *Lines) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n
}

// Wait returns when lines have waited 50 ms, at once when half of the queue is full,
// and upon Wake. After Close it reports false: no more come than wait now.
func (q *Lines) Wait() bool {
	select {
	case <-q.tap:
	case <-q.ending:
	}
	if q.Len() < q.most/2 {
		select {
		case <-time.After(gather):
		case <-q.tap:
		case <-q.ending:
		}
	}
	select {
	case <-q.ending:
		return false
	default:
		return true
	}
}

// Take empties the queue, and returns what was in it. What it returned before is
// used again.
func (q *Lines) Take(before []byte) []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	taken := q.text
	q.text, q.n = before[:0], 0
	return taken
}

// Wake makes Wait return soon, though nothing waits.
func (q *Lines) Wake() {
	select {
	case q.tap <- struct{}{}:
	default: // it has been tapped already
	}
}

// Close ends the waiting, and the adding. It may be called once more.
func (q *Lines) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.ending)
	}
}
