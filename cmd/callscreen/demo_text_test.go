package main

import (
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"

	"callscreen/juhe/juhesim"
)

func TestWriteTable(t *testing.T) {
	var b strings.Builder
	if err := writeTable(&b, []string{"caller", "said", "ms"}, [][]string{
		{"小李 <130>", "快递", "0.3"},
		{"95204657", "ＡＢ×3475", "1801.8"},
		{"a\x1b[2Jb\n", "", "-"},
	}); err != nil {
		t.Fatal(err)
	}
	const want = `caller      said           ms
----------  ---------  ------
小李 <130>  快递          0.3
95204657    ＡＢ×3475  1801.8
a�[2Jb�                     -
`
	if got := b.String(); got != want {
		t.Errorf("table is\n%s\nwant\n%s", got, want)
	}
	for line := range strings.Lines(b.String()) {
		if got := displayWidth(strings.TrimSuffix(line, "\n")); got != 29 {
			t.Errorf("%q takes %d columns, want 29", line, got)
		}
	}
}

func TestEnding(t *testing.T) {
	tests := []struct {
		r    callResult
		want string
	}{
		{callResult{status: 200, shown: "推销×3475 95204657"}, "rings: 推销×3475 95204657"},
		{callResult{status: 603}, "603 Decline"},
		{callResult{status: 480}, "480"},
		{callResult{}, "no answer"},
	}
	for _, tt := range tests {
		if got := tt.r.ending(); got != tt.want {
			t.Errorf("ending of %+v = %q, want %q", tt.r, got, tt.want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0.0", 260 * time.Microsecond: "0.3", 1801849 * time.Microsecond: "1801.8"} {
		if got := milliseconds(d); got != want {
			t.Errorf("milliseconds(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestInWords(t *testing.T) {
	tests := []struct{ body, want string }{
		{juhesim.Reply{Type: "推销", Num: 1478, FID: 2, Place: "浙江杭州"}.Body("057156264805"), "推销×1478 浙江杭州"},
		{juhesim.Reply{Name: "中国移动"}.Body("10086"), "中国移动"},
		{juhesim.Reply{}.Body("13900000000"), "nothing known"},
		{juhesim.Reply{Code: 10012}.Body("10086"), "error 10012"},
		{"<html>", "unreadable"},
	}
	for _, tt := range tests {
		if got := inWords([]byte(tt.body)); got != tt.want {
			t.Errorf("inWords(%s) = %q, want %q", tt.body, got, tt.want)
		}
	}
}

func TestRecordLineInWords(t *testing.T) {
	tests := []struct{ line, want string }{
		{`{"from":"95204657","label":"推销","marks":3475,"source":"query","verdict":"tag","rule":"sales"}`, "  95204657: tag by sales, 推销×3475 (query)"},
		{`{"from":"139","source":"none","verdict":"allow","rule":"lookup-failed","failed":"timeout"}`, "  139: allow by lookup-failed, no answer (timeout)"},
		{`{"from":"","source":"none","verdict":"allow","rule":"withheld"}`, "  no number: allow by withheld"},
		{`{"from":"\u001b[2J","source":"none","verdict":"allow","rule":"default"}`, "  �[2J: allow by default"},
	}
	for _, tt := range tests {
		l, err := readLine([]byte(tt.line))
		if got := l.String(); got != tt.want || err != nil {
			t.Errorf("%s reads %q, %v; want %q", tt.line, got, err, tt.want)
		}
	}
	if l, err := readLine([]byte("{")); err == nil {
		t.Errorf("half a line reads %q, want an error", l)
	}
}

func TestAnswerTo(t *testing.T) {
	const head = "v=0\r\no=me 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	const accepted = "m=audio 9 RTP/AVP 8 0\r\na=inactive\r\n"
	tests := []struct{ name, offer, want string }{
		{"no offer", "", accepted},
		{"audio", head + "m=audio 4000 RTP/AVP 9 8 0\r\na=sendrecv\r\n", accepted},
		{"audio and video", head + "m=audio 4000 RTP/AVP 8\r\nm=video 4002 RTP/AVP 99 100\r\n", accepted + "m=video 0 RTP/AVP 99\r\n"},
		{"encrypted first", head + "m=audio 4000 RTP/SAVP 8\r\nm=audio 4000 RTP/AVP 8\r\n", "m=audio 0 RTP/SAVP 8\r\n" + accepted},
		{"twice", head + "m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n", accepted + "m=audio 0 RTP/AVP 8\r\n"},
		{"line breaks without CR", "v=0\nm=audio 4000 RTP/AVP 8\n", accepted},
		{"half a line", head + "m=audio\r\n", ""},
	}
	for _, tt := range tests {
		if got := string(answerTo([]byte(tt.offer))); got != silentCall+tt.want {
			t.Errorf("%s: answer is %q, want %q", tt.name, got, silentCall+tt.want)
		}
	}
}

func TestDisplay(t *testing.T) {
	const from = "From: \"Zhang San\" <sip:95204657@carrier.example>;tag=1\r\n"
	tests := []struct{ headers, want string }{
		{from, "Zhang San"},
		{"From: <sip:95204657@carrier.example>;tag=1\r\n", "95204657"},
		{from + "P-Asserted-Identity: \"推销×3475 Zhang\" <sip:1@carrier.example>\r\n", "推销×3475 Zhang"},
		{from + "P-Asserted-Identity: <sip:+86571@carrier.example>\r\n", "+86571"},
		{from + "P-Asserted-Identity: \r\n", `unreadable: ""`},
	}
	for _, tt := range tests {
		m, err := sip.ParseMessage([]byte("INVITE sip:100@127.0.0.1 SIP/2.0\r\n" + tt.headers + "Content-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := display(m.(*sip.Request)); got != tt.want {
			t.Errorf("phone shows %q of\n%s\nwant %q", got, tt.headers, tt.want)
		}
	}
}
