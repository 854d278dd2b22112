package queue

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// Lines wait for each other, but not for long, and not when half of the queue is full.
func TestLinesAreTakenTogether(t *testing.T) {
	for _, tt := range []struct {
		early, late int // before and after the first is waited for
		want        time.Duration
	}{{1, 0, gather}, {3, 0, gather}, {1, 2, gather}, {1, 3, 0}, {4, 0, 0}, {8, 0, 0}} {
		synctest.Test(t, func(t *testing.T) {
			q := New(8)
			add := func(n int) {
				for range n {
					if err := q.Add([]byte("line\n")); err != nil {
						t.Fatal(err)
					}
				}
			}
			add(tt.early)
			go func() { // ends at once
				time.Sleep(0)
				add(tt.late)
			}()
			start := time.Now()
			more := q.Wait()
			waited := time.Since(start)
			if !more || waited != tt.want || bytes.Count(q.Take(nil), []byte("\n")) != tt.early+tt.late {
				t.Errorf("%d and %d lines: more %v after %v; want them all after %v", tt.early, tt.late, more, waited, tt.want)
			}
		})
	}
}

// Whoever adds is told what became of the line, and what was taken makes room.
func TestFullAndClosed(t *testing.T) {
	q := New(2)
	var got []error
	add := func(n int) {
		for i := range n {
			got = append(got, q.Add(fmt.Appendln(nil, i)))
		}
	}
	add(3)
	first := q.Take(nil)
	if string(first) != "0\n1\n" || q.Len() != 0 {
		t.Errorf("taken %q, %d left; want two lines, 0", first, q.Len())
	}
	add(1)
	q.Close()
	q.Close()
	add(1)
	if want := []error{nil, nil, ErrFull, nil, ErrClosed}; !slices.Equal(got, want) {
		t.Errorf("adding came to %v; want %v", got, want)
	}
	if q.Wait() {
		t.Error("Wait is true after Close")
	}
	if last := q.Take(first); string(last) != "0\n" {
		t.Errorf("taken at last %q; want what came before the end", last)
	}
}

// Close and Wake end a wait for the first line, and for more.
func TestWaitEnds(t *testing.T) {
	for name, end := range map[string]func(*Lines){"Close": (*Lines).Close, "Wake": (*Lines).Wake} {
		for lines := range 2 {
			synctest.Test(t, func(t *testing.T) {
				q := New(8)
				for range lines {
					_ = q.Add([]byte("line\n"))
				}
				time.AfterFunc(time.Millisecond, func() { end(q) })
				start := time.Now()
				more := q.Wait()
				if took := time.Since(start); took > time.Millisecond+gather || more == (name == "Close") {
					t.Errorf("%s with %d lines: Wait = %v after %v", name, lines, more, took)
				}
			})
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	q := New(4096)
	line, taken := bytes.Repeat([]byte("x"), 400), []byte(nil)
	b.ReportAllocs()
	for b.Loop() {
		if errors.Is(q.Add(line), ErrFull) {
			taken = q.Take(taken)
		}
	}
}
