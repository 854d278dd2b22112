package main

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"callscreen/audit"
	"callscreen/screening"
)

// callHeadings are those of a table of calls.
var callHeadings = []string{"id", "time", "from", "to", "verdict", "rule", "known as", "source", "status", "talk"}

func tableOf(w io.Writer, calls []audit.Record) error {
	rows := make([][]string, len(calls))
	for i := range calls {
		rows[i] = callRow(&calls[i])
	}
	return writeTable(w, callHeadings, rows)
}

func callRow(r *audit.Record) []string {
	d := &r.Decision
	return []string{
		strconv.FormatInt(r.ID, 10), d.Call.At.Local().Format(time.DateTime), callerOf(d), cmp.Or(r.To(), "-"), verdict(d), d.Verdict.Rule,
		orDash(known(&d.Reputation)), string(cmp.Or(d.Source, screening.SourceNone)), orDash(number(r.Final)), orDash(talk(r)),
	}
}

// callerOf names who called.
func callerOf(d *screening.Decision) string {
	return cmp.Or(d.Number.Digits, string(d.Number.Class), "-")
}

// verdict is what was decided, in brackets where it was not carried out.
func verdict(d *screening.Decision) string {
	if d.Mode == screening.Observe && d.Verdict.Action != screening.Allow {
		return "(" + d.Verdict.Action.String() + ")"
	}
	return d.Verdict.Action.String()
}

func known(r *screening.Reputation) string {
	label := cmp.Or(r.Label, string(r.Category), r.Name)
	if r.Marks > 0 {
		label += "×" + strconv.Itoa(r.Marks)
	}
	return label
}

// talk is how long a call lasted; empty for one that was not answered.
func talk(r *audit.Record) string {
	switch {
	case r.Answered.IsZero():
		return ""
	case r.Ended.IsZero():
		return "…"
	}
	return r.Talk().Round(time.Second).String()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func orDash(s string) string { return cmp.Or(s, "-") }

func listed(words []string) string {
	last := len(words) - 1
	return fmt.Sprintf("%s or %s", strings.Join(words[:last], ", "), words[last])
}
