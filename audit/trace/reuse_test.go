package trace

import (
	"bytes"
	"fmt"
	"testing"
)

// The memory of calls that are gone serves others, which show in no message of
// either.
func TestMemoryServesAgain(t *testing.T) {
	tr, err := New(Options{Calls: 2})
	if err != nil {
		t.Fatal(err)
	}
	text := func(call, n int) string {
		return fmt.Sprintf("call %d message %d%s", call, n, bytes.Repeat([]byte("."), call))
	}
	var old []Message
	for call := range 10 {
		for n := range 5 {
			tr.Add(Message{Call: []byte(fmt.Sprint(call)), Raw: []byte(text(call, n))})
		}
		got, left := tr.Call(fmt.Sprint(call))
		if len(got) != 5 || left != 0 {
			t.Fatalf("call %d has %d messages, %d left out; want 5", call, len(got), left)
		}
		for n, m := range append(old, got...) {
			of := call - 1 + n/5
			if old == nil {
				of = call
			}
			if want := text(of, n%5); string(m.Raw) != want || string(m.Call) != fmt.Sprint(of) {
				t.Errorf("message %d of call %s is %q, want %q", n%5, m.Call, m.Raw, want)
			}
		}
		old = got
	}
}

// What was forgotten stands in no memory that serves again: neither in its own nor
// behind the text of a call that came where one went.
func TestForgottenIsGone(t *testing.T) {
	tr := open(t, 2)
	const number = "13041439112"
	for _, m := range [][2]string{{"went", "INVITE sip:4001 From: " + number}, {"stays", "INVITE sip:4001 From: " + number}, {"came", "INVITE sip:"}} {
		tr.Add(Message{Call: []byte(m[0]), Raw: []byte(m[1])})
	}
	holding := func() (n int) {
		for _, c := range tr.calls.calls {
			n += bytes.Count(c.text[:cap(c.text)], []byte(number))
		}
		return n
	}
	if n := holding(); n != 2 {
		t.Fatalf("memory holds the number %d times; want twice", n)
	}
	if n, left := tr.Forget(number), holding(); n != 1 || left != 0 {
		t.Errorf("%d calls forgotten, and memory holds the number %d times; want 1, 0", n, left)
	}
	if m, _ := tr.Call("came"); len(m) != 1 || string(m[0].Raw) != "INVITE sip:" {
		t.Errorf("the call that came has %v", m)
	}
}
