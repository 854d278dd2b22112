// Command callprobe places complete SIP calls over UDP at a low steady rate and
// measures the time from INVITE to the first response that is not 100, in
// nanoseconds: the send time is read just before sendto, the arrival time is the
// kernel's receive timestamp, so the probe's own wake-up delay does not count.
// (SIPp's own clock can be as coarse as 4 ms.)
//
// The input file has the SIPp form "SEQUENTIAL" / "number;verdict" with verdict
// pass, tag or rej; a call whose outcome differs from its verdict has failed.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

type row struct{ num, verdict string }

type result struct {
	Calls    int            `json:"calls"`
	Failed   int            `json:"failed"`
	Resent   int            `json:"resent"`
	P50      float64        `json:"p50_us"`
	P95      float64        `json:"p95_us"`
	P99      float64        `json:"p99_us"`
	Max      float64        `json:"max_us"`
	Mean     float64        `json:"mean_us"`
	AckedP50 float64        `json:"final_p50_us"`
	Why      map[string]int `json:"why,omitempty"`
}

var (
	fd    int
	dst   syscall.SockaddrInet4
	self  string
	rest  string // target host:port
	buf   = make([]byte, 65536)
	oob   = make([]byte, 256)
	runID string
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "callprobe:", err)
		os.Exit(1)
	}
}

func addr4(s string) syscall.SockaddrInet4 {
	a, err := net.ResolveUDPAddr("udp4", s)
	must(err)
	sa := syscall.SockaddrInet4{Port: a.Port}
	copy(sa.Addr[:], a.IP.To4())
	return sa
}

// next waits up to d for a datagram and returns it with its arrival time.
func next(d time.Duration) ([]byte, time.Time, bool) {
	if d <= 0 {
		d = time.Microsecond
	}
	tv := syscall.NsecToTimeval(d.Nanoseconds())
	if tv.Sec == 0 && tv.Usec == 0 {
		tv.Usec = 1
	}
	syscall.SetsockoptTimeval(fd, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &tv)
	n, on, _, _, err := syscall.Recvmsg(fd, buf, oob, 0)
	if err != nil {
		return nil, time.Time{}, false
	}
	at := time.Now()
	if cms, err := syscall.ParseSocketControlMessage(oob[:on]); err == nil {
		for _, c := range cms {
			if c.Header.Level == syscall.SOL_SOCKET && c.Header.Type == syscall.SCM_TIMESTAMPNS && len(c.Data) >= 16 {
				ts := (*syscall.Timespec)(unsafe.Pointer(&c.Data[0]))
				at = time.Unix(ts.Sec, ts.Nsec)
			}
		}
	}
	return buf[:n], at, true
}

func header(msg []byte, name string) []string {
	var out []string
	for _, l := range strings.Split(string(msg), "\r\n") {
		if l == "" {
			break
		}
		if len(l) > len(name) && l[len(name)] == ':' && strings.EqualFold(l[:len(name)], name) {
			out = append(out, strings.TrimSpace(l[len(name)+1:]))
		}
	}
	return out
}

func one(h []string) string {
	if len(h) == 0 {
		return ""
	}
	return h[0]
}

func status(msg []byte) int {
	if !bytes.HasPrefix(msg, []byte("SIP/2.0 ")) || len(msg) < 11 {
		return 0
	}
	return int(msg[8]-'0')*100 + int(msg[9]-'0')*10 + int(msg[10]-'0')
}

