package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"callscreen/screening"
)

// mostChanges is how many of the calls that change are printed for people.
const mostChanges = 20

// doubtTexts say what a doubt is.
var doubtTexts = map[doubt]string{
	screening.NoLookup:      "the policy asks for a lookup, and none was made then",
	screening.HiddenNumbers: "the policy asks for numbers, and the record hides them",
}

func (t *retrial) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%s since %s, by the policy of revision %s\n\n", count(t.Calls, "call"), t.Since.Local().Format(time.DateTime), t.Policy.Revision)
	if err != nil {
		return err
	}
	if err := writeTable(w, []string{"verdict", "before", "after"}, t.verdictRows()); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := writeTable(w, []string{"rule", "before", "after", "in shadow"}, t.ruleRows()); err != nil {
		return err
	}
	if err := t.printChanges(w); err != nil {
		return err
	}
	return t.printDoubts(w)
}

func (t *retrial) verdictRows() (rows [][]string) {
	for _, v := range t.Verdicts {
		rows = append(rows, []string{v.Action.String(), strconv.Itoa(v.Before), strconv.Itoa(v.After)})
	}
	return rows
}

func (t *retrial) ruleRows() (rows [][]string) {
	for _, r := range t.Rules {
		rows = append(rows, []string{r.Rule, strconv.Itoa(r.Before), strconv.Itoa(r.After), orDash(number(r.Shadow))})
	}
	return rows
}

func (t *retrial) printChanges(w io.Writer) error {
	shown, more := t.Changes, ""
	if len(shown) > mostChanges {
		shown, more = shown[:mostChanges], fmt.Sprintf(", of which the first %d are these; --json has them all", mostChanges)
	}
	if _, err := fmt.Fprintf(w, "\n%s would change%s\n", count(len(t.Changes), "call"), more); err != nil || len(shown) == 0 {
		return err
	}
	var rows [][]string
	for _, c := range shown {
		sure := "certain"
		if c.Doubt != screening.NoDoubt {
			sure = "not certain"
		}
		rows = append(rows, []string{
			strconv.FormatInt(c.ID, 10), c.At.Local().Format(time.DateTime), c.From, orDash(c.To), orDash(c.Known), does(c.Before), does(c.After), sure,
		})
	}
	return writeTable(w, []string{"id", "time", "from", "to", "known as", "before", "after", ""}, rows)
}

func (t *retrial) printDoubts(w io.Writer) error {
	for _, d := range []doubt{screening.NoLookup, screening.HiddenNumbers} {
		if n := t.Doubts[d]; n > 0 {
			if _, err := fmt.Fprintf(w, "not certain: %s: %s\n", count(n, "call"), doubtTexts[d]); err != nil {
				return err
			}
		}
	}
	if t.Spared > 0 {
		_, err := fmt.Fprintf(w, "not judged: %s: they went through unscreened\n", count(t.Spared, "call"))
		return err
	}
	return nil
}

// does says what a verdict does, and by which rule.
func does(v screening.Verdict) string { return v.Action.String() + doing(v) + " (" + v.Rule + ")" }
