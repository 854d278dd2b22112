package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"callscreen/console"
)

// The keys of Juhe and of another service, of bytes that have other forms in URLs.
const (
	secretKey    = "3f2c0d+c1a9/b7=e&4"
	serviceKey   = "s8d1/f0e+7c=9&b2"
	secretNumber = "13900000001"
)

// secretForms are how a key may be written.
func secretForms() (all []string) {
	for _, key := range []string{secretKey, serviceKey} {
		all = append(all, key, key[:8], url.QueryEscape(key), url.PathEscape(key), url.QueryEscape(key)[:9],
			base64.StdEncoding.EncodeToString([]byte(key)), base64.RawURLEncoding.EncodeToString([]byte(key)))
	}
	return all
}

// faultyServer answers everything with what fault makes of the whole question.
func faultyServer(t *testing.T, fault func(c net.Conn, question []byte)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() { // ends when l is closed
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { // ends when it has answered, or the client leaves
				defer c.Close()
				var seen bytes.Buffer
				r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, &seen)))
				if err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
				}
				fault(c, seen.Bytes())
			}()
		}
	}()
	return l.Addr().String()
}

func sends(format string, args ...any) func(net.Conn, []byte) {
	return func(c net.Conn, _ []byte) { fmt.Fprintf(c, format, args...) }
}

func sendsBody(status, body string) func(net.Conn, []byte) {
	return sends("HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
}

// echoesLate sends back what it was asked when the connection has been put away.
func echoesLate(c net.Conn, question []byte) {
	fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	time.Sleep(100 * time.Millisecond)
	_, _ = c.Write(question)
	_, _ = io.Copy(io.Discard, c)
}

// secretFaults are the failures of issue and document: every code, every odd body,
// every way in which a server may send back what it was asked.
func secretFaults(t *testing.T) map[string]func(net.Conn, []byte) {
	t.Helper()
	all := map[string]func(net.Conn, []byte){
		"hangs":                 func(c net.Conn, _ []byte) { _, _ = io.Copy(io.Discard, c) },
		"closes":                sends(""),
		"echoes":                func(c net.Conn, q []byte) { _, _ = c.Write(q) },
		"echoes in the status":  func(c net.Conn, q []byte) { fmt.Fprintf(c, "HTTP/1.1 200 %q\r\n\r\n", q) },
		"echoes for the status": func(c net.Conn, q []byte) { fmt.Fprintf(c, "HTTP/1.1 %q\r\n\r\n", q) },
		"echoes in a header":    func(c net.Conn, q []byte) { fmt.Fprintf(c, "HTTP/1.1 200 OK\r\n%q\r\n\r\n", q) },
		"echoes in the place": func(c net.Conn, q []byte) {
			fmt.Fprintf(c, "HTTP/1.1 302 x\r\nLocation: /?%s\r\n\r\n", url.QueryEscape(string(q)))
		},
		"echoes in a chunk": func(c net.Conn, q []byte) {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%q\r\n", q)
		},
		"echoes in the reason": func(c net.Conn, q []byte) {
			sendsBody("200 OK", fmt.Sprintf(`{"error_code":10001,"reason":%q}`, q))(c, nil)
		},
		"echoes in the code":           func(c net.Conn, q []byte) { sendsBody("200 OK", fmt.Sprintf(`{"error_code":%q}`, q))(c, nil) },
		"echoes in a page":             func(c net.Conn, q []byte) { sendsBody("502 Bad Gateway", fmt.Sprintf("<html>%s", q))(c, nil) },
		"echoes what nobody waits for": echoesLate,
		"echoes where none is": func(c net.Conn, q []byte) {
			sendsBody("200 OK", fmt.Sprintf(`{"error_code":0,"result":{"data":{"flag":%q}}}`, q))(c, nil)
		},
		"10 MB":                  sends("HTTP/1.1 200 OK\r\n\r\n%s", strings.Repeat(" ", 10<<20)),
		"a zip that is none":     sends("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n%s", strings.Repeat("x", 100)),
		"speaks TLS with nobody": sends("\x15\x03\x01\x00\x02\x02\x28"),
	}
	for _, code := range []int{
		10001, 10002, 10003, 10004, 10005, 10007, 10008, 10009, 10011, 10012, 10013, 10014, 10020, 10021, 251101, 251102, 251103, 99999,
	} {
		all[fmt.Sprint(code)] = sendsBody("200 OK", fmt.Sprintf(`{"error_code":%d,"reason":"x","result":null}`, code))
	}
	for _, status := range []string{"204 x", "301 x", "401 x", "403 x", "404 x", "429 x", "500 x", "503 x"} {
		all["status "+status[:3]] = sendsBody(status, "")
	}
	files, err := filepath.Glob("../../testdata/juhe/*.txt")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d bodies, %v", len(files), err)
	}
	for i, file := range files {
		if i%4 > 0 {
			continue // package juhe tries them all
		}
		_, body, _ := strings.Cut(readFile(t, file), "\n")
		all[filepath.Base(file)] = sendsBody("200 OK", body)
	}
	return all
}

