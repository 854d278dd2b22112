package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/width"
)

// headings are those of the demo's table.
var headings = []string{"caller, as sent", "Juhe said", "verdict", "rule", "phone showed, or carrier got", "source", "ms"}

// row is a call as the table has it.
func (m member) row(r callResult) []string {
	return []string{m.caller.String(), r.said, r.Verdict, r.Rule, r.ending(), r.origin(), milliseconds(r.first)}
}

// ending says what the call came to: what rang, or what the carrier was told.
func (r callResult) ending() string {
	switch {
	case r.shown != "":
		return "rings: " + r.shown
	case r.status == 0:
		return "no answer"
	case r.status == 603:
		return "603 Decline"
	}
	return strconv.Itoa(r.status)
}

// origin says where what was known of the caller came from.
func (d recordLine) origin() string {
	if d.Failed != "" {
		return "query"
	}
	if d.Source == "none" {
		return "-"
	}
	return d.Source
}

func milliseconds(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
}

// writeTable writes rows below headings, every column as wide as its widest cell
// and the last one flush right.
func writeTable(w io.Writer, headings []string, rows [][]string) error {
	all := append([][]string{headings, make([]string, len(headings))}, rows...)
	widths := make([]int, len(headings))
	for _, row := range all {
		for i, cell := range row {
			row[i] = printable(cell)
			widths[i] = max(widths[i], displayWidth(row[i]))
		}
	}
	for i, n := range widths {
		all[1][i] = strings.Repeat("-", n)
	}
	var b strings.Builder
	for _, row := range all {
		last := len(row) - 1
		for i, cell := range row[:last] {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-displayWidth(cell)+2))
		}
		b.WriteString(strings.Repeat(" ", widths[last]-displayWidth(row[last])) + row[last] + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// displayWidth returns how many columns of a terminal s takes: a Chinese character
// takes two.
func displayWidth(s string) (n int) {
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// String is the closing line.
func (t tally) String() string {
	return fmt.Sprintf("%d calls: %d let through, %d labelled, %d refused; %d queries paid, %d saved by the cache",
		t.calls, t.allowed, t.tagged, t.refused, t.queries, t.cached)
}
