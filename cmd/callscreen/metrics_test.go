package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// withHTTP builds a process that serves HTTP at an address, and runs it until
// stop ends it.
func (o *office) withHTTP(listen string) (p *process, stop func()) {
	o.t.Helper()
	return o.startWith(strings.Replace(o.text(), `http: {listen: ""}`, `http: {listen: "`+listen+`"}`, 1))
}

func TestMetricsOfTheProcess(t *testing.T) {
	o := newOffice(t)
	p, stop := o.withHTTP("127.0.0.1:0")
	o.call(p, "13041439112", o.pbx, "INVITE ")
	at := p.http.Addr().String()
	resp, err := http.Get("http://" + at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`callscreen_sip_messages_total{direction="in",message="INVITE"} 1`, "callscreen_sip_setups_open 1", "go_goroutines ", "process_open_fds ",
	} {
		if !strings.Contains(string(body), "\n"+want) {
			t.Errorf("/metrics has no %q:\n%s", want, body)
		}
	}
	if strings.Contains(string(body), "13041439112") {
		t.Error("/metrics tells who called")
	}
	stop()
	if c, err := net.Dial("tcp", at); err == nil {
		c.Close()
		t.Error("the port is still open after the end")
	}
}

// Calls are screened all the same where the port for HTTP cannot be had.
func TestNoPortForHTTP(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	o := newOffice(t)
	p, stop := o.withHTTP(taken.Addr().String())
	defer stop()
	o.call(p, "13041439112", o.pbx, "INVITE ")
	if !strings.Contains(o.log.String(), "no metrics and no health over http") {
		t.Errorf("log = %q", o.log.String())
	}
}
