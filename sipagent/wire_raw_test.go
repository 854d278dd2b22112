package sipagent

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// This file reads and writes messages byte by byte without package wire, which
// is under test.

// sendRaw sends bytes as they are.
func (p *phone) sendRaw(raw []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(raw, p.proxy); err != nil {
		p.t.Fatal(err)
	}
}

// until returns the messages that come before one that begins with prefix and
// has the Call-ID.
func (p *phone) until(prefix, callID string) (before []msg, last msg) {
	p.t.Helper()
	for {
		m, ok := p.next(patience)
		if !ok {
			p.t.Fatalf("no %q with Call-ID %s came behind %q", prefix, callID, before)
		}
		if strings.HasPrefix(string(m), prefix) && m.header("Call-ID") == callID {
			return before, m
		}
		before = append(before, m)
	}
}

// fields splits a message into its start line and header fields, with their
// folds but without the last line break, and its body.
func fields(m string) (list []string, body string) {
	head, body, _ := strings.Cut(m, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		if n := len(list); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			list[n-1] += "\r\n" + line
			continue
		}
		list = append(list, line)
	}
	return list, body
}

// fieldName returns the long name of a header field in lower case.
func fieldName(field string) string {
	name, _, _ := strings.Cut(field, ":")
	name = strings.ToLower(strings.TrimSpace(name))
	if long, ok := map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length"}[name]; ok {
		return long
	}
	return name
}

var (
	noted     = regexp.MustCompile(`(?i);received=[^;,\s]*`)
	notedPort = regexp.MustCompile(`(?i);rport=\d+`)
	number    = regexp.MustCompile(`\d+$`)
)

// relayed returns the header fields and the body that a message has to arrive
// with on the other side, but for what we put on top.
func relayed(sent string) (list []string, body string) {
	list, body = fields(sent)
	forwards := false
	for i, f := range list[1:] {
		switch fieldName(f) {
		case "max-forwards":
			forwards = true
			list[i+1] = number.ReplaceAllStringFunc(f, func(n string) string {
				v, _ := strconv.Atoi(n)
				return strconv.Itoa(v - 1)
			})
		case "content-length":
			if n, err := strconv.Atoi(number.FindString(f)); err == nil && n < len(body) {
				body = body[:n]
			}
		}
	}
	if !forwards {
		list = append(list, "Max-Forwards: 70")
	}
	return withoutNotes(list), body
}

// arrived returns the header fields and the body of a message that came
// through us, without what we put on top and into the sender's Via.
func arrived(m msg, proxy string) (list []string, body string) {
	list, body = fields(string(m))
	top := slices.IndexFunc(list, func(f string) bool { return strings.HasPrefix(f, "Via: SIP/2.0/UDP "+proxy+";branch=z9hG4bK") })
	if top < 0 {
		return list, body
	}
	list = slices.Delete(list, top, top+1)
	list = slices.DeleteFunc(list, func(f string) bool {
		return strings.HasPrefix(f, "Record-Route: <sip:127.0.0.1:") || strings.HasPrefix(f, "X-Call-Screen: ")
	})
	return withoutNotes(list), body
}

// withoutNotes takes out of the topmost Via what we note there.
func withoutNotes(list []string) []string {
	for i, f := range list {
		if fieldName(f) == "via" {
			list[i] = notedPort.ReplaceAllString(noted.ReplaceAllString(f, ""), ";rport")
			return list
		}
	}
	return list
}

// echo makes the answer to a request by copying whole header fields.
func echo(request msg, status string) []byte {
	var b bytes.Buffer
	b.WriteString("SIP/2.0 " + status + "\r\n")
	list, _ := fields(string(request))
	for _, f := range list[1:] {
		switch fieldName(f) {
		case "via", "from", "to", "call-id", "cseq", "record-route":
			b.WriteString(f + "\r\n")
		}
	}
	b.WriteString("l: 0\r\n\r\n")
	return b.Bytes()
}

// popped returns an answer as it has to leave: without its first Via field.
func popped(answer []byte) string {
	list, body := fields(string(answer))
	top := slices.IndexFunc(list, func(f string) bool { return fieldName(f) == "via" })
	return strings.Join(slices.Delete(list, top, top+1), "\r\n") + "\r\n\r\n" + body
}
