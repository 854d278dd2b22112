package main

import (
	"context"
	"sync"
	"time"

	"callscreen/screening"
)

// lookedUp is what is known of a number, and what that took.
type lookedUp struct {
	Number  string `json:"number"`
	Country string `json:"country"`
	Class   string `json:"class"`
	Known   bool   `json:"known"`
	knowledge

	Source  string  `json:"source"`        // see [screening.Source]
	Age     float64 `json:"age,omitempty"` // seconds since a directory said so
	Asked   []said  `json:"asked"`         // one after the other
	Queries int     `json:"queries"`       // that were sent
	Took    float64 `json:"took"`          // milliseconds

	Failed string `json:"failed,omitempty"` // why there is no answer, in a word
	Error  string `json:"error,omitempty"`  // the same in words
	Nobody bool   `json:"nobody,omitempty"` // there is nobody to ask, and a call is none the worse for it
}

// knowledge is a [screening.Reputation] as commands print it.
type knowledge struct {
	Category    string   `json:"category,omitempty"`
	Label       string   `json:"label,omitempty"`
	Marks       int      `json:"marks,omitempty"`
	Name        string   `json:"name,omitempty"`
	Description string   `json:"description,omitempty"`
	Place       string   `json:"place,omitempty"`
	Kinds       []string `json:"kinds,omitempty"`
	Financial   []string `json:"financial,omitempty"`
	Directory   string   `json:"directory,omitempty"`
}

func knowledgeOf(r screening.Reputation) knowledge {
	return knowledge{string(r.Category), r.Label, r.Marks, r.Name, r.Description, r.Place, r.Kinds, r.FinancialTags, r.Directory}
}

// said is what one directory said.
type said struct {
	Directory string  `json:"directory"`
	Result    string  `json:"result"`          // known, unknown, or why there is no answer
	Error     string  `json:"error,omitempty"` // the same in words
	Queries   int     `json:"queries"`         // 0: it was not asked
	Took      float64 `json:"took"`            // milliseconds
}

// lookUp tells what is known of n: by whom a call would be told, or offline by
// what is remembered. It is no call, and not counted as one. cache may be nil.
func (l *lookups) lookUp(ctx context.Context, c *config, cache *screening.Cache, n screening.Number, offline bool) lookedUp {
	found := lookedUp{Number: n.Digits, Country: n.Country, Class: string(n.Class), Source: string(screening.SourceNone), Asked: []said{}}
	if !n.Screenable() {
		return found
	}
	t, began := new(trail), time.Now()
	a, err := l.consult(context.WithValue(ctx, trailKey{}, t), cache, n, offline)
	found.Took = inMilliseconds(time.Since(began))
	found.Asked, found.Queries = t.all()
	if err == nil && a.Source == screening.SourceNone && !offline {
		found.Failed, found.Error, found.Nobody = "key", c.errNoKey().Error(), true
		return found
	}
	if err != nil {
		found.Failed, found.Error = screening.FailureReason(err), err.Error()
		return found
	}
	found.Known, found.knowledge = a.Known(), knowledgeOf(a.Reputation)
	found.Source, found.Age = string(a.Source), a.Age.Seconds()
	return found
}

// consult asks the cache, or looks into it.
func (l *lookups) consult(ctx context.Context, cache *screening.Cache, n screening.Number, offline bool) (screening.Answer, error) {
	if cache == nil {
		return screening.Answer{Source: screening.SourceNone}, nil
	}
	if !offline {
		return cache.Ask(ctx, n)
	}
	if l.own != nil {
		if r, ok := l.own.Find(n); ok {
			return screening.Answer{Reputation: r, Source: screening.SourceList}, nil
		}
	}
	e, ok := cache.Get(n)
	if !ok {
		return screening.Answer{Source: screening.SourceNone}, nil
	}
	a := screening.Answer{Reputation: e.Reputation, Source: screening.SourceCache, Age: time.Since(e.At)}
	if !time.Now().Before(e.Expires) {
		a.Source = screening.SourceStale
	}
	return a, nil
}

// trail is what directories say to one who wants to know it of each. It goes with
// the context of a lookup, also behind the cache.
type trail struct {
	mu   sync.Mutex
	said []said
}

type trailKey struct{}

// trailOf returns nil where nobody wants to know.
func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

func (t *trail) add(name string, r screening.Reputation, err error, took time.Duration) {
	if t == nil {
		return
	}
	s := said{Directory: name, Result: resultOf(r, err), Took: inMilliseconds(took)}
	if asked(err) {
		s.Queries = 1
	}
	if err != nil {
		s.Error = err.Error()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said = append(t.said, s)
}

func (t *trail) all() (list []said, queries int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list = append([]said{}, t.said...)
	for _, s := range list {
		queries += s.Queries
	}
	return list, queries
}

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
