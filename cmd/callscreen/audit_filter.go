package main

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"callscreen/audit/store"
	"callscreen/screening"
	"callscreen/screening/strictyaml"
)

// filterFlags are the flags that say which calls are meant.
type filterFlags struct {
	store.Filter
	since, until string
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	for _, one := range []struct {
		to         *string
		name, help string
	}{
		{&f.Number, "number", "the caller's `number`"},
		{&f.Called, "called", "the called `number`"},
		{&f.Call, "call", "the `Call-ID`"},
		{&f.Trunk, "trunk", "`name` of the trunk"},
		{&f.Category, "category", "the caller's `category`: fraud, sales, …"},
		{&f.Action, "action", "what was decided: allow, tag, divert or reject"},
		{&f.Rule, "rule", "`id` of the rule that decided"},
		{&f.Source, "source", "where the caller was known from: none, list, cache, stale, query or retry"},
		{&f.Failed, "failed", "why the lookup failed: timeout, quota, key, …"},
		{&f.Mode, "mode", "observe or enforce"},
		{&f.Text, "text", "part of a number, name, label, place, reason or Call-ID"},
	} {
		flags.StringVar(one.to, one.name, "", one.help)
	}
	flags.IntVar(&f.Final, "status", 0, "SIP status that the carrier got in the end")
	timeFlags(cmd, &f.since, &f.until)
	for name, words := range closedSets {
		if err := cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // the flags are a few lines above
		}
	}
}

// closedSets are the flags that take one of a few words.
var closedSets = map[string][]string{
	"action": {"allow", "tag", "divert", "reject"},
	"mode":   {"observe", "enforce"},
	"source": {"none", "list", "cache", "stale", "query", "retry"},
	"failed": {"timeout", "canceled", "panic", "quota", "key", "throttled", "upstream", "request", "rate", "budget", "failed"},
	"category": {
		string(screening.CategoryFraud), string(screening.CategorySales), string(screening.CategoryHarassment), string(screening.CategoryAgent),
		string(screening.CategoryDelivery), string(screening.CategoryRecruiter), string(screening.CategoryTaxi), string(screening.CategoryOther),
	},
}

func timeFlags(cmd *cobra.Command, since, until *string) {
	const form = "a date, a date and a time, or how long ago: 2026-11-24, \"2026-11-24 09:30\", 7d"
	cmd.Flags().StringVar(since, "since", "", "not before this `time`: "+form)
	cmd.Flags().StringVar(until, "until", "", "before this `time`; a date counts with its whole day")
}

// filter returns the filter that the flags make, with numbers in normal form.
func (f *filterFlags) filter(c *config, now time.Time) (store.Filter, error) {
	for name, value := range map[string]string{"action": f.Action, "mode": f.Mode, "source": f.Source, "failed": f.Failed, "category": f.Category} {
		if value != "" && !slices.Contains(closedSets[name], value) {
			return store.Filter{}, usage("--%s %q: write %s", name, value, strings.Join(closedSets[name], ", "))
		}
	}
	out := f.Filter
	trunk := f.Trunk
	if !slices.ContainsFunc(c.Trunks, func(t trunkConfig) bool { return t.Name == trunk }) {
		trunk = "" // the record may have one that the configuration has no more
	}
	for _, number := range []*string{&out.Number, &out.Called} {
		n, err := c.number(*number, trunk)
		if err != nil {
			return out, refused(err)
		}
		if n.Digits != "" { // else it is meant as the record has it
			*number = n.Digits
		}
	}
	var err error
	out.Since, out.Until, err = period(f.since, f.until, now)
	return out, err
}

// period reads the two times of timeFlags.
func period(since, until string, now time.Time) (from, to time.Time, err error) {
	if from, _, err = readTime("since", since, now); err != nil {
		return from, to, err
	}
	to, date, err := readTime("until", until, now)
	if date {
		to = to.AddDate(0, 0, 1)
	}
	return from, to, err
}

// readTime reads a time as people write it; the zero time when there is none. date:
// it is a date without a time of day.
func readTime(flag, text string, now time.Time) (at time.Time, date bool, err error) {
	if text == "" {
		return time.Time{}, false, nil
	}
	if ago, ok := strictyaml.Duration(text); ok {
		return now.Add(-ago), false, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, layout == time.DateOnly, nil
		}
	}
	return time.Time{}, false, usage("--%s %q: write a date as 2026-11-24, a time as \"2026-11-24 09:30\", or how long ago as 7d", flag, text)
}
