package juhe

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

const secretKey = "3f2c0d+c1a9/b7=e&4"

var caller = screening.Number{Country: "86", Digits: "13041439112", Class: screening.ClassMobile}

// piped returns a Client whose connections are in memory, with serve at their
// other end, and the log it writes.
func piped(t *testing.T, method string, serve func(net.Conn, []byte)) (*Client, *bytes.Buffer) {
	t.Helper()
	var served sync.WaitGroup
	transport := newTransport(time.Second)
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		served.Go(func() { // ends when either side closes the pipe
			defer far.Close()
			serve(far, readQuestion(far))
		})
		return near, nil
	}
	log := new(bytes.Buffer)
	c, err := New(Options{
		URL: "http://juhe.test/mobileVerify/query", Key: secretKey, Method: method,
		HTTP: &http.Client{Transport: transport}, Logger: zerolog.New(log).Level(zerolog.TraceLevel),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { transport.CloseIdleConnections(); served.Wait() })
	return c, log
}

// readQuestion returns a whole request, key and all.
func readQuestion(c net.Conn) []byte {
	var seen bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, &seen)))
	if err == nil {
		io.Copy(io.Discard, r.Body)
	}
	return seen.Bytes()
}

// gone writes until the other side has had enough.
func gone(c net.Conn, chunk []byte) {
	for {
		if _, err := c.Write(chunk); err != nil {
			return
		}
	}
}

const (
	okHead = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	okBody = `{"error_code":0,"result":{"data":{"flag":{"type":"推销","num":3475,"fid":2},"telnum":"13041439112"}}}`
)

// answer writes a well-formed reply.
func answer(status int, headers, body string) func(net.Conn, []byte) {
	return func(c net.Conn, _ []byte) {
		fmt.Fprintf(c, "HTTP/1.1 %d x\r\n%sContent-Length: %d\r\n\r\n%s", status, headers, len(body), body)
	}
}

func raw(text string) func(net.Conn, []byte) {
	return func(c net.Conn, _ []byte) { io.WriteString(c, text) }
}

func zipped(size int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(bytes.Repeat([]byte(" "), size))
	z.Write([]byte(okBody))
	z.Close()
	return b.String()
}

