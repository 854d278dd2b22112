package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"callscreen/console"
	"callscreen/screening"
)

// remembered is what a process knows beside a call.
type remembered struct {
	Past   screening.Past `json:"past"`
	Policy policyTold     `json:"policy"` // in force
}

// pastRoute tells what the process remembers of the caller of a call.
func (p *process) pastRoute(r *http.Request) (any, error) {
	var call screening.Call
	if err := console.ReadBody(r, &call); err != nil {
		return nil, err
	}
	return remembered{p.engine.Facts(call).Past, p.policy.now.Load().told()}, nil
}

// remember returns what is remembered of the caller of a call, by the running process or
// by the one that ran last.
func (e *explained) remember(ctx context.Context, c *config, call screening.Call) error {
	var known remembered
	err := c.client().Do(ctx, http.MethodPost, "/past", call, &known)
	if errors.Is(err, console.ErrNotRunning) {
		e.notes = append(e.notes, "callscreen is not running: what it knows of callers is from its files")
		return e.rememberAlone(c, call)
	}
	if err != nil {
		return err
	}
	if err := e.read(c, call, nil); err != nil {
		return err
	}
	e.facts.Past = known.Past
	if known.Policy.Revision != e.policy.Revision() {
		e.notes = append(e.notes, fmt.Sprintf("callscreen: the running process has another policy in force: %s, revision %s", known.Policy.Mode, known.Policy.Revision))
	}
	return nil
}

// rememberAlone reads the memory that a process has saved. Who may not read it takes
// the caller for a stranger.
func (e *explained) rememberAlone(c *config, call screening.Call) error {
	memory, err := screening.NewMemory(screening.MemoryOptions{})
	if err != nil {
		return err
	}
	err = c.memoryFile().Load(memory.Load)
	if errors.Is(err, fs.ErrPermission) {
		e.notes = append(e.notes, "callscreen: the caller is taken for a stranger: "+err.Error())
	} else if err != nil {
		return err
	}
	return e.read(c, call, memory)
}

// read reads the call, with what a memory has of its caller.
func (e *explained) read(c *config, call screening.Call, memory *screening.Memory) error {
	engine, err := screening.New(c.engine(e.policy, nil, memory, zerolog.Nop()))
	if err != nil {
		return err
	}
	e.facts = engine.Facts(call)
	return nil
}

// lookUp finds out what a call would be told of its caller, or offline what is remembered
// of it. That nobody answers is one more fact.
func (e *explained) lookUp(ctx context.Context, c *config, q *question) error {
	found, _, err := c.lookUp(ctx, lookupRequest{Number: q.from, Trunk: e.facts.Call.Trunk, Offline: q.offline})
	switch {
	case err != nil:
		return err
	case found.Nobody:
		e.notes = append(e.notes, "callscreen: "+found.Error)
	case found.Failed != "":
		e.known, e.facts.Failed = true, failed(found.Failed)
	case found.Source != string(screening.SourceNone):
		e.known, e.facts.Reputation = true, found.reputation()
		e.facts.Source, e.facts.Age = screening.Source(found.Source), time.Duration(found.Age*float64(time.Second))
	}
	return nil
}

// failed is an error of which the reason is known.
type failed string

func (f failed) Error() string  { return string(f) }
func (f failed) Reason() string { return string(f) }

func (k *knowledge) reputation() screening.Reputation {
	return screening.Reputation{
		Category: screening.Category(k.Category), Label: k.Label, Marks: k.Marks, Name: k.Name, Description: k.Description, Place: k.Place,
		Kinds: k.Kinds, FinancialTags: k.Financial, Directory: k.Directory,
	}
}