func request(method, uri, branch, from, to, callID string, cseq int, extra, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=%s\r\n", method, uri, self, branch)
	b.WriteString(extra)
	fmt.Fprintf(&b, "Max-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", from, to, callID, cseq, method)
	if method == "INVITE" {
		fmt.Fprintf(&b, "Contact: <sip:probe@%s>\r\n", self)
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return []byte(b.String())
}

// dialog is one call in progress.
type dialog struct {
	id, branch, from, uri string
	want, got             int
	msg                   []byte    // request to repeat while nothing has come back
	sent                  time.Time // of the INVITE
	again, limit          time.Time
	t1                    time.Duration
	stage                 int // 1 INVITE out, 2 BYE out
	quiet                 bool
	measured              bool
	first, final          float64
}

func (d *dialog) send(msg []byte) {
	d.msg, d.t1, d.quiet = msg, 500*time.Millisecond, false
	now := time.Now()
	if d.stage == 1 {
		d.sent = now
	}
	must(syscall.Sendto(fd, msg, 0, &dst))
	d.again, d.limit = now.Add(d.t1), now.Add(8*time.Second)
}

const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=probe\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"

func main() {
	target := flag.String("target", "127.0.0.1:25060", "proxy or callee")
	local := flag.String("local", "127.0.0.2:25075", "own address")
	inf := flag.String("inf", "", "numbers, number;verdict")
	rate := flag.Float64("rate", 50, "calls per second")
	n := flag.Int("n", 500, "number of calls")
	skip := flag.Int("skip", 20, "calls at the start that are not measured")
	flag.Parse()
	runtime.LockOSThread()

	p := &probe{rows: readRows(*inf), skip: *skip, res: result{Why: map[string]int{}}, open: map[string]*dialog{}}
	self, rest, dst = *local, *target, addr4(*target)
	listen(*local)
	runID = fmt.Sprintf("%x", time.Now().UnixNano())
	p.run(*n, time.Duration(float64(time.Second) / *rate))
	p.report()
}

// readRows reads the numbers to call from.
func readRows(file string) (rows []row) {
	f, err := os.Open(file)
	must(err)
	defer f.Close()
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if a, b, ok := strings.Cut(sc.Text(), ";"); ok {
			rows = append(rows, row{a, b})
		}
	}
	if len(rows) == 0 {
		must(fmt.Errorf("no numbers in %q", file))
	}
	return rows
}

// listen opens the socket, which tells when the kernel got each datagram.
func listen(local string) {
	var err error
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	must(err)
	must(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1))
	me := addr4(local)
	must(syscall.Bind(fd, &me))
}

// probe is a run of calls.
type probe struct {
	rows         []row
	skip         int
	res          result
	open         map[string]*dialog
	first, final []float64 // microseconds to the first and to the final answer
}

// run places n calls, one every gap, and waits until all have ended.
func (p *probe) run(n int, gap time.Duration) {
	due := time.Now()
	for i := 0; i < n || len(p.open) > 0; {
		now := time.Now()
		if i < n && !now.Before(due) {
			due = due.Add(gap)
			p.call(i)
			i++
			continue
		}
		wait := 100 * time.Millisecond
		if i < n {
			wait = min(wait, due.Sub(now))
		}
		p.repeat(now)
		if m, at, ok := next(wait); ok {
			p.receive(m, at)
		}
	}
}

// call places the i-th call.
func (p *probe) call(i int) {
	r := p.rows[i%len(p.rows)]
	d := &dialog{
		id: fmt.Sprintf("%s-%d@probe", runID, i), branch: fmt.Sprintf("z9hG4bKp%s%d", runID, i), uri: "sip:4001@" + rest,
		from: fmt.Sprintf("\"Probe\" <sip:%s@%s>;tag=p%d", r.num, self, i), want: 200, stage: 1, measured: i >= p.skip, first: -1, final: -1,
	}
	if r.verdict == "rej" {
		d.want = 603
	}
	p.open[d.id] = d
	p.res.Calls++
	d.send(request("INVITE", d.uri, d.branch, d.from, "<"+d.uri+">", d.id, 1, "", sdp))
}