// TestKeysAreNowhere: whatever fails, keys are in no log, error, metric, page,
// record and file. It tries every failure with Juhe and with another service at once.
func TestKeysAreNowhere(t *testing.T) {
	muteLibraries()
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	for name, fault := range secretFaults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lookForKeys(t, faultyServer(t, fault), "http", []string{"post", "get"}[len(name)%2])
		})
	}
	closed := faultyServer(t, sends(""))
	for name, at := range map[string][2]string{"TLS to who speaks none": {closed, "https"}, "nobody there": {"127.0.0.1:1", "http"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lookForKeys(t, at[0], at[1], "get")
		})
	}
}

// lookForKeys has a process ask two services at an address, and searches all that it
// says and writes.
func lookForKeys(t *testing.T, at, scheme, method string) {
	o := newOffice(t)
	o.write("policy.yaml", strings.Replace(refuseSales, "enforce", "observe", 1))
	o.write("juhe.key", secretKey+"\n")
	o.write("service.key", serviceKey)
	text := strings.Replace(o.text(), `http: {listen: ""}`, `http: {listen: "127.0.0.1:0"}`, 1) + fmt.Sprintf(`
cache: {failed: 0s}
juhe: {url: "%[1]s://%[2]s/q", key_file: juhe.key, method: %[3]s}
directories:
  services:
    - {name: other, url: "%[1]s://%[2]s/{key}/{number}?k={key}", header: {Authorization: "Bearer {key}"}, key_file: service.key, proof: {path: none}, paths: {marks: m}}
`, scheme, at, method)
	p, stop := o.startWith(text)
	o.call(p, secretNumber, o.pbx, "INVITE ")
	if !eventually(func() bool { return strings.Contains(o.log.String(), `"message":"call `) }) {
		t.Errorf("log = %s", o.log.String())
	}
	said := fmt.Sprintf("%v %+v %#v %v %v", p.juhe, p.c, p.c, p.asked, p.checks())
	for _, page := range []string{"/metrics", "/healthz", "/readyz", "/"} {
		said += get(t, "http://"+p.http.Addr().String()+page)
	}
	var found lookedUp
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := p.c.client().Do(ctx, http.MethodPost, "/lookup", lookupRequest{Number: "13900000002"}, &found); err != nil && ctx.Err() == nil {
		t.Error(err)
	} else if err != nil { // somebody hangs
		said += err.Error()
	}
	var h console.Health
	if err := p.c.client().Do(t.Context(), http.MethodGet, "/health", nil, &h); err != nil {
		t.Error(err)
	}
	said += fmt.Sprintf("%+v %+v", found, h)
	stop()
	said += o.log.String() + allFiles(t, o.dir, "juhe.key", "service.key")
	for _, want := range []string{`"message":"call `, `"verdict":`, "callscreen_lookup_seconds_count"} {
		if !strings.Contains(said, want) {
			t.Errorf("nothing was searched: no %s in %s", want, said)
		}
	}
	for _, form := range secretForms() {
		if i := strings.Index(said, form); i >= 0 {
			t.Errorf("%q is in …%q…", form, said[max(i-200, 0):min(i+200, len(said))])
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(resp.Header) + string(body)
}

// allFiles is what is in the files below dir, but for some.
func allFiles(t *testing.T, dir string, except ...string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		for _, name := range except {
			if e.Name() == name {
				return nil
			}
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
