package main

import (
	"net/http"

	"callscreen/console"
)

// policyRoutes are what commands can ask about the policy and its lists.
func (p *process) policyRoutes() []console.Route {
	return []console.Route{
		{Pattern: "POST /policy/reload", Do: func(*http.Request) (any, error) {
			_ = p.policy.reload() // the answer tells
			return p.policy.now.Load().told(), nil
		}},
		{Pattern: "POST /past", Do: p.pastRoute},
		{Pattern: "GET /lists", Do: func(*http.Request) (any, error) { return p.policy.entries(), nil }},
		{Pattern: "POST /lists", Do: func(r *http.Request) (any, error) {
			var ch listChange
			if err := console.ReadBody(r, &ch); err != nil {
				return nil, err
			}
			return p.policy.change(ch)
		}},
	}
}

// policyTold is how the policy stands, as answers have it.
type policyTold struct {
	Mode     string   `json:"mode"`
	Revision string   `json:"revision"`
	Errors   []string `json:"errors,omitempty"` // which keep the files as they are now from being in force
}

func (s *standing) told() policyTold {
	t := policyTold{Mode: s.policy.Mode().String(), Revision: s.policy.Revision()}
	for _, err := range s.wrong {
		t.Errors = append(t.Errors, err.Error())
	}
	return t
}

// entries returns those of the lists that commands write.
func (k *keeper) entries() []listEntry {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pair.entries()
}

func (l listPair) entries() []listEntry {
	all := []listEntry{}
	for _, name := range []string{allowList, blockList} {
		for _, e := range l[name].Entries() {
			all = append(all, listEntryOf(name, e))
		}
	}
	return all
}
