package e2e

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"callscreen/juhe/juhesim"
)

var soak = flag.Duration("soak", 20*time.Second, "how long TestSoak goes on")

// troubles are what Juhe goes through, one after the other.
var troubles = []*juhesim.Reply{
	nil, {Raw: "<html>busy</html>"}, nil, {Status: 502, Raw: "bad gateway"}, nil, {Hang: true}, nil, {Code: 10014},
}

// An office works on while Juhe comes and goes: every call is answered, talks and
// ends, and the process keeps neither memory nor descriptors of it.
// make soak takes an hour.
func TestSoak(t *testing.T) {
	t.Parallel()
	o := newOffice(t, setting{budget: 800 * time.Millisecond})
	o.pbx.serve(func(m message) []message {
		switch method, _, _ := strings.Cut(string(m), " "); method {
		case "INVITE":
			return []message{m.answer("180 Ringing"), m.answer("200 OK")}
		case "BYE":
			return []message{m.answer("200 OK")}
		}
		return nil
	})
	start, calls := time.Now(), 0
	var early usage
	for time.Since(start) < *soak {
		trouble := troubles[int(time.Since(start)*16 / *soak)%len(troubles)]
		if o.juhe.Restore(); trouble != nil {
			o.juhe.SetAll(*trouble)
		}
		calls++
		o.talk(strconv.Itoa(13700000000 + calls%5000))
		if early.rss == 0 && time.Since(start) > *soak/4 {
			early = o.usage()
		}
		time.Sleep(10 * time.Millisecond)
	}
	late := o.usage()
	t.Logf("calls %d, failed 0, questions to Juhe %d; a quarter in %v, at the end %v", calls, o.juhe.Queries(), early, late)
	if late.files > early.files+5 || late.rss > early.rss+64<<10 {
		t.Errorf("%v after a quarter of the time, %v at the end", early, late)
	}
}

// talk places a call that is answered, and ends it.
func (o *office) talk(number string) {
	o.t.Helper()
	d := o.carrier.dial(number)
	o.carrier.send(d.invite())
	for _, status := range []string{"180", "200"} {
		m := o.carrier.want("SIP/2.0 " + status)
		if status == "200" {
			o.carrier.send(d.ack(m))
		}
	}
	o.carrier.send(d.bye())
	o.carrier.want("SIP/2.0 200")
}

// usage is what the process holds.
type usage struct {
	rss   int // KiB
	files int
}

func (u usage) String() string { return fmt.Sprintf("%d MiB and %d files", u.rss>>10, u.files) }

func (o *office) usage() (u usage) {
	o.t.Helper()
	dir := "/proc/" + strconv.Itoa(o.cmd.Process.Pid)
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		o.t.Fatal(err)
	}
	_, rss, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscan(rss, &u.rss); err != nil {
		o.t.Fatalf("memory in use: %v", err)
	}
	files, err := os.ReadDir(dir + "/fd")
	if err != nil {
		o.t.Fatal(err)
	}
	u.files = len(files)
	return u
}
