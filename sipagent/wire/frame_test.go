package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func framed(length string, body int) string {
	return "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:1@a>;tag=1\r\nTo: <sip:2@a>\r\n" +
		"Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n" + length + "\r\n" + strings.Repeat("\r\n\r\n", body/4)
}

// Wherever a stream is cut, the same messages come out of it.
func TestFramerAtEverySplit(t *testing.T) {
	messages := []string{framed("Content-Length: 8\r\n", 8), framed("l:0\r\n", 0), framed("CONTENT-LENGTH :\r\n 12\r\n", 12)}
	all := strings.Join(messages, "")
	for cut := range len(all) {
		f := Framer{MaxHeader: 1000, MaxMessage: 1000}
		var got []string
		var m Message
		rest := ""
		for _, part := range []string{all[:cut], all[cut:]} {
			rest += part
			for {
				n, err := f.Next(&m, []byte(rest))
				if err != nil {
					t.Fatalf("cut at %d: %v behind %d messages", cut, err, len(got))
				}
				if n == 0 {
					break
				}
				got, rest = append(got, rest[:n]), rest[n:]
			}
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", messages) || rest != "" {
			t.Fatalf("cut at %d: %q and %q left, want %q", cut, got, rest, messages)
		}
	}
}

func TestFramerByteByByte(t *testing.T) {
	one := framed("Content-Length: 8\r\n", 8)
	f := Framer{MaxHeader: 1000, MaxMessage: 1000}
	var m Message
	for i := 1; i <= len(one); i++ {
		n, err := f.Next(&m, []byte(one[:i]))
		if want := map[bool]int{true: len(one)}[i == len(one)]; n != want || err != nil {
			t.Fatalf("after %d bytes: %d, %v; want %d", i, n, err, want)
		}
	}
}

func TestFramerRefuses(t *testing.T) {
	long := framed("X: "+strings.Repeat("x", 1000)+"\r\nContent-Length: 0\r\n", 0)
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"no length":                     {framed("", 0), ErrFrame},
		"two lengths":                   {framed("Content-Length: 0\r\nl: 0\r\n", 0), ErrFrame},
		"a negative length":             {framed("Content-Length: -1\r\n", 0), ErrFrame},
		"no number":                     {framed("Content-Length: 1x\r\n", 0), ErrFrame},
		"an empty length":               {framed("Content-Length:\r\n", 0), ErrFrame},
		"4 GiB":                         {framed("Content-Length: 4294967295\r\n", 0), ErrFrame},
		"more than 32 bits":             {framed("Content-Length: 4294967296\r\n", 0), ErrFrame},
		"a body over the limit":         {framed("Content-Length: 900\r\n", 0), ErrFrame},
		"headers over the limit":        {long, ErrFrame},
		"headers over it without end":   {long[:900], ErrFrame},
		"a bare line feed":              {framed("X: a\nb\r\nContent-Length: 0\r\n", 0), ErrNotSIP},
		"another protocol":              {"GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", ErrNotSIP},
		"the greatest body":             {framed("Content-Length: 851\r\n", 0), nil},
		"headers that are not over yet": {long[:700], nil},
	} {
		f := Framer{MaxHeader: 800, MaxMessage: 1000}
		var m Message
		n, err := f.Next(&m, []byte(tt.text))
		if n != 0 || !errors.Is(err, tt.want) {
			t.Errorf("%s: Next = %d, %v; want 0, %v", name, n, err, tt.want)
		}
	}
	if header := len(framed("Content-Length: 851\r\n", 0)); header != 149 {
		t.Errorf("the header part has %d bytes: the greatest body is not tried", header)
	}
}

// Whatever arrives, and however it is cut, the same messages come out of it.
func FuzzFramer(f *testing.F) {
	f.Add([]byte(framed("Content-Length: 8\r\n", 8)+framed("l: 0\r\n", 0)), uint16(70))
	f.Add([]byte(framed("Content-Length: 4294967295\r\n", 8)), uint16(3))
	divide := func(parts ...[]byte) (list []string, err error) {
		framer := Framer{MaxHeader: 600, MaxMessage: 1000}
		var m Message
		var rest []byte
		for _, part := range parts {
			rest = append(rest, part...)
			for n := 1; n > 0; {
				if n, err = framer.Next(&m, rest); err != nil {
					return list, err
				}
				if n > 0 {
					list, rest = append(list, string(rest[:n])), rest[n:]
				}
			}
		}
		return list, nil
	}
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		at := int(cut) % (len(b) + 1)
		whole, err := divide(b)
		parts, err2 := divide(b[:at], b[at:])
		if fmt.Sprintf("%q", whole) != fmt.Sprintf("%q", parts) || (err == nil) != (err2 == nil) {
			t.Errorf("whole: %q, %v; cut at %d: %q, %v", whole, err, at, parts, err2)
		}
		for _, m := range whole {
			if len(m) > 1000 || !strings.HasPrefix(string(b), whole[0]) {
				t.Errorf("a message of %d bytes: %q", len(m), m)
			}
		}
	})
}
