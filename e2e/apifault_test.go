package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

const (
	faultBudget = 800 * time.Millisecond
	goodHead    = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	goodBody    = `{"error_code":0,"result":{"data":{"flag":{"type":"疑似诈骗","num":3475,"fid":5},"telnum":"13041439112"}}}`
)

// hostileJuhe is a server that takes questions over TCP and does with the connection what it
// likes.
type hostileJuhe struct {
	listener net.Listener
	asked    atomic.Int32
	all      sync.WaitGroup
}

// serveTCP starts one, which ends with the test.
func serveTCP(t *testing.T, answer func(net.Conn)) *hostileJuhe {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &hostileJuhe{listener: l}
	a.all.Go(func() { // ends when the listener is closed
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			a.all.Go(func() { // ends when either side closes the connection
				defer conn.Close()
				r, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				if r.Method != http.MethodHead { // which only keeps a connection open
					a.asked.Add(1)
				}
				answer(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); a.all.Wait() })
	return a
}

func (a *hostileJuhe) url() string { return "http://" + a.listener.Addr().String() + juhesim.Path }

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) } // who has left misses it
}

// stalls says something, and no more until the other side has had enough.
func stalls(text string) func(net.Conn) {
	return func(c net.Conn) { says(text)(c); _, _ = io.Copy(io.Discard, c) }
}

// floods says something, and then the same without an end.
func floods(text, more string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, text)
		for err == nil {
			_, err = io.WriteString(c, more)
		}
	}
}

func zipped(size int) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(append([]byte(goodBody), bytes.Repeat([]byte(" "), size)...)) // to memory, as Close
	_ = z.Close()
	return fmt.Sprintf(goodHead+"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", b.Len(), b.Bytes())
}

// Whatever happens to connections to Juhe, each call goes on within its budget, queries
// stop, and nothing is left of it: no memory, goroutine or descriptor, and no word of
// what was half an answer.
func TestTransportOfJuheFails(t *testing.T) {
	t.Parallel()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = nil
	t.Cleanup(untrusted.Close)
	ends := serveTCP(t, says("HTTP/1.1 400 Bad Request\r\n\r\n"))
	for _, tt := range []struct {
		name   string
		answer func(net.Conn)
		url    string // instead
		failed string
	}{
		{"takes the question and says nothing", stalls(""), "", "timeout"},
		{"stalls in the headers", stalls(goodHead), "", "timeout"},
		{"stalls in the body", stalls(goodHead + "Content-Length: 500\r\n\r\n" + goodBody), "", "timeout"},
		{"a byte now and then", drips, "", "timeout"},
		{"resets at once", func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) }, "", "upstream"},
		{"resets in the middle", func(c net.Conn) {
			says(goodHead + "Content-Length: 500\r\n\r\n" + goodBody)(c)
			_ = c.(*net.TCPConn).SetLinger(0)
		}, "", "upstream"},
		{"less than was said", says(goodHead + "Content-Length: 500\r\n\r\n" + goodBody), "", "upstream"},
		{"more than was said", says(goodHead + "Content-Length: 20\r\n\r\n" + goodBody), "", "upstream"},
		{"chunks that are none", says(goodHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + goodBody), "", "upstream"},
		{"HTTP/0.9", says(goodBody), "", "upstream"},
		{"a status that is none", says("HTTP/1.1 abc\r\n\r\n" + goodBody), "", "upstream"},
		{"headers without end", floods(goodHead, "X-Pad: "+strings.Repeat("a", 1000)+"\r\n"), "", "upstream"},
		{"a body without end", floods(goodHead+"\r\n"+goodBody, strings.Repeat(" ", 4096)), "", "upstream"},
		{"64 MB", floods(goodHead+"Content-Length: 67108864\r\n\r\n", strings.Repeat(" ", 4096)), "", "upstream"},
		{"64 MB in a few KB", says(zipped(64 << 20)), "", "upstream"},
		{"no such name", nil, "http://callscreen.invalid" + juhesim.Path, "upstream"},
		{"a certificate of nobody", nil, untrusted.URL + juhesim.Path, "upstream"},
		{"no TLS", nil, strings.Replace(ends.url(), "http:", "https:", 1), "upstream"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			url := tt.url
			if tt.answer != nil {
				url = serveTCP(t, tt.answer).url()
			}
			o := newOffice(t, setting{juhe: url, budget: faultBudget, more: "http: {listen: " + strconv.Quote(freeTCP(t).String()) + "}\n", drain: time.Second})
			before, running := o.usage(), o.goroutines()
			all := newStrangers(o)
			for range 8 {
				all.place()
			}
			all.arrive()
			all.during(20, func() bool { return len(all.order) >= 40 })
			all.arrive()
			slowest := all.slowest()
			if slowest > faultBudget+patience/4 {
				t.Errorf("a call took %v to reach the PBX, with a budget of %v", slowest, faultBudget)
			}
			o.eventually("as many goroutines as before", func() bool {
				time.Sleep(200 * time.Millisecond) // the question makes garbage, too
				return o.goroutines() <= running+5
			})
			after := o.usage()
			if after.rss > before.rss+64<<10 || after.files > before.files+21 { // 16 connections wait for questions
				t.Errorf("%v before, %v after", before, after)
			}
			o.stop()
			failed := map[string]int{}
			for _, e := range o.record("record.jsonl") {
				if failed[e.Failed]++; e.Verdict != "allow" || e.Rule != "default" {
					t.Errorf("decided %+v", e)
				}
			}
			t.Logf("%d calls, all reached the PBX, the slowest after %v; failed %v; %v before, %v after", len(all.order), slowest.Round(time.Millisecond), failed, before, after)
			if failed[tt.failed] != len(all.order) {
				t.Errorf("lookups failed %v; want all of %s", failed, tt.failed)
			}
		})
	}
}

