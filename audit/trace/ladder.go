package trace

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"callscreen/audit"
)

// apart is how far two addresses of a ladder stand from each other.
const apart = 28

// Ladder writes messages as arrows between addresses, a line each, with the seconds
// since the first:
//
//	          203.0.113.10:5060           192.0.2.1:5060
//	0.000     |--------- INVITE --------->|
//	0.002     |<------ 100 Trying --------|
//
// Whatever the messages hold, every line is of visible characters.
func Ladder(w io.Writer, messages []Message) error {
	out := bufio.NewWriter(w)
	hosts := participants(messages)
	head := strings.Repeat(" ", 10)
	for _, h := range hosts {
		head += fmt.Sprintf("%-*s", apart, h)
	}
	fmt.Fprintln(out, strings.TrimRight(head, " "))
	for i := range messages {
		m := &messages[i]
		since := m.At.Sub(messages[0].At).Seconds()
		fmt.Fprintf(out, "%-10.3f%s\n", since, rung(len(hosts), slices.Index(hosts, m.From), slices.Index(hosts, m.To), summary(m.Raw)))
	}
	return out.Flush()
}

// participants returns the addresses in the order in which they appear.
func participants(messages []Message) (hosts []netip.AddrPort) {
	for i := range messages {
		for _, h := range []netip.AddrPort{messages[i].From, messages[i].To} {
			if !slices.Contains(hosts, h) {
				hosts = append(hosts, h)
			}
		}
	}
	return hosts
}

// rung draws n addresses, and an arrow with a text from one of them to another.
func rung(n, from, to int, text string) string {
	line := []rune(strings.Repeat("|"+strings.Repeat(" ", apart-1), n))
	left, right := min(from, to)*apart, max(from, to)*apart
	if left == right { // to itself
		right = left + apart
	}
	arrow := line[left+1 : right]
	for i := range arrow {
		arrow[i] = '-'
	}
	if from <= to {
		arrow[len(arrow)-1] = '>'
	}
	if from >= to {
		arrow[0] = '<'
	}
	label := []rune(" " + text + " ")
	label = label[:min(len(label), len(arrow)-2)]
	copy(arrow[(len(arrow)-len(label))/2:], label)
	return strings.TrimRight(string(line), " ")
}

// summary returns the method of a request, and the status of an answer.
func summary(raw []byte) string {
	first, _, _ := bytes.Cut(raw, []byte("\n"))
	line := audit.Visible(string(bytes.TrimSuffix(first, []byte("\r"))))
	if status, answer := strings.CutPrefix(line, "SIP/2.0 "); answer {
		return status
	}
	method, _, _ := strings.Cut(line, " ")
	return method
}