// repeat sends again what nothing has come back for, and gives up what takes too long.
func (p *probe) repeat(now time.Time) {
	for _, d := range p.open {
		if now.After(d.limit) {
			p.close(d, fmt.Sprintf("stage %d timed out", d.stage))
			continue
		}
		if !d.quiet && now.After(d.again) {
			p.res.Resent++
			d.t1 *= 2
			d.again = now.Add(d.t1)
			syscall.Sendto(fd, d.msg, 0, &dst)
		}
	}
}

// receive takes an answer that came at a time.
func (p *probe) receive(m []byte, at time.Time) {
	code := status(m)
	d := p.open[one(header(m, "Call-ID"))]
	if code == 0 || d == nil {
		return
	}
	d.quiet = true
	switch cseq := one(header(m, "CSeq")); {
	case d.stage == 1 && cseq == "1 INVITE":
		p.answered(d, m, code, float64(at.UnixNano()-d.sent.UnixNano())/1000)
	case d.stage == 2 && cseq == "2 BYE" && code >= 200:
		p.close(d, d.verdict(code))
	}
}

// answered takes an answer to the INVITE that took us microseconds, and hangs up
// where it is a 200.
func (p *probe) answered(d *dialog, m []byte, code int, us float64) {
	if code > 100 && d.first < 0 {
		d.first = us
	}
	if code < 200 {
		return
	}
	d.got, d.final = code, us
	to := one(header(m, "To"))
	if code >= 300 {
		syscall.Sendto(fd, request("ACK", d.uri, d.branch, d.from, to, d.id, 1, "", ""), 0, &dst)
		p.close(d, d.verdict(200))
		return
	}
	routes, contact := routeSet(m), contactOf(m)
	syscall.Sendto(fd, request("ACK", contact, d.branch+"a", d.from, to, d.id, 1, routes, ""), 0, &dst)
	d.stage = 2
	d.send(request("BYE", contact, d.branch+"b", d.from, to, d.id, 2, routes, ""))
}

// verdict returns what is wrong with a call whose BYE was answered with bye.
func (d *dialog) verdict(bye int) string {
	switch {
	case d.got != d.want:
		return fmt.Sprintf("want %d got %d", d.want, d.got)
	case bye != 200:
		return fmt.Sprintf("BYE got %d", bye)
	}
	return ""
}

// routeSet returns the Route lines of a dialog that an answer makes.
func routeSet(m []byte) (routes string) {
	rr := header(m, "Record-Route")
	for k := len(rr) - 1; k >= 0; k-- {
		routes += "Route: " + rr[k] + "\r\n"
	}
	return routes
}

func contactOf(m []byte) string {
	contact := one(header(m, "Contact"))
	if a := strings.IndexByte(contact, '<'); a >= 0 {
		if b := strings.IndexByte(contact[a:], '>'); b > 0 {
			return contact[a+1 : a+b]
		}
	}
	return contact
}

// close ends a call; why says what went wrong with it.
func (p *probe) close(d *dialog, why string) {
	delete(p.open, d.id)
	if why != "" {
		p.res.Failed++
		p.res.Why[why]++
	}
	if d.measured && d.first >= 0 {
		p.first = append(p.first, d.first)
		p.final = append(p.final, d.final)
	}
}

// report prints the result as JSON.
func (p *probe) report() {
	sort.Float64s(p.first)
	sort.Float64s(p.final)
	r := &p.res
	r.P50, r.P95, r.P99, r.Max = percentile(p.first, .5), percentile(p.first, .95), percentile(p.first, .99), percentile(p.first, 1)
	r.AckedP50 = percentile(p.final, .5)
	for _, v := range p.first {
		r.Mean += v / float64(len(p.first))
	}
	out, err := json.Marshal(r)
	must(err)
	fmt.Println(string(out))
}

// percentile returns that of sorted values; -1: there are none.
func percentile(v []float64, p float64) float64 {
	if len(v) == 0 {
		return -1
	}
	i := int(p*float64(len(v))+0.5) - 1
	return v[max(0, min(i, len(v)-1))]
}
