package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"callscreen/console"
	"callscreen/screening"
	"callscreen/screening/strictyaml"
	"callscreen/state"
)

// The lists that commands write, as they are called in commands and answers.
const (
	allowList = "allow"
	blockList = "block"
)

// stateLists are the lists that commands write: two CSV files in a folder of the state
// folder, which people may read and edit too.
type stateLists struct{ dir string }

func (c *config) lists() stateLists { return stateLists{filepath.Join(c.State, "lists")} }

func (s stateLists) path(list string) string { return filepath.Join(s.dir, list+".csv") }

// listPair is an allow and a block list.
type listPair map[string]*screening.List

// on returns p with the lists before those of its file.
func (l listPair) on(p *screening.Policy) *screening.Policy {
	return p.With(l[allowList], l[blockList])
}

// read reads the lists; files that are not there are empty. The error is
// [strictyaml.Errors], of both files, or that of the system.
func (s stateLists) read(zone *time.Location, read sums) (listPair, error) {
	pair, all := listPair{}, strictyaml.Errors(nil)
	for _, name := range []string{allowList, blockList} {
		data, err := read.file(s.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("lists: %w", err)
		}
		l, err := screening.ParseList(s.path(name), data, zone)
		var places strictyaml.Errors
		if err != nil && !errors.As(err, &places) {
			return nil, err
		}
		pair[name], all = l, append(all, places...)
	}
	if len(all) > 0 {
		return nil, all
	}
	return pair, nil
}

// listChange is what a command does to the lists.
type listChange struct {
	List   string        `json:"list"` // to put the number on; empty: off both
	Number string        `json:"number"`
	Trunk  string        `json:"trunk,omitempty"` // that writes it so
	Note   string        `json:"note,omitempty"`
	For    time.Duration `json:"for,omitempty"` // 0: for good

	habits screening.Habits // by which Number is read
}

// listEntry is an entry of a list, as answers have it.
type listEntry struct {
	List    string     `json:"list"`
	Number  string     `json:"number"`
	Note    string     `json:"note,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

func listEntryOf(list string, e screening.Entry) listEntry {
	l := listEntry{List: list, Number: e.Number, Note: e.Note}
	if !e.Expires.IsZero() {
		l.Expires = &e.Expires
	}
	return l
}

// listChanged is what became of a listChange.
type listChanged struct {
	Now    *listEntry  `json:"now,omitempty"`    // what the number is on; nil: neither list
	Before []listEntry `json:"before,omitempty"` // what it was on
	Remark string      `json:"remark,omitempty"` // why this does not do what it seems to

	form string // the number as it is compared
}

// happened says what was done, for the log.
func (d *listChanged) happened() string {
	if d.Now == nil {
		return "number taken off the lists"
	}
	return "number put on the " + d.Now.List + " list"
}

// change does what ch says to the files, and returns the lists as they then are. base is
// the policy without them. Nobody else changes the files meanwhile.
func (s stateLists) change(base *screening.Policy, ch listChange, now time.Time, read sums) (done listChanged, pair listPair, err error) {
	form, err := ch.habits.Form(ch.Number)
	if err != nil {
		return done, nil, console.BadRequest(fmt.Sprintf("number %q %v", ch.Number, err))
	}
	if err := state.Folder(s.dir); err != nil {
		return done, nil, err
	}
	unlock, err := state.Lock(s.dir)
	if err != nil {
		return done, nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	old, err := s.read(base.Zone(), read)
	if err != nil {
		return done, nil, err
	}
	if ch.List == "" {
		form, _ = formOnList(old.entries(), ch.Number, form)
	}
	done.form = form
	if pair, err = ch.apply(&done, old, form, now); err != nil {
		return done, nil, err
	}
	if err := done.judge(form, pair.on(base), base, now); err != nil {
		return done, nil, err
	}
	return done, pair, s.write(old, pair, read)
}

// formOnList returns the form by which a number is on a list, and whether it is: its
// own, or that of the number as it is written, which somebody wrote into a file without
// its area code.
func formOnList(entries []listEntry, number, own string) (form string, on bool) {
	plain, _ := screening.Entry{Number: number}.Form() // no entry has none
	for _, form := range []string{own, plain} {
		if slices.ContainsFunc(entries, func(e listEntry) bool { return e.form() == form }) {
			return form, true
		}
	}
	return own, false
}

// form returns the entry's number as it is compared.
func (l listEntry) form() string {
	form, _ := screening.Entry{Number: l.Number}.Form() // it was read from a list
	return form
}

// apply returns the lists with the change, and without entries that have ended.
func (ch *listChange) apply(done *listChanged, old listPair, form string, now time.Time) (listPair, error) {
	fresh := listPair{}
	for _, name := range []string{allowList, blockList} {
		entries := slices.DeleteFunc(slices.Clone(old[name].Entries()), func(e screening.Entry) bool {
			if !e.Expires.IsZero() && !e.Expires.After(now) {
				return true
			}
			of, err := e.Form()
			same := err == nil && of == form
			if same {
				done.Before = append(done.Before, listEntryOf(name, e))
			}
			return same
		})
		if name == ch.List {
			e := screening.Entry{Number: form, Note: ch.Note}
			if ch.For > 0 {
				e.Expires = now.Add(ch.For).Truncate(time.Second)
			}
			entries = append(entries, e)
			now := listEntryOf(name, e)
			done.Now = &now
		}
		var err error
		if fresh[name], err = screening.NewList(entries); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// judge says what keeps the change from doing what it seems to: p is the policy with
// it, and base the one without any of these lists. What it cannot do at all is an
// error.
func (d *listChanged) judge(form string, p, base *screening.Policy, now time.Time) error {
	rule, own := ruleFor(p, form, now), ruleFor(base, form, now)
	switch {
	case d.Now == nil && own == screening.RuleAllowList, d.Now == nil && own == screening.RuleBlockList:
		d.Remark = "it is on the " + strings.ReplaceAll(own, "-", " ") + " of the policy, and stays there"
	case d.Now == nil, rule == "":
	case d.Now.List == allowList && rule == screening.RuleNeverReject:
		d.Remark = "this number rings anyway"
	case d.Now.List == allowList:
	case rule == screening.RuleNeverReject:
		return console.BadRequest(form + " is a number that always rings: to refuse it all the same, write even_if_never_reject: true under block in the policy")
	case rule == screening.RuleAllowList:
		return console.BadRequest(form + " is on the allow list by another entry, which beats the block list: take that off first")
	case p.Mode() == screening.Observe:
		d.Remark = "the policy observes: nobody is refused as yet"
	}
	if d.Now == nil && len(d.Before) == 0 {
		return console.NotFound(strings.TrimSuffix(form+" is on neither list: "+d.Remark, ": "))
	}
	return nil
}

// ruleFor returns the rule that decides on calls of a number; empty for a pattern.
func ruleFor(p *screening.Policy, form string, now time.Time) string {
	if strings.ContainsAny(form, "_*X") {
		return ""
	}
	n, err := screening.Normalize(form, "86")
	if err != nil {
		return ""
	}
	return p.Decide(screening.Facts{Call: screening.Call{At: now, From: form}, Number: n}).Rule
}

// write replaces the files of the lists that have changed.
func (s stateLists) write(old, fresh listPair, read sums) error {
	for _, name := range []string{blockList, allowList} {
		if slices.Equal(old[name].Entries(), fresh[name].Entries()) {
			continue
		}
		text := screening.FormatList(fresh[name].Entries())
		if err := state.Replace(s.path(name), text); err != nil {
			return err
		}
		read[s.path(name)] = sumOf(text, nil)
	}
	return nil
}