// faults are what a server or a network may do, and the class and reason of the
// error that must come of it.
var faults = []struct {
	name   string
	serve  func(net.Conn, []byte)
	class  Class
	reason string
}{
	{"hang", func(c net.Conn, _ []byte) { io.Copy(io.Discard, c) }, ClassUpstream, "timeout"},
	{"stall in headers", func(c net.Conn, _ []byte) { io.WriteString(c, okHead); io.Copy(io.Discard, c) }, ClassUpstream, "timeout"},
	{"stall in body", func(c net.Conn, _ []byte) {
		io.WriteString(c, okHead+"Content-Length: 500\r\n\r\n"+okBody)
		io.Copy(io.Discard, c)
	}, ClassUpstream, "timeout"},
	{"drip", func(c net.Conn, _ []byte) {
		for _, b := range []byte(okHead + "\r\n" + okBody) {
			time.Sleep(50 * time.Millisecond)
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	}, ClassUpstream, "timeout"},
	{"close at once", raw(""), ClassUpstream, "upstream"},
	{"close in headers", raw("HTTP/1.1 200 OK\r\nContent-"), ClassUpstream, "upstream"},
	{"short length", raw(okHead + "Content-Length: 5000\r\n\r\n" + okBody), ClassUpstream, "upstream"},
	{"long length", raw(okHead + "Content-Length: 20\r\n\r\n" + okBody), ClassUpstream, "upstream"},
	{"bad length", raw(okHead + "Content-Length: -3\r\n\r\n" + okBody), ClassUpstream, "upstream"},
	{"bad chunk", raw(okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + okBody + "\r\n0\r\n\r\n"), ClassUpstream, "upstream"},
	{"unfinished chunks", raw(okHead + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n", len(okBody), okBody)), ClassUpstream, "upstream"},
	{"HTTP/0.9", raw(okBody), ClassUpstream, "upstream"},
	{"junk status", raw("HTTP/1.1 abc OK\r\n\r\n" + okBody), ClassUpstream, "upstream"},
	{"header bomb", func(c net.Conn, _ []byte) {
		io.WriteString(c, okHead)
		gone(c, []byte("X-Pad: "+strings.Repeat("a", 1000)+"\r\n"))
	}, ClassUpstream, "upstream"},
	{"100 KiB of headers", answer(200, "X-Pad: "+strings.Repeat("a", 100<<10)+"\r\n", okBody), ClassUpstream, "upstream"},
	{"echoes the question", func(c net.Conn, q []byte) { c.Write(q) }, ClassUpstream, "upstream"},
	{"echoes it in the status", func(c net.Conn, q []byte) { fmt.Fprintf(c, "HTTP/1.1 %q\r\n\r\n", q) }, ClassUpstream, "upstream"},
	{"echoes it in a header", func(c net.Conn, q []byte) { fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%q\r\n\r\n", q) }, ClassUpstream, "upstream"},
	{"echoes it in the body", func(c net.Conn, q []byte) { answer(200, "", fmt.Sprintf(`{"error_code":10001,"reason":%q}`, q))(c, q) }, ClassConfig, "key"},
	{"endless", func(c net.Conn, _ []byte) {
		io.WriteString(c, okHead+"\r\n")
		gone(c, bytes.Repeat([]byte(" "), 1<<12))
	}, ClassUpstream, "upstream"},
	{"64 KiB and one", answer(200, "", okBody+strings.Repeat(" ", maxBody+1-len(okBody))), ClassUpstream, "upstream"},
	{"gzip bomb", answer(200, "Content-Encoding: gzip\r\n", zipped(16<<20)), ClassUpstream, "upstream"},
	{"gzip cut", answer(200, "Content-Encoding: gzip\r\n", zipped(10)[:60]), ClassUpstream, "upstream"},
	{"empty", answer(200, "", ""), ClassUpstream, "upstream"},
	{"204", raw("HTTP/1.1 204 No Content\r\n\r\n"), ClassUpstream, "upstream"},
	{"201 with an answer", answer(201, "", okBody), ClassUpstream, "upstream"},
	{"500 with an answer", answer(500, "", okBody), ClassUpstream, "upstream"},
	{"500 with nothing found", answer(500, "", `{"error_code":251103}`), ClassUpstream, "upstream"},
	{"502 page", answer(502, "", "<html>"), ClassUpstream, "upstream"},
	{"503", answer(503, "Retry-After: 5\r\n", ""), ClassUpstream, "upstream"},
	{"408", answer(408, "", ""), ClassUpstream, "upstream"},
	{"429", answer(429, "", ""), ClassThrottle, "throttled"},
	{"401", answer(401, "", okBody), ClassConfig, "key"},
	{"403", answer(403, "", ""), ClassConfig, "key"},
	{"403 that says why", answer(403, "", `{"error_code":10012}`), ClassQuota, "quota"},
	{"403 with a foreign code", answer(403, "", `{"error_code":7}`), ClassConfig, "key"},
	{"404", answer(404, "", ""), ClassRequest, "request"},
	{"301", answer(301, "Location: http://169.254.169.254/\r\n", okBody), ClassUpstream, "upstream"},
	{"302", answer(302, "Location: //canary.test/\r\n", okBody), ClassUpstream, "upstream"},
	{"307", answer(307, "Location: /mobileVerify/query\r\n", ""), ClassUpstream, "upstream"},
	{"308 to nowhere", answer(308, "Location: :\r\n", ""), ClassUpstream, "upstream"},
}

// TestFaults brings every fault about, by POST and by GET, and holds that an
// error of the right class comes of it, in time, and that the key is nowhere.
func TestFaults(t *testing.T) {
	for _, tt := range faults {
		for _, method := range []string{"post", "get"} {
			t.Run(tt.name+" "+method, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, log := piped(t, method, tt.serve)
					ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
					defer cancel()
					started := time.Now()
					r, err := c.Lookup(ctx, caller)
					var e *Error
					if !errors.As(err, &e) || e.Class != tt.class || e.Reason() != tt.reason || r.Known() {
						t.Errorf("Lookup = %+v, %v; want %s, %s", r, err, tt.class, tt.reason)
					}
					want := time.Duration(0)
					if tt.reason == "timeout" {
						want = 800 * time.Millisecond
					}
					if took := time.Since(started); took != want {
						t.Errorf("took %v, want %v", took, want)
					}
					noKey(t, err, c, log)
				})
			})
		}
	}
}

// noKey looks for the key, in every form it may take, in all that is said.
func noKey(t *testing.T, err error, c *Client, log fmt.Stringer) {
	t.Helper()
	said := log.String()
	for ; err != nil; err = errors.Unwrap(err) {
		said += fmt.Sprintf("%v|%+v|%#v|%q\n", err, err, err, err)
	}
	said += fmt.Sprintf("%v|%+v|%#v|%s", c, c, c, c)
	for _, form := range keyForms(secretKey) {
		if strings.Contains(said, form) {
			t.Errorf("the key as %q is in %q", form, said)
		}
	}
}

func keyForms(key string) []string {
	return []string{
		key, url.QueryEscape(key), url.PathEscape(key), key[:8],
		base64.StdEncoding.EncodeToString([]byte(key)), base64.URLEncoding.EncodeToString([]byte(key)),
	}
}

func TestPipedAnswerIsRead(t *testing.T) {
	c, log := piped(t, "get", answer(200, "", okBody))
	r, err := c.Lookup(t.Context(), caller)
	if err != nil || r.Marks != 3475 || !strings.Contains(log.String(), `"message":"juhe answered"`) {
		t.Errorf("Lookup = %+v, %v; log %s", r, err, log)
	}
	if strings.Contains(log.String(), caller.Digits) {
		t.Errorf("the number is in the log: %s", log)
	}
	noKey(t, err, c, log)
	c, _ = piped(t, "post", answer(200, "", okBody+strings.Repeat(" ", maxBody-len(okBody))))
	if r, err := c.Lookup(t.Context(), caller); err != nil || r.Marks != 3475 {
		t.Errorf("64 KiB: Lookup = %+v, %v", r, err)
	}
}

func TestCanceledIsNotJuhesFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := piped(t, "get", faults[0].serve)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := c.Lookup(ctx, caller)
		var e *Error
		if !errors.Is(err, context.Canceled) || errors.As(err, &e) {
			t.Errorf("Lookup = %v, want context.Canceled and no *Error", err)
		}
		noKey(t, err, c, log)
	})
}

