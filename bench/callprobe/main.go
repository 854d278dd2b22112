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

func main() {
	target := flag.String("target", "127.0.0.1:25060", "proxy or callee")
	local := flag.String("local", "127.0.0.2:25075", "own address")
	inf := flag.String("inf", "", "numbers, number;verdict")
	rate := flag.Float64("rate", 50, "calls per second")
	n := flag.Int("n", 500, "number of calls")
	skip := flag.Int("skip", 20, "calls at the start that are not measured")
	flag.Parse()
	runtime.LockOSThread()

	f, err := os.Open(*inf)
	must(err)
	var rows []row
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		if a, b, ok := strings.Cut(sc.Text(), ";"); ok {
			rows = append(rows, row{a, b})
		}
	}
	f.Close()
	if len(rows) == 0 {
		must(fmt.Errorf("no numbers in %q", *inf))
	}

	self, rest, dst = *local, *target, addr4(*target)
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	must(err)
	must(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, 1))
	me := addr4(*local)
	must(syscall.Bind(fd, &me))
	runID = fmt.Sprintf("%x", time.Now().UnixNano())

	body := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=probe\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
	res := result{Why: map[string]int{}}
	var first, final []float64
	open := map[string]*dialog{}
	closeCall := func(d *dialog, why string) {
		delete(open, d.id)
		if why != "" {
			res.Failed++
			res.Why[why]++
		}
		if d.measured && d.first >= 0 {
			first = append(first, d.first)
			final = append(final, d.final)
		}
	}
	gap := time.Duration(float64(time.Second) / *rate)
	due := time.Now()
	for i := 0; i < *n || len(open) > 0; {
		now := time.Now()
		if i < *n && !now.Before(due) {
			due = due.Add(gap)
			r := rows[i%len(rows)]
			d := &dialog{
				id: fmt.Sprintf("%s-%d@probe", runID, i), branch: fmt.Sprintf("z9hG4bKp%s%d", runID, i), uri: "sip:4001@" + rest,
				from: fmt.Sprintf("\"Probe\" <sip:%s@%s>;tag=p%d", r.num, self, i), want: 200, stage: 1, measured: i >= *skip, first: -1, final: -1,
			}
			if r.verdict == "rej" {
				d.want = 603
			}
			open[d.id] = d
			res.Calls++
			i++
			d.send(request("INVITE", d.uri, d.branch, d.from, "<"+d.uri+">", d.id, 1, "", body))
			continue
		}
		wait := 100 * time.Millisecond
		if i < *n {
			wait = min(wait, due.Sub(now))
		}
		for _, d := range open {
			if now.After(d.limit) {
				closeCall(d, fmt.Sprintf("stage %d timed out", d.stage))
				continue
			}
			if !d.quiet && now.After(d.again) {
				res.Resent++
				d.t1 *= 2
				d.again = now.Add(d.t1)
				syscall.Sendto(fd, d.msg, 0, &dst)
			}
		}
		m, at, ok := next(wait)
		if !ok {
			continue
		}
		code := status(m)
		d := open[one(header(m, "Call-ID"))]
		if code == 0 || d == nil {
			continue
		}
		d.quiet = true
		if d.stage == 1 && one(header(m, "CSeq")) == "1 INVITE" {
			us := float64(at.UnixNano()-d.sent.UnixNano()) / 1000
			if code > 100 && d.first < 0 {
				d.first = us
			}
			if code < 200 {
				continue
			}
			d.got, d.final = code, us
			to := one(header(m, "To"))
			if code >= 300 {
				syscall.Sendto(fd, request("ACK", d.uri, d.branch, d.from, to, d.id, 1, "", ""), 0, &dst)
				why := ""
				if d.got != d.want {
					why = fmt.Sprintf("want %d got %d", d.want, d.got)
				}
				closeCall(d, why)
				continue
			}
			rr := header(m, "Record-Route")
			routes := ""
			for k := len(rr) - 1; k >= 0; k-- {
				routes += "Route: " + rr[k] + "\r\n"
			}
			ct := one(header(m, "Contact"))
			if a := strings.IndexByte(ct, '<'); a >= 0 {
				if b := strings.IndexByte(ct[a:], '>'); b > 0 {
					ct = ct[a+1 : a+b]
				}
			}
			syscall.Sendto(fd, request("ACK", ct, d.branch+"a", d.from, to, d.id, 1, routes, ""), 0, &dst)
			d.stage = 2
			d.send(request("BYE", ct, d.branch+"b", d.from, to, d.id, 2, routes, ""))
		} else if d.stage == 2 && one(header(m, "CSeq")) == "2 BYE" && code >= 200 {
			switch {
			case d.got != d.want:
				closeCall(d, fmt.Sprintf("want %d got %d", d.want, d.got))
			case code != 200:
				closeCall(d, fmt.Sprintf("BYE got %d", code))
			default:
				closeCall(d, "")
			}
		}
	}
	pct := func(v []float64, p float64) float64 {
		if len(v) == 0 {
			return -1
		}
		i := int(p*float64(len(v))+0.5) - 1
		return v[max(0, min(i, len(v)-1))]
	}
	sort.Float64s(first)
	sort.Float64s(final)
	res.P50, res.P95, res.P99, res.Max = pct(first, .5), pct(first, .95), pct(first, .99), pct(first, 1)
	res.AckedP50 = pct(final, .5)
	for _, v := range first {
		res.Mean += v / float64(len(first))
	}
	out, _ := json.Marshal(res)
	fmt.Println(string(out))
}
