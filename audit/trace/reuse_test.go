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
			tr.Add(Message{Call: fmt.Sprint(call), Raw: []byte(text(call, n))})
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
			if want := text(of, n%5); string(m.Raw) != want || m.Call != fmt.Sprint(of) {
				t.Errorf("message %d of call %s is %q, want %q", n%5, m.Call, m.Raw, want)
			}
		}
		old = got
	}
	if tr.Forget("call 9") != 1 || tr.spare == nil || bytes.Contains(tr.spare.text[:cap(tr.spare.text)], []byte("call")) {
		t.Errorf("what was forgotten is still in memory: %q", tr.spare.text[:cap(tr.spare.text)])
	}
}