func TestNetworkFaults(t *testing.T) {
	closed := httptest.NewServer(nil)
	closed.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	untrusted.Config.ErrorLog = nil
	tests := map[string]string{
		"refused":    closed.URL,
		"no name":    "http://callscreen.invalid",
		"untrusted":  untrusted.URL,
		"plain text": "https" + strings.TrimPrefix(serveText(t), "http"),
	}
	for name, base := range tests {
		for _, method := range []string{"post", "get"} {
			var log bytes.Buffer
			c, err := New(Options{URL: base + "/mobileVerify/query", Key: secretKey, Method: method, Logger: zerolog.New(&log)})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Lookup(t.Context(), caller)
			if !errors.Is(err, ErrUpstream) {
				t.Errorf("%s: Lookup = %v, want ErrUpstream", name, err)
			}
			noKey(t, err, c, &log)
			if err := c.Warm(t.Context()); !errors.Is(err, ErrUpstream) {
				t.Errorf("%s: Warm = %v, want ErrUpstream", name, err)
			}
		}
	}
}

func serveText(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.URL
}

func TestOptionsPrintWithoutKey(t *testing.T) {
	o := Options{Key: secretKey}
	said := fmt.Sprintf("%v %+v %#v %s %v %+v", o, o, o, o, &o, &o)
	if strings.Contains(said, secretKey[:8]) {
		t.Errorf("the key is in %q", said)
	}
}