// drips sends a whole answer, if somebody waits half a minute for it.
func drips(c net.Conn) {
	for _, b := range []byte(fmt.Sprintf(goodHead+"Content-Length: %d\r\n\r\n%s", len(goodBody), goodBody)) {
		time.Sleep(100 * time.Millisecond)
		if _, err := c.Write([]byte{b}); err != nil {
			return
		}
	}
}

// A redirect is not followed, whatever it leads to, and takes the key nowhere.
func TestRedirectsOfJuhe(t *testing.T) {
	t.Parallel()
	canary := serveTCP(t, says(goodHead+"\r\n"+goodBody))
	statuses := []int{301, 302, 303, 307, 308}
	for i, location := range []string{
		canary.url(), strings.TrimPrefix(canary.url(), "http:"), canary.url() + "?key=" + secret, juhesim.Path,
		"http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", ":",
	} {
		for j, method := range []string{"get", "post"} {
			status := statuses[(i+2*j)%len(statuses)]
			t.Run(fmt.Sprintf("%d of %s to %d", status, method, i), func(t *testing.T) {
				t.Parallel()
				juhe := serveTCP(t, says(fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: %d\r\n\r\n%s", status, location, len(goodBody), goodBody)))
				o := newOffice(t, setting{config: func(o *office, _ string) string {
					return strings.Replace(o.config(setting{juhe: juhe.url(), drain: time.Second}), "juhe: {", "juhe: {method: "+method+", ", 1)
				}})
				o.rings(1)
				o.stop()
				if e := o.record("record.jsonl"); len(e) != 1 || e[0].Failed != "upstream" || e[0].Verdict != "allow" {
					t.Errorf("record says %+v", e)
				}
				if juhe.asked.Load() != 1 || canary.asked.Load() != 0 {
					t.Errorf("Juhe was asked %d times, the canary %d times; want once, and never", juhe.asked.Load(), canary.asked.Load())
				}
			})
		}
	}
}

// freeTCP returns a TCP port that nobody has.
func freeTCP(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp4", net.JoinHostPort(loopbackBlock()(5).String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// goroutines is how many the process has, by its metrics.
func (o *office) goroutines() (n int) {
	o.t.Helper()
	_, rest, _ := strings.Cut(o.metrics(), "\ngo_goroutines ")
	if _, err := fmt.Sscan(rest, &n); err != nil {
		o.t.Fatalf("go_goroutines: %v", err)
	}
	return n
}

// metrics returns the metrics of the process.
func (o *office) metrics() string {
	o.t.Helper()
	_, at, _ := strings.Cut(o.read("callscreen.yaml"), "http: {listen: \"")
	at, _, _ = strings.Cut(at, `"`)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{}}}
	resp, err := client.Get("http://" + at + "/metrics")
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// slowest is how long the slowest call took to reach the PBX.
func (t *strangers) slowest() time.Duration {
	all := t.delays(time.Time{}, time.Now())
	return all[len(all)-1]
}
